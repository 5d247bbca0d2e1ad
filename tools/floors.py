"""Compares the #includes of the tree with tools/floors.txt, and finds circles of folders.

`python3 tools/floors.py [root]` prints each include that the table does not allow.
"""

import collections
import configparser
import pathlib
import re
import sys

from source_tree import CPP, PROOFS, blank, paths_of, read_text

EVERYTHING = "everything"
POSIX = re.compile(r"(sys|netinet|arpa|net|linux)/|(unistd|fcntl|signal|pthread|poll|dlfcn|errno"
                   r"|time|netdb|pwd|grp|sched|syslog|stdlib|string|stdio|stdint|stddef)\.h$")
FOLDERS = ("src", "include", "apps", "tests", "bench", "fuzz", "examples")

Breach = collections.namedtuple("Breach", "path line text")


class Floors:
    """The table: the module of each header, and what each module may include."""

    def __init__(self, text):
        table = configparser.ConfigParser(delimiters=(":",), comment_prefixes=("#",))
        table.optionxform = str
        table.read_string(text)
        self.headers = {header: module for module, headers in table["headers"].items()
                        for header in headers.split()}
        self.rows = {module: items.split() for module, items in table["floors"].items()}
        self.open = {folder: items.split() for folder, items in table["open"].items()}

    def faults(self):
        """What is wrong with the table itself: a row may name only rows above it."""
        above = []
        for module, items in self.rows.items():
            for item in items:
                name = item.rstrip("*")
                if not item.startswith("<") and name not in above + ["posix", EVERYTHING]:
                    yield f"floors.txt: {module} names {name}, which does not stand above it"
            above.append(module)

    def above(self, module):
        names = list(self.rows)
        return names[:names.index(module)] if module in names else []

    def module_of_header(self, path):
        """The module of "headrace/...": by the table, or by the folder; None if neither knows."""
        inner = pathlib.PurePosixPath(path).relative_to("headrace")
        if len(inner.parts) == 1:
            return self.headers.get(str(inner))
        name = str(inner.with_suffix(""))
        return name if name in self.rows else None

    def module_of_include(self, path):
        """(module, whether it is public) of what is included with quotes; module may be None."""
        if path.startswith("headrace/"):
            return self.module_of_header(path), True
        parts = pathlib.PurePosixPath(path).parts
        for depth in (2, 1):
            if len(parts) > depth and "/".join(parts[:depth]) in self.rows:
                return "/".join(parts[:depth]), False
        return None, False

    def module_of_file(self, path):
        """The row that a file of the tree stands under; None if there is none."""
        parts = path.parts
        if parts[0] == "include":
            return self.module_of_header("/".join(parts[1:]))
        if parts[0] != "src":
            return parts[0] if parts[0] in self.rows or parts[0] in self.open else None
        return self.module_of_include("/".join(parts[1:]))[0]

    def allows_library(self, items, header):
        if re.fullmatch(r"[a-z_0-9]+", header) or EVERYTHING in items:
            return True
        if POSIX.match(header):
            return "posix" in items
        return any(header == item[1:-1] or re.match(re.escape(item[1:-1]) + r"[/.]", header)
                   for item in items if item.startswith("<"))


def includes_of(text):
    """(line, header, quoted) of each #include."""
    for number, line in enumerate(text.split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if found:
            yield number, found.group(1) or found.group(2), bool(found.group(1))


def _without_comments(text):
    """Blanks what is commented out.  Strings are blanked too, so quoted names come from `text`."""
    bare = blank(text).split("\n")
    return "\n".join(line if re.match(r"\s*#", code) else ""
                     for line, code in zip(text.split("\n"), bare))


def breaches_of_file(floors, path, text):
    module = floors.module_of_file(path)
    if module is None:
        yield Breach(str(path), 1, "belongs to no floor: name its module in tools/floors.txt")
        return
    items = floors.rows.get(module, floors.open.get(module, []))
    is_test = path.stem.endswith(PROOFS)
    public = path.parts[0] == "include"
    for line, header, quoted in includes_of(_without_comments(text)):
        if EVERYTHING in items:
            continue
        if not quoted:
            if not is_test and not floors.allows_library(items, header):
                yield Breach(str(path), line, f"{module} may not include <{header}>")
            continue
        target, target_public = floors.module_of_include(header)
        if is_test and (header.startswith(("kit/", "contract/")) or target in floors.above(module)):
            continue
        if target is None:
            yield Breach(str(path), line, f'"{header}" is on no floor: write "module/file.h"')
        elif public and not target_public:
            yield Breach(str(path), line, f'a public header may not include "{header}"')
        elif target != module and target not in items and not (
                target_public and target + "*" in items):
            yield Breach(str(path), line, f'{module} may not include "{header}" of {target}')


def graph_of(floors, files):
    """module -> the modules that it really includes, tests aside."""
    graph = collections.defaultdict(set)
    for path, text in files:
        module = floors.module_of_file(path)
        if module is None or path.parts[0] == "tests" or path.stem.endswith(PROOFS):
            continue
        for _, header, quoted in includes_of(_without_comments(text)):
            target = floors.module_of_include(header)[0] if quoted else None
            if target not in (None, module):
                graph[module].add(target)
    return graph


def cycle_of(graph):
    """One circle as a list of modules whose last includes the first; empty if there is none."""
    done = set()

    def walk(module, path):
        if module in path:
            return path[path.index(module):]
        if module in done:
            return []
        for target in sorted(graph.get(module, ())):
            found = walk(target, path + [module])
            if found:
                return found
        done.add(module)
        return []

    for module in sorted(graph):
        found = walk(module, [])
        if found:
            return found
    return []


def check(table, files):
    """Every breach: of the table, of the files, and of the graph that they make."""
    floors = Floors(table)
    breaches = [Breach("tools/floors.txt", 1, fault) for fault in floors.faults()]
    for path, text in files:
        breaches.extend(breaches_of_file(floors, path, text))
    circle = cycle_of(graph_of(floors, files))
    if circle:
        breaches.append(Breach("src", 1, "a circle: " + " -> ".join(circle + circle[:1])))
    return breaches


def main(arguments):
    here = pathlib.Path(__file__).resolve().parent
    root = pathlib.Path(arguments[0]) if arguments else here.parent
    files = [(path, read_text(root / path) or "") for path in paths_of(root)
             if path.suffix in CPP and path.parts[0] in FOLDERS and path.parts[:2] !=
             ("tests", "package")]
    breaches = check((here / "floors.txt").read_text(), files)
    for breach in breaches:
        print(f"{breach.path}:{breach.line}: {breach.text}")
    print(f"floors: {len(files)} files, {len(breaches)} breaches")
    return 0 if files and not breaches else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
