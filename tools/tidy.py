"""The house rules as a test: each breach is printed as path:line: rule: text.

A rule is a function that takes a File and yields findings.  Exceptions stand in two files:
tools/ratchet.txt (path rule number) holds old debts, which may only shrink; tools/allowed.txt
(rule path reason) holds what is right as it is.  An exception that nothing needs is a breach too.
"""

import ast
import collections
import pathlib
import re
import sys

from source_tree import CPP, PROOFS, blank, paths_of, read_text

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100
MIND = {"core", "json_text", "memory", "flight", "cache", "revision", "merge", "allowance",
        "session", "limits", "keyspace", "tenants"}
# Public headers of the hands; the others belong to the mind or are ports.
HANDS_HEADERS = {"runtime.h"}
VAGUE = {"manager", "helper", "helpers", "util", "utils", "data", "info"}

# `size` is what the ratchet compares: 1 for each finding, or a length.
Finding = collections.namedtuple("Finding", "path line rule text size", defaults=(1,))


class File:
    """One file, with what several rules need of it."""

    def __init__(self, path, text):
        self.path = pathlib.PurePosixPath(path)
        self.text = text
        self.lines = text.removesuffix("\n").split("\n")
        self.top = self.path.parts[0]
        self.is_cpp = self.path.suffix in CPP
        self.is_test = self.path.stem.endswith(PROOFS) or self.top in ("tests", "bench", "fuzz")
        self.is_golden = self.path.parts[:2] in (("tests", "golden"), ("fuzz", "corpus"))
        self.is_script = text.startswith("#!")
        self.is_code = not self.is_golden and (
            self.is_cpp or self.is_script or self.path.name == "CMakeLists.txt"
            or self.path.suffix in (".py", ".sh", ".cmake", ".js", ".css"))
        self.is_public = self.is_cpp and self.path.parts[:2] == ("include", "headrace")
        self.code = blank(text) if self.is_cpp else ""
        self.code_lines = self.code.split("\n")

    @property
    def is_mind(self):
        if self.is_public:
            return len(self.path.parts) == 3 and self.path.name not in HANDS_HEADERS
        return self.top == "src" and self.path.parts[1] in MIND

    def finding(self, line, rule, text, size=1):
        return Finding(str(self.path), line, rule, text, size)

    def matches(self, rule, pattern, text, lines=None):
        for number, line in enumerate(self.lines if lines is None else lines, 1):
            found = re.search(pattern, line)
            if found:
                yield self.finding(number, rule, text.format(found.group().strip()))


def file_lines(file):
    if file.is_code and len(file.lines) > FILE_LINES_MAX:
        yield file.finding(1, "file_lines", f"{len(file.lines)} lines; at most {FILE_LINES_MAX}",
                           len(file.lines))


def line_columns(file):
    for number, line in enumerate(file.lines if file.is_code else [], 1):
        if len(line) > COLUMNS_MAX:
            yield file.finding(number, "line_columns",
                               f"{len(line)} columns; at most {COLUMNS_MAX}")


def blanks(file):
    if file.is_golden or not file.text:
        return
    yield from file.matches("tabs", r"\t", "a tab; indent with spaces")
    yield from file.matches("trailing_blanks", r"[ \t\r]+$", "blanks at the end of the line")
    if not file.text.endswith("\n"):
        yield file.finding(len(file.lines), "final_newline", "the last line has no newline")


def left_for_later(file):
    if file.is_code:
        yield from file.matches("later", r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b",
                                "{}: do it now, or write down elsewhere that it is to be done")


def machine(file):
    yield from file.matches("machine", r"(?<![\w.$}])/(wor[k]|roo[t]|hom[e]/\w+)/",
                            "{}: a path of one machine")
    yield from file.matches(
        "registry", r"https?://[\w.-]*(debia[n]|ubunt[u]|npmj[s]|pyp[i]|pythonhoste[d]|crate[s]"
        r"|proxy\.golan[g]|mave[n]|docker\.i[o])[\w.-]*", "{}: a package registry's host")


