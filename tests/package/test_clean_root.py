"""The Debian package in a root of Debian that holds nothing but the base: apt finds all that it
depends on, the program serves there as the service's user, and what a removal leaves is what
Debian's policy says.

The root is tools/roots.sh's.  What the package depends on is fetched once, into .cache/roots; all
else has no network but a loopback of its own, so that the packaged port is free.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from test_debian import ENVIRONMENT, ROOT, SECONDS_MAX, package

ROOTS = ROOT / ".cache/roots"
MISSING = ROOTS / "bookworm.missing"
APT = ("apt-get", "-q", "-y", "--no-install-recommends", "-o", "APT::Sandbox::User=root",
       "-o", "Dir::Cache::archives=/archives", "-o", "APT::Keep-Downloaded-Packages=true",
       "-o", "Dpkg::Options::=--force-unsafe-io")
INSIDE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive",
          "LC_ALL": "C.UTF-8"}
# Mounts are seen by one command and its children, and gone with them.
MOUNTED = ('mount -t proc proc "$0/proc" && mount --bind "$1" "$0/archives" && '
           'if [ -n "$2" ]; then ip link set lo up; fi && shift 2 && exec "$@"')
ASKED = ("import sys, urllib.request; "
         "print(urllib.request.urlopen('http://127.0.0.1:8080' + sys.argv[1], timeout=20).status)")


class CleanRoot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.began = time.monotonic()
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root may change its root")
        for program in ("unshare", "nsenter", "chroot", "ip", "tar"):
            if shutil.which(program) is None:
                raise unittest.SkipTest(f"there is no {program} here")
        if not (ROOTS / "bookworm.tar").exists():
            raise unittest.SkipTest("there is no root of Debian here: " + (
                MISSING.read_text().strip() if MISSING.exists() else "run tools/roots.sh"))
        made = tempfile.TemporaryDirectory(prefix="headrace-root-")
        cls.addClassCleanup(made.cleanup)
        cls.root = pathlib.Path(made.name)
        cls.archives = ROOTS / "archives"
        (cls.archives / "partial").mkdir(parents=True, exist_ok=True)
        subprocess.run(["tar", "-C", cls.root, "-xf", ROOTS / "bookworm.tar"], check=True)
        cls.root.chmod(0o755)
        (cls.root / "archives").mkdir()
        shutil.copy2("/etc/resolv.conf", cls.root / "etc/resolv.conf")
        cls.file = "/tmp/" + package().name
        shutil.copy2(package(), cls.root / cls.file[1:])
        cls.say("the root is there, and the package is in it")
        cls.fetch()

    @classmethod
    def say(cls, what):
        print(f"{time.monotonic() - cls.began:5.1f} s  {what}", flush=True)

    @classmethod
    def words(cls, *command, network=False, user=None):
        """What runs a command in the root, and becomes it."""
        as_user = ["--userspec=" + user] if user else []
        return [str(word) for word in (
            "unshare", "--mount", *(() if network else ("--net",)), "sh", "-c", MOUNTED, cls.root,
            cls.archives, "" if network else "alone", "chroot", *as_user, cls.root, *command)]

    @classmethod
    def run_there(cls, *command, **more):
        return subprocess.run(cls.words(*command, **more), capture_output=True, text=True,
                              env=INSIDE, timeout=SECONDS_MAX, check=False)

    @classmethod
    def fetch(cls):
        """What the package depends on.  The lists of the root may be older than the mirror."""
        asked = (*APT, "--download-only", "install", cls.file)
        done = cls.run_there(*asked, network=True)
        if done.returncode != 0:
            cls.run_there(*APT, "-o", "Acquire::Languages=none", "update", network=True)
            done = cls.run_there(*asked, network=True)
        if "Failed to fetch" in done.stderr:
            raise unittest.SkipTest("there is no archive here that has what the package needs")
        if done.returncode != 0:
            raise AssertionError(done.stdout + done.stderr)
        cls.say("what it depends on is fetched")

    def there(self, *command, status=0, **more):
        done = self.run_there(*command, **more)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def exists(self, path):
        return os.path.lexists(self.root / path)

    def test_it_is_installed_serves_and_goes(self):
        self.there(*APT, "install", self.file)
        self.say("it is installed, without a network")
        self.assertRegex(self.there("dpkg", "--audit") or "clean", "^clean$")
        version = self.there("headrace", "--version").split()[1]
        self.assertIn(f"headrace {version}-1 install ok installed", self.there(
            "dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}", "headrace"))
        self.the_unit_and_the_pages_are_there()
        self.it_serves_as_its_user()
        self.say("it has served")
        self.it_goes()
        self.say("it is gone")

    def the_unit_and_the_pages_are_there(self):
        """`systemctl cat` asks a systemd that runs, which a root has not: it is read without."""
        unit = self.there("systemd-analyze", "cat-config", "systemd/system/headrace.service")
        self.assertRegex(unit, "^# (/usr)?/lib/systemd/system/headrace.service\n")
        self.assertIn((ROOT / "packaging/headrace.service").read_text(), unit)
        verified = self.run_there("systemd-analyze", "--man=no", "verify", "headrace.service")
        self.assertEqual((verified.returncode, verified.stderr), (0, ""))
        self.assertEqual(self.there("systemctl", "is-enabled", "headrace", status=1).strip(),
                         "disabled")
        self.there("systemctl", "enable", "headrace")  # A purge has to take that along.
        for page in ("man1/headrace.1.gz", "man5/headrace.toml.5.gz"):
            self.assertTrue(self.exists("usr/share/man/" + page), page)
        if shutil.which("man") is not None:
            shown = subprocess.run(["man", "-M", self.root / "usr/share/man", "headrace"],
                                   capture_output=True, text=True, env=ENVIRONMENT, check=True)
            self.assertIn("headrace serve", shown.stdout)

    def it_serves_as_its_user(self):
        """With the packaged file and the user that the package has made."""
        user, group, home = re.search(r"(?m)^headrace:.*?:(\d+):(\d+):.*?:(.*?):/usr/sbin/nologin$",
                                      (self.root / "etc/passwd").read_text()).groups()
        folder = (self.root / home[1:]).stat()
        self.assertEqual((folder.st_uid, folder.st_gid, folder.st_mode & 0o777),
                         (int(user), int(group), 0o750))
        server = subprocess.Popen(
            self.words("headrace", "serve", "--config", "/etc/headrace/headrace.toml",
                       user=f"{user}:{group}"),
            env=INSIDE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.assertIn("http://127.0.0.1:8080", server.stdout.readline())
            owner = os.stat(f"/proc/{server.pid}").st_uid
            self.assertEqual(owner, int(user))
            for path in ("/readyz", "/livez"):
                asked = subprocess.run(
                    ["nsenter", f"--net=/proc/{server.pid}/ns/net", sys.executable, "-c", ASKED,
                     path], capture_output=True, text=True, check=False, timeout=SECONDS_MAX)
                self.assertEqual(asked.stdout, "200\n", asked.stderr)
            server.send_signal(signal.SIGTERM)
            _, said = server.communicate(timeout=SECONDS_MAX)
            self.assertEqual(server.returncode, 0, said)
        finally:
            server.kill()
            server.communicate()
        self.assertTrue(list((self.root / home[1:]).iterdir()), "nothing was kept")

    def it_goes(self):
        """remove: the program, and neither configuration nor what it keeps; purge: these as well,
        and never the user, whose number nobody else may get."""
        self.there(*APT, "remove", "headrace")
        for path in ("usr/bin/headrace", "lib/systemd/system/headrace.service",
                     "usr/share/man/man1/headrace.1.gz", "usr/share/doc/headrace"):
            self.assertFalse(self.exists(path), path)
        self.assertTrue(self.exists("etc/headrace/headrace.toml"))
        self.assertTrue(self.exists("var/lib/headrace"))
        self.assertEqual("deinstall ok config-files", self.there(
            "dpkg-query", "-W", "-f", "${Status}", "headrace"))
        self.assertNotIn("headrace", self.there("systemctl", "list-unit-files", "--no-legend",
                                                "--state=static,enabled,disabled"))
        self.there(*APT, "purge", "headrace")
        self.there("dpkg-query", "-W", "headrace", status=1)
        self.assertEqual([path for folder in ("etc", "usr", "var")
                          for path in (self.root / folder).rglob("*headrace*")], [])
        self.assertRegex((self.root / "etc/passwd").read_text(), "(?m)^headrace:")


if __name__ == "__main__":
    unittest.main()
