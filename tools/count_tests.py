"""Reads CTest's JUnit file and prints why tests were skipped, which failed, and one line of counts.

`count_tests.py FILE` ends with 1 if a test failed or if none ran.
"""

import collections
import re
import sys
import xml.etree.ElementTree as xml

LINES_OF_A_FAILED = 12
FAILED_TOLD = 20

Counts = collections.namedtuple("Counts", "passed failed skipped")


def reason_of(case):
    """What GTEST_SKIP() << says, which GoogleTest prints on the line after "Skipped"."""
    output = case.findtext("system-out") or ""
    found = re.search(r": Skipped\n(.*?)(?:^\[|\Z)", output, re.DOTALL | re.MULTILINE)
    said = " ".join(found.group(1).split()) if found else ""
    return said or case.find("skipped").get("message") or "no reason given"


def last_lines_of(case):
    """A log of thousands of tests is often seen by its end only: there the faults have to be."""
    return (case.findtext("system-out") or "").rstrip().splitlines()[-LINES_OF_A_FAILED:]


def count(text):
    """(counts, [(test, reason)] of the skipped, [(test, its last lines)] of the failed)."""
    skipped, failed, passed = [], [], 0
    for case in xml.fromstring(text).iter("testcase"):
        name, status = case.get("name"), case.get("status")
        if status == "run" and case.find("failure") is None:
            passed += 1
        elif status == "disabled" or (status == "notrun" and case.find("skipped") is not None
                                      and not _could_not_run(case)):
            skipped.append((name, "disabled" if status == "disabled" else reason_of(case)))
        else:
            failed.append((name, last_lines_of(case)))
    return Counts(passed, len(failed), len(skipped)), skipped, failed


def _could_not_run(case):
    """CTest says notrun also of a test whose program is missing; that is a failure."""
    message = case.find("skipped").get("message") or ""
    return "SKIP" not in message


def main(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            counts, skipped, failed = count(file.read())
    except (OSError, xml.ParseError) as fault:
        print(f"count_tests: no test results in {path}: {fault}")
        counts, skipped, failed = Counts(0, 0, 0), [], []
    for name, reason in skipped:
        print(f"skipped: {name}: {reason}")
    for name, said in failed[:FAILED_TOLD]:
        print(f"failed: {name}", *said, sep="\n    ")
    for name, _ in failed[FAILED_TOLD:]:
        print(f"failed: {name}")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 0 if counts.passed and not counts.failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