def public_header(file):
    if file.is_cpp and file.path.suffix == ".h" and not re.search(
            r"^#pragma once$", file.text, re.MULTILINE):
        yield file.finding(1, "pragma_once", "a header without #pragma once")
    if not file.is_public:
        return
    name = str(file.path.relative_to("include"))
    if not file.text.startswith(f"// {name}: "):
        yield file.finding(1, "header_comment", f"must begin with '// {name}: '")
    top = "\n".join(line for line in file.text.partition("#pragma once")[0].splitlines()
                    if line.startswith("//"))
    for word in ("Threads:", "Errors:", "Lifetimes:"):
        if word not in top:
            yield file.finding(1, "header_contract", f"the top comment does not say '{word}'")


WORLD = (r"steady_clock|high_resolution_clock|system_clock::now|::now\(|std::j?thread\b(?!::)"
         r"|std::async|\bsocket\b|\bgetenv\b|std::c(out|err|log)\b|\b[fs]?n?printf\b|\bsleep_for\b"
         r"|\bsleep_until\b|random_device|std::[io]?fstream|\bfopen\b")


def mind(file):
    """The mind decides and touches nothing: time, chance and effects come in through ports."""
    if file.is_cpp and file.is_mind and not file.is_test:
        yield from file.matches("mind", WORLD, "{}: the mind reaches the world only by ports",
                                file.code_lines)


def sleeps(file):
    if file.is_cpp:
        yield from file.matches("sleep", r"\b(sleep_for|sleep_until|u?sleep|nanosleep)\s*\(",
                                "{}: wait for a condition or use a timer", file.code_lines)


def throws(file):
    if file.is_cpp and file.top in ("src", "include") and not file.is_test:
        yield from file.matches("throw", r"\bthrow\b", "errors are values here", file.code_lines)


def _spaces(match):
    return re.sub(r"[^\n]", " ", match.group())


def raw_memory(file):
    if file.is_cpp:
        code = re.sub(r"=\s*delete\b|\boperator\s+(new|delete)\b", _spaces, file.code)
        yield from file.matches("new", r"\bnew\s+[\w:]|\bnew\s*\(\s*std::nothrow"
                                r"|\bdelete\b\s*(\[\s*\])?\s*[\w(*:]",
                                "{}...: let a type own it", code.split("\n"))


# What g++ 12 compiles to something else, without a word.
MISCOMPILED = (r"\b(if|switch)\s*\(\s*!?\s*co_await\b|\?\s*co_await\b|co_await\s*\([^;()]*\?"
               r"|co_await\b[^;]*([\w>]|[(,]\s*)\{")


def coroutines(file):
    if file.is_cpp:
        yield from file.matches("coroutine", MISCOMPILED,
                                "{}: g++ 12 miscompiles this; name the value first",
                                file.code_lines)


def names(file):
    for part in file.path.parts:
        vague = VAGUE & set(re.split(r"[_.\-]", part.lower()))
        if vague:
            yield file.finding(1, "name", f"'{part}': {vague.pop()} says nothing")
    for number, line in enumerate(file.code_lines, 1):
        for name in re.findall(r"\b(?:class|struct|concept|enum|union)\s+([A-Z]\w+)", line):
            vague = VAGUE & {word.lower() for word in re.findall(r"[A-Z][a-z0-9]*", name)}
            if vague:
                yield file.finding(number, "name", f"'{name}': {vague.pop()} says nothing")


def unbounded(file):
    """A queue has a limit, and whoever declares it names the limit in a comment."""
    if not file.is_cpp or file.top != "src" or file.is_test:
        return
    for number, line in enumerate(file.code_lines, 1):
        if not re.search(r"std::(deque|list|(priority_)?queue)\s*<", line):
            continue
        near = file.lines[max(0, number - 2):number]
        if not any(re.search(r"//.*_max\b", each) for each in near):
            yield file.finding(number, "unbounded", "a queue; no comment names its limit (_max)")


def _opens(head):
    """What a brace after `head` opens: 'body' of a function, 'scope', or 'init' of a value."""
    head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.DOTALL)
    if head.count("(") > head.count(")") or re.search(r"(=|\breturn|,)\s*$", head):
        return "init"
    before = r"template\s*<.*?>\s*(?=\w)|requires\b.*?\n|(public|private|protected)\s*:\s*"
    bare = re.sub(rf"^\s*({before})+", " ", head, flags=re.DOTALL).strip()
    if re.match(r"(inline\s+)?namespace\b|(class|struct|union|enum|extern|typedef)\b", bare):
        return "scope"
    if re.search(r"\)\s*(noexcept\s*)?:(?!:)", bare) and re.search(r"[\w>]$", bare):
        return "init"  # A member's braces in a constructor's list.
    return "body" if ")" in bare else "scope"


