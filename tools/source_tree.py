"""The files of the repository, and C++ without its comments and strings."""

import pathlib
import re
import subprocess

CPP = (".h", ".cc")
# Ends of names, before the suffix, of what only tests and benchmarks are made of.
PROOFS = ("_test", "_bench", "fixture")
# Where the walk without git does not look.
NOT_OURS = {".git", ".cache", "build", "demo-data", "node_modules", "__pycache__"}

# What blank() takes out.  Numbers come first, for the apostrophe in 1'000 opens no character.
_TOKEN = re.compile(
    r"""(?P<number>\b\d[\w.']*)
      | (?P<comment>//[^\n]*|/\*.*?\*/)
      | (?P<raw>R"(?P<delimiter>[^(\s\\]{0,16})\(.*?\)(?P=delimiter)")
      | (?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')""",
    re.VERBOSE | re.DOTALL)


def blank(text, comments=True):
    """`text` with strings, and comments if told, blanked; lines stay where they are."""

    def replace(match):
        found = match.group()
        if match.lastgroup == "number" or (match.lastgroup == "comment" and not comments):
            return found
        if match.group("comment"):
            return re.sub(r"[^\n]", " ", found)
        return '"' + re.sub(r"[^\n]", " ", found[1:-1]) + '"'

    return _TOKEN.sub(replace, text)


def paths_of(root):
    """Every file that belongs to the repository, relative to `root`, sorted."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, check=False)
    if listed.returncode == 0:
        paths = {pathlib.PurePosixPath(p) for p in listed.stdout.decode().split("\0") if p}
    else:  # An archive without its history.
        inner = (p.relative_to(root) for p in pathlib.Path(root).rglob("*"))
        paths = {pathlib.PurePosixPath(p) for p in inner if not NOT_OURS & set(p.parts)}
    return sorted(p for p in paths if (pathlib.Path(root) / p).is_file())


def read_text(path):
    """The file's text, or None if it holds bytes that are none."""
    raw = path.read_bytes()
    try:
        return None if b"\0" in raw else raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
