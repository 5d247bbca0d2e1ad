"""The page headrace.toml(5): every key of docs/configuration.md has its entry."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/configuration.md"


def page_of(document):
    return subprocess.run([sys.executable, ROOT / "tools/manual.py", document],
                          capture_output=True, text=True, check=False)


class Page(unittest.TestCase):
    def test_every_key_has_its_entry(self):
        page = page_of(DOCUMENT).stdout.replace("\\-", "-")
        entries = [line for entry in re.findall(r"^\.TP\n(.+)$", page, re.MULTILINE)
                   for line in re.findall(r"\\fB(.+?)\\fR", entry)]
        rows = re.findall(r"^\| `([\w\[\].]+)`.*\|$", DOCUMENT.read_text(), re.MULTILINE)
        self.assertGreater(len(rows), 150)
        self.assertEqual([name for name in entries if name in set(rows)], rows)

    def test_every_section_has_its_heading(self):
        sections = re.findall(r"^## ([\w ]+)", DOCUMENT.read_text(), re.MULTILINE)
        page = page_of(DOCUMENT).stdout
        for section in sections:
            self.assertIn(f".SH {section}", page)

    def test_what_it_does_not_know_it_refuses(self):
        document = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()),
                                "strange.md")
        document.write_text("# Title\n\n> A quotation.\n")
        refused = page_of(document)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("> A quotation.", refused.stderr)

    def test_man_shows_it_without_a_warning(self):
        if shutil.which("man") is None:
            self.skipTest("there is no man here")
        shown = subprocess.run(["man", "--warnings", "-l", "-"], input=page_of(DOCUMENT).stdout,
                               capture_output=True, text=True, check=False,
                               env=dict(os.environ, MANWIDTH="80"))
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("stale_if_error_for", shown.stdout)
        self.assertNotRegex(shown.stdout, r"\]\(|\*\*|`")


if __name__ == "__main__":
    unittest.main()
