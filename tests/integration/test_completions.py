"""What is written from the command line: completions of three shells, and a page of the manual.

Each has to know every command and every option that --help shows, and what it knows has to work:
bash and man are asked themselves; test_shells.py asks the other two.
"""

import functools
import re
import subprocess
import unittest

from harness import BINARY, SECONDS_MAX, clean_environment


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env=clean_environment(), timeout=SECONDS_MAX, check=False, **more)


def headrace(*words):
    done = run(BINARY, *words)
    if done.returncode != 0:
        raise AssertionError(f"headrace {words} ended with {done.returncode}: {done.stderr}")
    return done.stdout


@functools.cache
def commands():
    """Each command, as the words that lead to it, with its options and what stands below it."""
    found = {}
    left = [()]
    while left:
        path = left.pop()
        shown = headrace(*path, "--help")
        options = re.findall(r"^  (?:\w+,)?(-[\w,-]+)", shown, re.MULTILINE)
        listed = shown.partition("Subcommands:\n")[2].partition("\n\n")[0]
        below = re.findall(r"^  (\w[\w-]*) ", listed, re.MULTILINE)
        found[path] = ({name for names in options for name in names.split(",")}, below)
        left += [path + (word,) for word in below]
    return found


class Help(unittest.TestCase):
    def test_it_was_read_right(self):
        self.assertGreater(len(commands()), 25)
        self.assertEqual(commands()[("policy", "set")],
                         ({"--help", "-h", "--rollout", "--percentage", "--reads", "--url",
                           "--json", "--bump-version", "--api-key-file", "--ca-file",
                           "--cert-file", "--key-file"}, []))
        self.assertIn("--profile", commands()[("replay",)][0])
        self.assertIn("set", commands()[("policy",)][1])


class Bash(unittest.TestCase):
    def setUp(self):
        self.script = headrace("completions", "bash")

    def answers(self, *lines):
        """What completing each line, at its end, offers."""
        asked = self.script
        for line in lines:
            words = " ".join(f"'{word}'" for word in line)
            asked += (f"COMP_WORDS=({words}); COMP_CWORD={len(line) - 1}; _headrace\n"
                      "echo \"${COMPREPLY[*]}\"\n")
        done = run("bash", "--norc", "-c", asked)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [set(line.split()) for line in done.stdout.split("\n")[:-1]]

    def test_every_command_and_option_is_offered(self):
        paths = list(commands())
        offered = self.answers(*[("headrace", *path, "") for path in paths])
        for path, words in zip(paths, offered, strict=True):
            options, below = commands()[path]
            self.assertLessEqual(options | set(below), words, path)

    def test_what_follows_an_option_is_its_value(self):
        before = ("headrace", "policy", "set", "user")
        self.assertEqual(
            self.answers((*before, "--rollout", ""), (*before, "--ro"),
                         (*before, "--percentage", ""), ("headrace", "migrate", "cut"),
                         ("headrace", "pol"), ("headrace", "read", "serve", "--c")),
            [{"on", "off", "shadow", "percentage"}, {"--rollout"}, set(), {"cut-over"}, {"policy"},
             {"--ca-file", "--cert-file"}])

    def test_a_file_is_offered_where_nothing_is_known(self):
        self.assertIn("complete -o default -F _headrace headrace", self.script)


class Zsh(unittest.TestCase):
    def test_every_command_and_option_is_named(self):
        script = headrace("completions", "zsh")
        for path, (options, below) in commands().items():
            function = "_".join(("_headrace", *path)) + "() {\n"
            self.assertIn("\n" + function, script)
            body = script.partition("\n" + function)[2].partition("\n}\n")[0]
            named = set(re.findall(r"^    '(?:\([^)]*\)|\*)(--?[\w-]+)", body, re.MULTILINE))
            self.assertEqual(named, options, path)
            self.assertEqual(re.findall(r"^    ([\w-]+)\) _", body, re.MULTILINE), below)


class Fish(unittest.TestCase):
    def test_every_command_and_option_is_named(self):
        script = headrace("completions", "fish")
        for path, (options, below) in commands().items():
            name = "".join(" " + word for word in path)
            lines = re.findall(rf"^complete -c headrace -n '[^=]*= \\'{name}\\''(.*)", script,
                               re.MULTILINE)
            named = {"--" + word for line in lines for word in re.findall(r" -l ([\w-]+)", line)}
            named |= {"-" + word for line in lines for word in re.findall(r" -s (\w)", line)}
            self.assertEqual(named, options, path)
            self.assertLessEqual(set(below), {word for line in lines
                                              for word in re.findall(r"^ -f -a ([\w-]+)", line)})


class Manual(unittest.TestCase):
    def test_every_command_and_option_has_its_place(self):
        page = headrace("manual").replace("\\-", "-")
        for path, (options, _) in commands().items():
            start = ".SS headrace " + " ".join(path) + "\n" if path else ".SH OPTIONS\n"
            self.assertIn(start, page)
            section = re.split(r"^\.S[SH] ", page.partition(start)[2], flags=re.MULTILINE)[0]
            named = set(re.findall(r"\\fB(-[\w-]+)\\fR", section))
            self.assertEqual(named, options if not path else options - {"--help", "-h"}, path)

    def test_man_shows_it_without_a_warning(self):
        shown = run("man", "--warnings", "-l", "-", input=headrace("manual"))
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("headrace policy set", shown.stdout)


class Unwritten(unittest.TestCase):
    def test_no_other_shell(self):
        self.assertEqual(run(BINARY, "completions", "tcsh").returncode, 2)


if __name__ == "__main__":
    unittest.main()
