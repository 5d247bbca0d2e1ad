"""count_tests.py counts what CTest writes; what did not run for a fault has failed."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import count_tests

SKIPPED = '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'


def case(name, status, inside=""):
    return f'<testcase name="{name}" status="{status}">{inside}</testcase>'


def counted(*cases):
    return count_tests.count("<testsuite>" + "".join(cases) + "</testsuite>")


class Count(unittest.TestCase):
    def test_each_kind(self):
        counts, skipped, failed = counted(
            case("A", "run"), case("B", "run"),
            case("C", "fail", '<failure message=""/><system-out>one\ntwo\n</system-out>'),
            case("D", "notrun", SKIPPED), case("E", "disabled"))
        self.assertEqual(counts, (2, 1, 2))
        self.assertEqual([name for name, _ in skipped], ["D", "E"])
        self.assertEqual(failed, [("C", ["one", "two"])])

    def test_a_program_that_is_missing_is_a_failure(self):
        for why in ("Unable to find executable", "Fixture dependency failed"):
            counts, _, _ = counted(case("A", "notrun", f'<skipped message="{why}"/>'))
            self.assertEqual(counts, (0, 1, 0))

    def test_the_reason_is_what_the_test_said(self):
        def reason(output):
            text = case("A", "notrun", SKIPPED + f"<system-out>{output}</system-out>")
            return counted(text)[1][0][1]

        said = "[ RUN      ] A\n/a/b_test.cc:5: Skipped\n{}[  SKIPPED ] A (0 ms)\n[---]\n"
        self.assertEqual(reason(said.format("no server\nhere\n")), "no server here")
        self.assertEqual(reason(said.format("\n")), "SKIP_REGULAR_EXPRESSION_MATCHED")
        self.assertEqual(reason("cut off: Skipped\nno ser"), "no ser")


class Program(unittest.TestCase):
    def ends_with(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "tests.xml"
            if text is not None:
                path.write_text(text)
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                status = count_tests.main(str(path))
            return status, printed.getvalue().splitlines()[-1]

    def test_only_a_pass_is_success(self):
        self.assertEqual(self.ends_with("<testsuite>" + case("A", "run") + "</testsuite>"),
                         (0, "1 passed, 0 failed, 0 skipped"))
        self.assertEqual(self.ends_with("<testsuite>" + case("A", "notrun", SKIPPED) +
                                        "</testsuite>"), (1, "0 passed, 0 failed, 1 skipped"))
        for nothing in ("<testsuite/>", "", "<testsuite><testc", None):
            self.assertEqual(self.ends_with(nothing), (1, "0 passed, 0 failed, 0 skipped"))


if __name__ == "__main__":
    unittest.main()
