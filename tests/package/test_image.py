"""The image, as far as that can be told without building it: what it copies is there, what it runs
exists, and its server starts with the settings that it makes."""

import fnmatch
import json
import os
import pathlib
import re
import shlex
import subprocess
import tempfile
import unittest

BINARY = os.environ["HEADRACE_TEST_BINARY"]
ROOT = pathlib.Path(__file__).resolve().parents[2]


def instructions():
    """(word, arguments, stage) of each instruction; a stage is counted from 0."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    stage = -1
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, arguments = line.partition(" ")
            stage += word == "FROM"
            yield word, arguments.strip(), stage


def of(word, stage):
    return [arguments for each, arguments, at in instructions() if (each, at) == (word, stage)]


class Image(unittest.TestCase):
    def ignored(self, path):
        patterns = (ROOT / ".dockerignore").read_text().split()
        parts = [path, *(str(parent) for parent in pathlib.PurePosixPath(path).parents)]
        return any(fnmatch.fnmatch(part, pattern.replace("**/", "*"))
                   for part in parts for pattern in patterns)

    def test_all_that_is_built_from_goes_along(self):
        self.assertEqual(of("COPY", 0), [". /src"])
        listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True,
                                check=False).stdout.split("\n")[:-1]
        left_out = [path for path in listed if self.ignored(path)]
        self.assertEqual(left_out, [])
        for path in ("build/dev/x", ".git/HEAD", ".cache/protos/x", "tools/__pycache__/x.pyc"):
            self.assertTrue(self.ignored(path), path)

    def test_what_is_built_is_what_the_door_makes(self):
        self.assertIn("./dev package", of("RUN", 0))
        self.assertEqual(of("COPY", 1), ["--from=build /src/build/packages/ /tmp/packages/"])
        door = (ROOT / "dev").read_text()
        self.assertIn("tools/package.sh build/release/apps/headrace/headrace build/packages", door)

    def test_the_package_brings_its_libraries(self):
        """Nothing is installed by a name that could be outlived by what the program links."""
        installed = re.search(r"install -y --no-install-recommends (.*?) &&", of("RUN", 1)[1])
        self.assertEqual(installed[1].split(), ["ca-certificates", "systemd-standalone-sysusers",
                                                "/tmp/packages/*.deb"])

    def test_it_is_nobody_in_particular(self):
        self.assertEqual(of("USER", 1), ["65532:65532"])
        self.assertIn("u headrace 65532", of("RUN", 1)[0])
        self.assertIn("systemd-sysusers headrace.conf",
                      (ROOT / "packaging/debian/postinst").read_text())

    def test_its_health_is_asked_of_the_program_itself(self):
        check = re.search(r"CMD (\[.*\])", of("HEALTHCHECK", 1)[0])
        name, *words = json.loads(check[1])
        self.assertEqual(name, json.loads(of("ENTRYPOINT", 1)[0])[0])
        shown = subprocess.run([BINARY, *words, "--help"], capture_output=True, check=False)
        self.assertEqual(shown.returncode, 0)

    def test_the_settings_that_it_makes_are_sound(self):
        made = dict(part.split("=", 1) for part in shlex.split(of("ENV", 1)[0]))
        self.assertEqual(f"tcp://0.0.0.0:{of('EXPOSE', 1)[0]}", made["HEADRACE_HTTP_LISTEN"])
        with tempfile.TemporaryDirectory() as folder:
            key = pathlib.Path(folder, "key")
            key.write_text("secret\n")
            self.assertTrue(made["HEADRACE_CONFIG"].endswith("/etc/headrace/headrace.toml"))
            made |= {"HEADRACE_API_KEY_FILE": str(key),
                     "HEADRACE_CONFIG": str(ROOT / "packaging/headrace.toml")}
            command = json.loads(of("CMD", 1)[0])
            checked = subprocess.run([BINARY, *command, "--check-config"], capture_output=True,
                                     text=True, env=made, check=False)
        self.assertEqual((checked.returncode, checked.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
