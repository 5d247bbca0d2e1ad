"""The Debian package: what is in it, and that it can be installed where nothing else is.

It is made once, from the program that was built.  The root that it is installed into holds a shell,
the programs that its scripts call and the libraries that it depends on, all of this machine's, and
needs no network.
"""

import functools
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BINARY = pathlib.Path(os.environ["HEADRACE_TEST_BINARY"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS_MAX = 240


ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}


def run(*command, **more):
    more.setdefault("check", True)
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env=ENVIRONMENT, timeout=SECONDS_MAX, **more)


@functools.cache
def folder():
    made = tempfile.TemporaryDirectory(prefix="headrace-package-")
    unittest.addModuleCleanup(made.cleanup)
    return pathlib.Path(made.name)


@functools.cache
def package():
    if shutil.which("dpkg-deb") is None:
        raise unittest.SkipTest("there is no dpkg-deb here")
    run(ROOT / "tools/package.sh", BINARY, folder())
    return next(folder().glob("*.deb"))


@functools.cache
def unpacked():
    tree = folder() / "tree"
    run("dpkg-deb", "-R", package(), tree)
    return tree


def field(name):
    return run("dpkg-deb", "-f", package(), name).stdout.strip()


class Contents(unittest.TestCase):
    def test_its_name_and_fields_are_the_programs(self):
        version = run(BINARY, "version").stdout.split()[1]
        architecture = run("dpkg", "--print-architecture").stdout.strip()
        self.assertEqual(package().name, f"headrace_{version}-1_{architecture}.deb")
        self.assertEqual((field("Package"), field("Version")), ("headrace", version + "-1"))
        self.assertRegex(field("Maintainer"), r"^.+ <.+@.+>$")

    def test_all_is_where_debian_looks_for_it(self):
        files = {str(path.relative_to(unpacked())) for path in unpacked().rglob("*")
                 if path.is_file() and path.relative_to(unpacked()).parts[0] != "DEBIAN"}
        self.assertEqual(files, {
            "usr/bin/headrace", "lib/systemd/system/headrace.service",
            "usr/lib/sysusers.d/headrace.conf", "usr/lib/tmpfiles.d/headrace.conf",
            "etc/headrace/headrace.toml", "usr/share/man/man1/headrace.1.gz",
            "usr/share/man/man5/headrace.toml.5.gz",
            "usr/share/bash-completion/completions/headrace",
            "usr/share/zsh/vendor-completions/_headrace",
            "usr/share/fish/vendor_completions.d/headrace.fish",
            "usr/share/doc/headrace/copyright", "usr/share/doc/headrace/changelog.gz",
            "usr/share/doc/headrace/changelog.Debian.gz"})
        listed = run("dpkg-deb", "-c", package()).stdout
        self.assertNotRegex(listed, re.compile(r"^\S+ (?!root/root)", re.MULTILINE))
        self.assertRegex(listed, r"-rwxr-xr-x root/root .* \./usr/bin/headrace\n")
        self.assertEqual((unpacked() / "DEBIAN/conffiles").read_text(),
                         "/etc/headrace/headrace.toml\n")
        run("md5sum", "--quiet", "-c", "DEBIAN/md5sums", cwd=unpacked())

    def test_every_library_is_depended_on(self):
        """By its package's name, or by one that begins with it and promises an ABI."""
        named = set(re.findall(r"[\w.+-]+(?= \(|,|$)", field("Depends")))
        needed = re.findall(r"NEEDED\s+(\S+)", run("objdump", "-p", BINARY).stdout)
        self.assertIn("libssl.so.3", needed)
        of_programs = dict(re.findall(r"^\s*(\S+) => (\S+)", run("ldd", BINARY).stdout, re.M))
        for library in needed:
            if library not in of_programs:
                continue  # The loader itself.
            path = os.path.realpath(of_programs[library])
            paths = {path, path.removeprefix("/usr"), "/usr" + path}
            owners = set()
            for each in paths:
                found = run("dpkg", "-S", each, check=False).stdout
                owners |= {line.split(":")[0] for line in found.splitlines()}
            self.assertTrue(any(name.startswith(tuple(owners)) for name in named if owners),
                            f"{library} of {owners}: {sorted(named)}")

    def test_what_is_packed_can_be_read(self):
        share = unpacked() / "usr/share"
        manual = gzip.decompress((share / "man/man1/headrace.1.gz").read_bytes()).decode()
        self.assertEqual(manual, run(BINARY, "manual").stdout)
        said = gzip.decompress((share / "doc/headrace/changelog.Debian.gz").read_bytes()).decode()
        self.assertRegex(said, r"^headrace \(\S+\) unstable; urgency=medium\n\n  \* .*\n\n"
                               r" -- .+ <.+>  \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\n$")
        self.assertEqual((share / "bash-completion/completions/headrace").read_text(),
                         run(BINARY, "completions", "bash").stdout)

    def test_the_same_program_gives_the_same_package(self):
        again = folder() / "again"
        run(ROOT / "tools/package.sh", BINARY, again)
        self.assertEqual(next(again.glob("*.deb")).read_bytes(), package().read_bytes())

    def test_the_configuration_is_sound_and_for_this_machine_alone(self):
        file = unpacked() / "etc/headrace/headrace.toml"
        run(BINARY, "serve", "--check-config", "--config", file)
        printed = run(BINARY, "serve", "--print-config", "--config", file).stdout
        self.assertIn("listen = 'tcp://127.0.0.1:8080'", printed)
        # What is only an example is sound as well.
        lines = file.read_text().splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("# [sources"))
        example = folder() / "example.toml"
        example.write_text("\n".join(line.removeprefix("# ") for line in lines[start:]))
        run(BINARY, "serve", "--check-config", "--config", example)