def cpp_functions(code):
    """(first line, last line) of each function.  `code` has neither comments nor strings."""
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", _spaces, code, flags=re.MULTILINE)
    stack, head_at = [], 0
    for match in re.finditer(r"[{};]", code):
        inside = any(kind == "body" for kind, _ in stack)
        if match.group() == "{":
            head = code[head_at:match.start()]
            kind = "inner" if inside else _opens(head)
            if kind == "init":
                stack.append((kind, head_at))
                continue
            stack.append((kind, head_at + len(head) - len(head.lstrip())))
        elif match.group() == "}" and stack:
            kind, began = stack.pop()
            if kind == "init":
                head_at = began
                continue
            if kind == "body":
                yield code.count("\n", 0, began) + 1, code.count("\n", 0, match.start()) + 1
        elif stack and stack[-1][0] == "init":
            continue
        head_at = match.end()


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def function_lines(file):
    spans = ()
    if file.is_cpp:
        spans = cpp_functions(file.code)
    elif file.path.suffix == ".py":
        spans = python_functions(file.text)
    for first, last in spans:
        size = last - first + 1
        if size > FUNCTION_LINES_MAX:
            yield file.finding(first, "function_lines",
                               f"{size} lines in one function; at most {FUNCTION_LINES_MAX}", size)


RULES = (file_lines, function_lines, line_columns, blanks, left_for_later, machine, public_header,
         mind, sleeps, throws, raw_memory, coroutines, names, unbounded)


def untested(files):
    """Each decision of the mind has its test beside it."""
    paths = {str(file.path) for file in files}
    for file in files:
        if not (file.path.suffix == ".cc" and file.top == "src" and file.is_mind) or file.is_test:
            continue
        if str(file.path.with_name(file.path.stem + "_test.cc")) not in paths:
            yield file.finding(1, "untested", f"no {file.path.stem}_test.cc beside it")


def findings_of(files):
    for file in files:
        for rule in RULES:
            yield from rule(file)
    yield from untested(files)


def allow(findings, text, path="tools/allowed.txt"):
    """Takes out what `text` allows, and adds a finding for each line that nothing needs."""
    kept = list(findings)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        rule, where, reason = (line.split(None, 2) + ["", "", ""])[:3]
        needed = [f for f in kept if (f.rule, f.path) == (rule, where)]
        if not reason:
            kept.append(Finding(path, number, "allowed", "wants: rule path reason"))
        elif not needed:
            kept.append(Finding(path, number, "allowed", f"{where} needs no '{rule}' any more"))
        kept = [f for f in kept if f not in needed]
    return kept


LENGTHS = ("file_lines", "function_lines")


def ratchet(findings, text, path="tools/ratchet.txt"):
    """As allow(), for debts that have a size: the largest length, or how many there are."""
    kept = list(findings)
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) != 3 or not words[2].isdigit():
            kept.append(Finding(path, number, "ratchet", "wants: path rule number"))
            continue
        where, rule, owed = words[0], words[1], int(words[2])
        found = [f for f in kept if (f.rule, f.path) == (rule, where)]
        sizes = [f.size for f in found]
        now = (max(sizes, default=0) if rule in LENGTHS else sum(sizes))
        if now < owed:
            kept.append(Finding(path, number, "ratchet", f"{where}: {rule} is down to {now}"))
        if now <= owed:
            kept = [f for f in kept if f not in found]
    return kept


def check(root):
    root = pathlib.Path(root)
    files = []
    for path in paths_of(root):
        text = read_text(root / path)
        if text is not None:
            files.append(File(path, text))
    findings = findings_of(files)
    for apply, name in ((allow, "allowed.txt"), (ratchet, "ratchet.txt")):
        listed = root / "tools" / name
        findings = apply(findings, listed.read_text() if listed.exists() else "")
    return files, sorted(findings)


def main(arguments):
    root = arguments[0] if arguments else pathlib.Path(__file__).resolve().parent.parent
    files, findings = check(root)
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.text}")
    if not files:
        print(f"tidy: no files under {root}")
    print(f"tidy: {len(files)} files, {len(findings)} breaches")
    return 0 if files and not findings else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
