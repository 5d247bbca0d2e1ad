"""Two servers that share a store and a bus on a real Valkey, which dies and comes back."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

from harness import Case, SECONDS_MAX

SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS", ".")) / "bin"


class Valkey:
    """A server of the test's own, on a port that stays the same."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
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
        self.store = f'[store]\nkind = "valkey"\naddress = "127.0.0.1:{self.valkey.port}"\n'
        self.standard(data=False, top=self.store)
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

    def test_what_a_killed_server_left_pending_is_in_its_journal(self):
        self.standard(data=True, top=self.store)
        first = self.serve()
        self.version(first, 1)
        self.wait_stored(first, 1)
        self.valkey.process.send_signal(signal.SIGSTOP)
        written = self.write(1)
        self.assertEqual(first.invalidate(keys=[{"policy": "user", "entity": "1"}]), 202)
        first.kill()
        self.valkey.process.send_signal(signal.SIGCONT)
        second = self.serve()
        self.wait_until(lambda: second.read(2)[1], "hits again")
        self.assertEqual(self.version(second, 1), written)


if __name__ == "__main__":
    unittest.main()
