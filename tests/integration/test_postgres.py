"""Two servers that keep values in memory alone, with a bus on a real PostgreSQL."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from harness import Case

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """A server of the test's own, on a port that stays the same; not as root, which it refuses."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headrace-postgres-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.user = {"user": "postgres"} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.process = None
        subprocess.run([POSTGRES / "initdb", "-D", "data", "-U", "postgres", "--auth=trust",
                        "--no-sync"], cwd=self.folder, stdout=subprocess.DEVNULL, check=True,
                       **self.user)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [POSTGRES / "postgres", "-D", "data", "-p", str(self.port), "-c", "fsync=off",
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user)

    def stop(self):
        """Without waiting for its clients to go."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def end(self):
        self.stop()
        shutil.rmtree(self.folder, True)


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class OnPostgres(Case):
    def test_what_one_invalidates_the_other_does_not_answer(self):
        server = Postgres()
        self.addCleanup(server.end)
        self.standard(data=False, top=f'[bus]\nkind = "postgres"\n'
                                      f'connection = "host=127.0.0.1 port={server.port} '
                                      f'user=postgres dbname=postgres"\n')
        here, there = self.serve(), self.serve()
        self.wait_until(lambda: there.read(1)[1], "a hit")
        written = self.write(1)
        self.assertEqual(here.invalidate(tags=["user:1"], wait="everywhere"), 200)
        self.assertEqual(there.read(1)[0]["version"], written)
        self.wait_until(lambda: there.read(1)[1], "a hit")
        server.stop()
        written = self.write(1)
        here.invalidate(tags=["user:1"])
        self.wait_until(lambda: there.read(1)[0]["version"] == written, "the end of the bus lease")
        server.start()
        self.wait_until(lambda: there.read(1)[1], "hits again")
        self.assertEqual(there.read(1)[0]["version"], written)


if __name__ == "__main__":
    unittest.main()
