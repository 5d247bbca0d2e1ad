"""Writes the page headrace.toml(5) out of docs/configuration.md, onto standard output.

It knows the Markdown that stands there: headings, paragraphs, fenced code, and tables, each row of
which becomes an entry; in the text bold, code and links.  Of anything else it says so and ends.
"""

import pathlib
import re
import sys

HEAD = """.\\" Written by tools/manual.py from docs/configuration.md.
.TH HEADRACE.TOML 5 "" "Headrace" "Headrace"
.SH NAME
headrace.toml \\- configuration of a Headrace server
.SH DESCRIPTION
"""
TAIL = """.SH SEE ALSO
.BR headrace (1)
"""
ESCAPED = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
SPAN = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\[(?P<link>[^\]]+)\]\([^)]+\)")


def plain(text):
    """`text` letter for letter, and not as a request to roff."""
    text = "".join(ESCAPED.get(letter, letter) for letter in text)
    return re.sub(r"^\.", r"\\&.", text, flags=re.MULTILINE)


def spans(text):
    """A paragraph: code and what is bold in bold, links as their words."""
    out, at = "", 0
    for found in SPAN.finditer(text):
        bold = found["code"] or found["bold"]
        out += plain(text[at:found.start()])
        out += f"\\fB{plain(bold)}\\fR" if bold else spans(found["link"])
        at = found.end()
    return out + plain(text[at:])


def cells(row):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]


def table(rows):
    heads, _, *entries = [cells(row) for row in rows]
    for name, *middle, meaning in entries:
        yield f".TP\n{spans(name)}\n{spans(meaning)}\n"
        told = [f"{head}: {spans(cell)}" for head, cell in zip(heads[1:-1], middle) if cell]
        if told:
            yield f".br\n({'; '.join(told)})\n"


def block(lines):
    """One block of Markdown, which is not empty, in roff."""
    first = lines[0]
    if first.startswith("```"):
        yield ".PP\n.nf\n" + plain("\n".join(lines[1:-1])) + "\n.fi\n"
    elif first.startswith("# "):
        return
    elif first.startswith("## "):
        yield f".SH {spans(first[3:])}\n"
    elif first.startswith("|"):
        yield from table(lines)
    elif re.match(r"\w|[`*\[]", first):
        yield ".PP\n" + spans(" ".join(lines)) + "\n"
    else:
        raise SystemExit(f"manual: what is this? {first}")


def blocks(text):
    """The text's blocks: what empty lines part, but for those in fences."""
    lines = []
    fenced = False
    for line in text.splitlines():
        begins = line.startswith("```") and not fenced
        if begins or (not fenced and (not line or line.startswith("#"))):
            if lines:
                yield lines
            lines = []
        fenced ^= line.startswith("```")
        if line or fenced:
            lines.append(line)
        if lines and not fenced and (line.startswith("```") or line.startswith("#")):
            yield lines
            lines = []
    if lines:
        yield lines


def page(markdown):
    return HEAD + "".join(part for each in blocks(markdown) for part in block(each)) + TAIL


if __name__ == "__main__":
    print(page(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")), end="")
