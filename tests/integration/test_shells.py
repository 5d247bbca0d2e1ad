"""Completions in the shells that not every machine has: they have to take their scripts."""

import shutil
import tempfile
import unittest

from test_completions import headrace, run


def need(test, program):
    if shutil.which(program) is None:
        test.skipTest(f"there is no {program} here")


class Shells(unittest.TestCase):
    def test_zsh_takes_it(self):
        need(self, "zsh")
        taken = run("zsh", "-n", "/dev/stdin", input=headrace("completions", "zsh"))
        self.assertEqual((taken.returncode, taken.stderr), (0, ""))

    def test_fish_takes_it_and_offers(self):
        need(self, "fish")
        script = headrace("completions", "fish")
        asked = script + "complete -C 'headrace policy set x --rollout '\n"
        with tempfile.NamedTemporaryFile("w", suffix=".fish") as file:
            file.write(asked)
            file.flush()
            done = run("fish", "--no-config", file.name)
        self.assertEqual(done.stderr, "")
        self.assertEqual({line.split("\t")[0] for line in done.stdout.splitlines()},
                         {"on", "off", "shadow", "percentage"})


if __name__ == "__main__":
    unittest.main()