class Lintian(unittest.TestCase):
    def test_it_finds_nothing(self):
        if shutil.which("lintian") is None:
            self.skipTest("there is no lintian here")
        done = run("lintian", "--allow-root", "--fail-on", "error", "--suppress-tags",
                   "bogus-mail-host,bogus-mail-host-in-debian-changelog", package(), check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Unit(unittest.TestCase):
    text = (ROOT / "packaging/headrace.service").read_text()

    def test_it_is_hardened(self):
        for line in ("Type=notify", "User=headrace", "ProtectSystem=strict", "NoNewPrivileges=yes",
                     "StateDirectory=headrace", "CapabilityBoundingSet=", "ProtectHome=yes",
                     "ExecReload=/bin/kill -HUP $MAINPID"):
            self.assertIn(line, self.text.splitlines())

    def test_systemd_takes_it(self):
        if shutil.which("systemd-analyze") is None:
            self.skipTest("there is no systemd-analyze here")
        tree = folder() / "unit"
        for name in ("usr/bin/headrace", "bin/kill"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text("#!/bin/sh\n")
            (tree / name).chmod(0o755)
        unit = tree / "lib/systemd/system/headrace.service"
        unit.parent.mkdir(parents=True)
        unit.write_text(self.text)
        for name in ("sysinit.target", "basic.target", "shutdown.target", "network-online.target",
                     "multi-user.target", "system.slice", "-.slice"):
            (unit.parent / name).write_text("[Unit]\nDescription=Of a test\n")
        verified = run("systemd-analyze", f"--root={tree}", "--man=no", "verify",
                       "headrace.service", check=False)
        self.assertEqual((verified.returncode, verified.stderr), (0, ""))
        weighed = run("systemd-analyze", f"--root={tree}", "security", "--offline=true",
                      "--threshold=20", "headrace.service", check=False)
        self.assertEqual(weighed.returncode, 0, weighed.stdout)


class Installed(unittest.TestCase):
    """In a root that holds nothing of Headrace but its libraries."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root may change its root")
        cls.root = folder() / "root"
        for name in ("etc", "var/lib/dpkg/info", "var/lib/dpkg/updates", "tmp", "proc", "usr/bin",
                     "usr/sbin", "usr/lib"):
            (cls.root / name).mkdir(parents=True)
        for name, at in (("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"),
                         ("lib64", "usr/lib64")):
            (cls.root / at).mkdir(exist_ok=True)
            (cls.root / name).symlink_to(at)
        (cls.root / "var/lib/dpkg/status").touch()
        for program in ("sh", "rm", "systemd-sysusers"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"there is no {program} here")
            cls.copy(pathlib.Path(os.path.realpath(shutil.which(program))), f"/usr/bin/{program}")
        cls.copy_libraries(BINARY)
        cls.dpkg("-i", package())

    @classmethod
    def copy(cls, program, to):
        shutil.copy2(program, cls.root / to[1:])
        cls.copy_libraries(program)

    @classmethod
    def copy_libraries(cls, program):
        for path in re.findall(r"(/\S+\.so\S*) \(", run("ldd", program).stdout):
            place = cls.root / path[1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.exists():
                shutil.copy2(os.path.realpath(path), place)

    @classmethod
    def dpkg(cls, *arguments):
        done = run("dpkg", f"--root={cls.root}", "--force-depends", *arguments, check=False)
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)

    def inside(self, *command):
        return run("chroot", self.root, *command, check=False)

    def test_it_runs_there_and_leaves_nothing(self):
        version = self.inside("/usr/bin/headrace", "version")
        self.assertEqual((version.returncode, version.stderr), (0, ""))
        checked = self.inside("/usr/bin/headrace", "serve", "--check-config", "--config",
                              "/etc/headrace/headrace.toml")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        self.assertRegex((self.root / "etc/passwd").read_text(),
                         r"(?m)^headrace:.*:/var/lib/headrace:/usr/sbin/nologin$")
        if shutil.which("systemctl") is not None:
            listed = run("systemctl", f"--root={self.root}", "list-unit-files", "headrace.service")
            self.assertRegex(listed.stdout, r"headrace\.service\s+disabled")
        (self.root / "var/lib/headrace").mkdir(exist_ok=True)
        self.dpkg("-r", "headrace")
        self.assertFalse((self.root / "usr/bin/headrace").exists())
        self.assertTrue((self.root / "etc/headrace/headrace.toml").exists())
        self.dpkg("-P", "headrace")
        left = [path for path in self.root.rglob("*headrace*") if "dpkg" not in path.parts]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
