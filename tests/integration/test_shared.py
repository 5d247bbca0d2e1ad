"""Two servers that share a store, on a real Valkey or memcached, which dies and comes back."""

import contextlib
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
import unittest

from free_port import free_port
from harness import Case, SECONDS_MAX, policy

SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS", ".")) / "bin"


class Process:
    """A server of the test's own, on a port that stays the same."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command(), stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            with contextlib.suppress(OSError), self.connect() as connection:
                connection.sendall(self.ask)
                if connection.recv(100).startswith(self.reply):
                    return
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.command()[0]} did not start")
            time.sleep(0.01)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_MAX)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Valkey(Process):
    ask, reply = b"PING\r\n", b"+PONG"

    @property
    def says(self):
        """The section of a configuration that names it as a store."""
        return f'kind = "valkey"\naddress = "127.0.0.1:{self.port}"\n'

    def command(self):
        return [SERVERS / "valkey-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                str(self.folder), "--save", "", "--appendonly", "no"]


class Memcached(Process):
    ask, reply = b"mn\r\n", b"MN"

    @property
    def says(self):
        return f'kind = "memcached"\nservers = ["127.0.0.1:{self.port}"]\n'

    def command(self):
        return [SERVERS / "memcached", "-p", str(self.port), "-l", "127.0.0.1", "-m", "64", "-u",
                "nobody"]


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Shared(Case):
    def setUp(self):
        super().setUp()
        self.valkey = Valkey(self.folder)
        self.addCleanup(self.valkey.kill)
        self.store = f"[store]\n{self.valkey.says}"
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
        self.wait_until(lambda: "goes to the sources meanwhile" in self.there.log(),
                        "a line about the store")
        self.assertNotIn("store: it answers again", self.there.log())
        self.valkey.start()
        self.wait_until(lambda: "store: it answers again" in self.there.log(),
                        "a line that it is over")
        self.wait_until(lambda: self.here.read(2)[1], "hits again")
        self.wait_until(lambda: self.there.read(2)[1], "hits again")
        self.assertEqual(self.version(self.there, 1), written)
        self.assertEqual(self.version(self.here, 1), written)

    def test_a_store_that_may_evict_guards_is_up_and_warned_of(self):
        with self.valkey.connect() as connection:
            connection.sendall(b"CONFIG SET maxmemory-policy allkeys-lru\r\n")
            self.assertEqual(connection.recv(100), b"+OK\r\n")
        late = self.serve()
        self.assertIn("its maxmemory-policy is allkeys-lru", late.log())
        metrics = late.ask("GET", "/metrics")[2].decode()
        self.assertIn("\nheadrace_store_up 1\n", metrics)
        self.assertIn("\nheadrace_store_warning 1\n", metrics)
        store = json.loads(late.ask("GET", "/v1/stats")[2])["store"]
        self.assertEqual(store["trouble"], "")
        self.assertIn("allkeys-lru", store["warning"])

    def test_a_bus_that_never_works_is_told_of(self):
        self.standard(data=False, top=self.store + '[bus]\naddress = "127.0.0.1:1"\n')
        server = self.serve()
        self.assertIn("journal: there is none", server.log())
        self.wait_until(lambda: "is not heard (connecting to 127.0.0.1:1" in server.log(),
                        "a line about the bus")
        self.assertIn("[-]bus what others invalidate is not heard: connecting to 127.0.0.1:1",
                      server.ask("GET", "/readyz?verbose")[2].decode())
        self.assertIn("127.0.0.1:1", json.loads(server.ask("GET", "/v1/stats")[2])["bus_trouble"])

    def test_without_a_bus_nothing_is_promised_of_others(self):
        self.standard(data=False, top=self.store + '[bus]\nkind = "none"\n')
        server = self.serve()
        status, _, body = server.ask("POST", "/v1/invalidate", {"tags": ["user:1"]})
        self.assertEqual((status, json.loads(body)["held"]), (200, "store"))
        self.assertNotIn("headrace_store_entries", server.ask("GET", "/metrics")[2].decode())

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


@unittest.skipUnless((SERVERS / "memcached").exists(), "there is no memcached here")
class SharedOnMemcached(Case):
    """It carries no bus: strict reads ask it each time, or the bus is on another server."""

    def setUp(self):
        super().setUp()
        self.memcached = Memcached(self.folder)
        self.addCleanup(self.memcached.kill)

    def start(self, bus, more=""):
        self.standard(data=False, policies=policy(more=more), top=(
            '[store]\nkind = "memcached"\n'
            f'servers = ["127.0.0.1:{self.memcached.port}"]\n[bus]\n{bus}\n'))
        self.here, self.there = self.serve(), self.serve()

    def outdate(self, wait):
        """A write and its invalidation, after both have read what was before."""
        self.here.read(1)
        self.wait_stored(self.there, 1)
        self.assertTrue(self.there.read(1)[1], "a hit before it")
        written = self.write(1)
        self.assertEqual(self.here.invalidate(keys=[{"policy": "user", "entity": "1"}],
                                              **wait), 200)
        return written

    def test_strict_policies_need_no_bus(self):
        self.start('kind = "none"', 'level = "strict"')
        for _ in range(3):
            written = self.outdate({})
            self.assertEqual(self.there.read(1)[0]["version"], written)
        self.memcached.kill()
        written = self.write(1)
        self.assertEqual(self.here.invalidate(keys=[{"policy": "user", "entity": "1"}]), 202)
        self.assertEqual(self.here.read(1)[0]["version"], written)
        self.assertEqual(self.there.read(1)[0]["version"], written)
        self.memcached.start()
        entities = itertools.cycle(range(2, 100))  # A load that came too early may leave a lease.

        def hit_again():
            entity = next(entities)
            return any(self.here.read(entity)[1] for _ in range(3)) and self.there.read(entity)[1]

        self.wait_until(hit_again, "hits of both")
        self.assertEqual(self.there.read(1)[0]["version"], written)

    @unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
    def test_the_bus_is_another_server(self):
        valkey = Valkey(self.folder)
        self.addCleanup(valkey.kill)
        self.start(f'address = "127.0.0.1:{valkey.port}"')
        for _ in range(3):
            written = self.outdate({"wait": "everywhere"})
            self.assertEqual(self.there.read(1)[0]["version"], written)


if __name__ == "__main__":
    unittest.main()
