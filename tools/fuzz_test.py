"""tools/fuzz notices a finding: the canary's faults, found by libFuzzer within seconds.

FUZZ_CANARY is the canary with libFuzzer and the sanitizers, FUZZ_REPLAY the one that replays.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import pathlib
import shlex
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
SECONDS = 60  # The budget; the canary is found within two.


def load():
    loader = importlib.machinery.SourceFileLoader("fuzz", str(HERE / "fuzz"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fuzz", loader))
    loader.exec_module(module)
    return module


fuzz = load()


class Canary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        (self.build / "fuzz").mkdir()
        (self.build / "fuzz/canary_fuzz").symlink_to(os.environ["FUZZ_CANARY"])

    def run_fuzz(self, *arguments):
        """(status, what was printed) of tools/fuzz on a build that has the canary alone."""
        done = subprocess.run(
            [HERE / "fuzz", "--build", self.build, "--kept", self.build / "none", *arguments],
            capture_output=True, text=True, check=False, timeout=SECONDS * 4)
        return done.returncode, done.stdout + done.stderr

    def test_a_fault_is_found_and_can_be_run_again(self):
        status, said = self.run_fuzz("canary", "--seconds", str(SECONDS))
        self.assertEqual(status, 1, said)
        found = list((self.build / "findings").glob("canary-*"))
        self.assertEqual(len(found), 1, said)
        self.assertIn(found[0].read_bytes()[:5], (b"racem", b"raced"))
        self.assertRegex(said, r"(?m)^canary\s.*\s1$")
        again = next(line for line in said.splitlines() if "run it again: " in line)
        command = shlex.split(again.split("run it again: ")[1])
        self.assertEqual(command[-1], str(found[0].resolve()))
        self.assertNotEqual(subprocess.run(command, capture_output=True, check=False).returncode, 0)

    def test_what_was_found_before_is_found_again(self):
        for _ in range(2):
            status, said = self.run_fuzz("canary", "--seconds", str(SECONDS), "--seed", "5")
            self.assertEqual(status, 1, said)
            self.assertRegex(said, r"(?m)^canary\s.*\s1$")

    def test_without_a_finding_all_is_well(self):
        # Too short for the fault.
        status, said = self.run_fuzz("canary", "--seconds", "1", "--max-len", "4", "--keep")
        self.assertEqual(status, 0, said)
        self.assertRegex(said, r"(?m)^canary\s+[\d,]{3,}\s+[\d,]+\s+\d+\s+\d+\s+0$")
        kept = list((self.build / "none/canary").iterdir())
        self.assertIn(f"0 inputs were kept, and {len(kept)} are added", said)
        self.assertIn(b"race", [path.read_bytes()[:4] for path in kept])

    def test_a_program_that_does_not_run_is_a_failure(self):
        program = self.build / "fuzz/canary_fuzz"
        program.unlink()
        program.write_text("#!/bin/sh\nexit 3\n")
        program.chmod(0o755)
        status, said = self.run_fuzz("canary", "--seconds", "1")
        self.assertEqual(status, 1, said)
        self.assertIn("ended with 3 and left no input", said)

    def test_each_planted_fault_is_noticed_and_named(self):
        for text, reason in ((b"racem", "heap-buffer-overflow"), (b"raced", "nobody says d")):
            with self.subTest(text):
                path = self.build / "input"
                path.write_bytes(text)
                done = subprocess.run([os.environ["FUZZ_CANARY"], path], capture_output=True,
                                      check=False, text=True, errors="replace")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(reason, fuzz.reason_of(done.stderr))

    def test_the_replay_notices_too(self):
        path = self.build / "input"
        for text, ends_well in ((b"raced", False), (b"race", True), (b"", True)):
            with self.subTest(text):
                path.write_bytes(text)
                done = subprocess.run([os.environ["FUZZ_REPLAY"], path], capture_output=True,
                                      check=False)
                self.assertEqual(done.returncode == 0, ends_well)

    def test_a_replay_of_nothing_is_a_failure(self):
        (self.build / "empty").mkdir()
        done = subprocess.run([os.environ["FUZZ_REPLAY"], self.build / "empty"],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 1)


class Keeping(unittest.TestCase):
    def test_inputs_are_chosen_by_what_none_has_reached(self):
        control = "5\n1\n/k/a\n/c/b\n/c/c\n/c/d\n/c/e\n" \
            "STARTED 0 3\nFT 0 1 2\nCOV 0 7\nSTARTED 1 3\nFT 1 1 3\nCOV 1\n" \
            "STARTED 2 3\nFT 2 1 3 4 5\nCOV 2\nSTARTED 3 3\nFT 3 2\nCOV 3\n" \
            "STARTED 4 3\nFT 4 6\nCOV 4\n"
        reached = fuzz.reached_by(control)
        self.assertEqual(reached["/c/b"], {"1", "3"})
        self.assertEqual(fuzz.choose(reached, {"/k/a"}, 9), ["/c/c", "/c/e"])
        self.assertEqual(fuzz.choose(reached, {"/k/a"}, 1), ["/c/c"])
        self.assertEqual(fuzz.choose(reached, {"/k/a"}, -3), [])


class Arguments(unittest.TestCase):
    def refused(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            fuzz.arguments_of(list(arguments))
        self.assertEqual(ended.exception.code, 2)
        return said.getvalue()

    def test_what_cannot_be_run_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("no targets", self.refused("--build", folder))
            programs = pathlib.Path(folder) / "fuzz"
            programs.mkdir()
            for name in ("a_fuzz", "canary_fuzz", "b_fuzz"):
                (programs / name).touch(mode=0o755)
            self.assertIn("there are: a b canary", self.refused("--build", folder, "c"))
            self.assertIn("at least a second", self.refused("--build", folder, "--seconds", "0"))
            options = fuzz.arguments_of(["--build", folder, "--minutes", "2"])
            self.assertEqual((options.targets, options.seconds), (["a", "b"], 120))


if __name__ == "__main__":
    unittest.main()
