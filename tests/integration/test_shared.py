"""Two servers that share a store and a bus on a real Valkey, which dies and comes back.

And two that keep values in memory alone, with a bus on a real PostgreSQL.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from harness import Case, SECONDS_MAX

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")
SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS", ".")) / "bin"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Valkey:
    """A server of the test's own, on a port that stays the same."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [SERVERS / "valkey-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
             str(self.folder), "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            with contextlib.suppress(OSError), self.connect() as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(100).startswith(b"+PONG"):
                    return
            if time.monotonic() > deadline:
                raise AssertionError("Valkey did not start")
            time.sleep(0.01)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Shared(Case):
    def setUp(self):
        super().setUp()
        self.valkey = Valkey(self.folder)
        self.addCleanup(self.valkey.kill)
        self.standard(data=False, top=f'[store]\nkind = "valkey"\n'
                                      f'address = "127.0.0.1:{self.valkey.port}"\n')
        self.here, self.there = self.serve(), self.serve()

    def version(self, server, entity):
        return server.read(entity)[0]["version"]

    def test_what_one_has_read_the_other_finds(self):
        self.assertEqual(self.here.read(1)[1], False)
        self.wait_stored(self.there, 1)
        self.assertEqual(self.there.read(1), ({"id": 1, "name": "User 1", "version": 1}, True))
        self.assertEqual(self.there.source_reads(), 0)

    def test_what_one_invalidates_the_other_does_not_answer(self):
        for _ in range(20):
            self.version(self.here, 1)
            self.version(self.there, 1)
            written = self.write(1)
            self.assertEqual(self.here.invalidate(
                keys=[{"policy": "user", "entity": "1"}], wait="everywhere"), 200)
            self.assertEqual(self.version(self.there, 1), written)

    def test_soon_is_soon(self):
        for _ in range(20):
            self.version(self.there, 1)
            written = self.write(1)
            self.assertEqual(self.here.invalidate(tags=["user:1"]), 200)
            said = time.monotonic()
            self.wait_until(lambda: self.version(self.there, 1) == written, "the other's news")
            self.assertLess(time.monotonic() - said, 1.5, "the bound is 1 s")

    def test_many_readers_of_both_are_one_load(self):
        barrier = threading.Barrier(40)

        def read(server):
            barrier.wait()
            self.assertEqual(self.version(server, 7), 1)

        readers = [threading.Thread(target=read, args=(server,))
                   for server in (self.here, self.there) for _ in range(20)]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(self.here.source_reads() + self.there.source_reads(), 1)

    def test_without_the_store_all_is_read_and_nothing_stale(self):
        self.version(self.here, 1)
        self.version(self.there, 1)
        self.valkey.kill()
        written = self.write(1)
        self.assertEqual(self.here.invalidate(keys=[{"policy": "user", "entity": "1"}]), 202)
        self.assertEqual(self.version(self.here, 1), written, "where it was said, at once")
        said = time.monotonic()
        self.wait_until(lambda: self.version(self.there, 1) == written, "the end of the bus lease")
        self.assertLess(time.monotonic() - said, 5)
        self.valkey.start()
        self.wait_until(lambda: self.here.read(2)[1], "hits again")
        self.wait_until(lambda: self.there.read(2)[1], "hits again")
        self.assertEqual(self.version(self.there, 1), written)
        self.assertEqual(self.version(self.here, 1), written)

    def test_a_server_that_starts_without_its_store_serves(self):
        self.valkey.kill()
        late = self.serve()
        self.assertEqual(self.version(late, 3), 1)
        self.assertIn("reads go to the sources meanwhile", late.log())
        self.valkey.start()
        self.wait_until(lambda: late.read(3)[1], "a hit")


class Postgres:
    """A server of the test's own, on a port that stays the same; not as root, which it refuses."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headrace-postgres-"))
        self.port = free_port()
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
