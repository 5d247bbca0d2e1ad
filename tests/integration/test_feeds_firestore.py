"""Servers whose Firestore is changed by others, who never call Headrace: a feed tells."""

import contextlib
import http.client
import json
import socket
import threading
import time
import unittest

from harness import SECONDS_MAX, SIGTERM
from test_firestore import DOCUMENTS, PROJECT, OnEmulator

BOUND = 3.0  # Seconds, of the feed.
CANCELLED, REPEATS_MAX = 499, 5

CONFIG = """
[sources.fs]
kind = "firestore"
project = "{project}"
emulator = "{address}"

[policies.user]
source = "fs"
collection = "users"
fields = ["v"]
rollout = "on"
fresh_for = "1h"

[feeds.live]
source = "fs"
bound = "3s"
prove_every = "200ms"
silent_max = "2s"
"""

# Below CONFIG: a snapshot whose revisions the feed proves.
SNAPSHOT = """policies = []
snapshots = ["card"]

[snapshots.card]
stale_for = "0s"

[snapshots.card.sections.all]
source = "fs"
collection = "users"
fields = ["v"]
depends_on = ["users[__name__={entity}]"]
"""


class Relay:
    """A way to the emulator that can be cut; what goes through it is closed then."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self.upstream = host, int(port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock = threading.Lock()
        self.pairs = []
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                with self.lock:
                    if not self.is_open:
                        near.close()
                        continue
                    far = socket.create_connection(self.upstream)
                    self.pairs.append((near, far))
                threading.Thread(target=self._join, args=(near, far), daemon=True).start()

    def _join(self, near, far):
        back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
        back.start()
        self._carry(near, far)
        back.join()
        with self.lock, near, far:
            self.pairs.remove((near, far))

    @staticmethod
    def _carry(one, other):
        with contextlib.suppress(OSError):
            while piece := one.recv(1 << 16):
                other.sendall(piece)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self, stays_cut):
        with self.lock:
            self.is_open = not stays_cut
            for pair in self.pairs:
                for end in pair:
                    with contextlib.suppress(OSError):
                        end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        with self.lock:
            self.is_open = True

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut(stays_cut=True)


class FirestoreFeeds(OnEmulator):
    def setUp(self):
        super().setUp()
        for n in range(1, 21):
            self.put(n, "v0")

    def start(self, address=None, data=True, more=""):
        self.configure(self.listen + ('data_dir = "data"\n' if data else "") +
                       CONFIG.format(project=PROJECT, address=address or self.emulator.address) +
                       more)

    def rest(self, method, document, body=None):
        """A change whose listener is being cut off at that moment is told that it was cancelled, by
        a fault of the emulator: it is made again."""
        for _ in range(REPEATS_MAX):
            status, answer = self.rest_once(method, document, body)
            if status != CANCELLED:
                break
        self.assertEqual(status, 200, answer)

    def rest_once(self, method, document, body):
        host, port = self.emulator.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS_MAX)
        with contextlib.closing(connection):
            connection.request(method, f"{DOCUMENTS}/users/{document}",
                               None if body is None else json.dumps(body),
                               {"Authorization": "Bearer owner",
                                "Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()

    def put(self, document, value):
        self.rest("PATCH", document, {"fields": {"v": {"stringValue": value}}})

    @staticmethod
    def feed_of(server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["feeds"][0]

    def wait_covered(self, server):
        self.wait_until(lambda: not self.feed_of(server)["behind"], "the feed is not behind")

    def wait_hit(self, server, entity):
        self.wait_until(lambda: server.read(entity)[1], "a hit")

    @staticmethod
    def value(server, entity):
        """What is answered; None while the source cannot be asked."""
        status, _, body = server.ask("GET", f"/v1/read/user/{entity}")
        return json.loads(body)["v"] if status == 200 else None

    def test_what_others_change_is_answered_within_the_lag(self):
        self.start()
        self.assertEqual(self.run_headrace("feed", "check", "--config", self.config).returncode, 0)
        self.assertIn("nothing to install",
                      self.run_headrace("feed", "install", "--config", self.config).stdout)
        server = self.serve()
        self.wait_covered(server)
        # The emulator tells all documents with the first change; from then on they are counted.
        self.put(1, "first")
        self.wait_until(lambda: self.value(server, 1) == "first", "the first change")
        losses = self.feed_of(server)["losses"]
        lags = []
        for n in range(1, 21):
            self.wait_hit(server, n)
            self.put(n, f"v{n}")
            committed = time.monotonic()  # At the latest.
            self.wait_until(lambda n=n: self.value(server, n) == f"v{n}", "the new value")
            lags.append(time.monotonic() - committed)
            self.assertLess(lags[-1], BOUND)
        self.wait_until(lambda: self.feed_of(server)["changes"] >= 20, "all are acknowledged")
        feed = self.feed_of(server)
        lags.sort()
        print(f"REST to a new answer: p50 {lags[10] * 1000:.1f} ms, most {lags[-1] * 1000:.1f} ms; "
              f"the feed's own lag, most: {feed['lag_max'] * 1000:.1f} ms; "
              f"billed: {feed['reads']} reads, {feed['writes']} writes", flush=True)
        self.assertEqual(feed["losses"], losses, "changes are told one by one")
        self.assertGreater(feed["reads"], 20)

        self.wait_hit(server, 7)
        self.rest("DELETE", 7)
        self.wait_until(lambda: server.read(7)[0] is None, "the document is gone")

    def test_a_hit_of_a_snapshot_asks_firestore_nothing(self):
        self.start(more=SNAPSHOT)
        server = self.serve()
        self.wait_covered(server)

        def read(entity):
            status, _, body = server.ask("GET", f"/v1/snapshot/card/{entity}")
            self.assertEqual(status, 200, body)
            return json.loads(body)["all"]["v"]

        def counts():
            _, _, body = server.ask("GET", "/v1/stats")
            return json.loads(body)["snapshots"][0]

        for entity in (1, 2):
            self.assertEqual(read(entity), "v0")
        before = counts()
        for _ in range(50):
            self.assertEqual([read(1), read(2)], ["v0", "v0"])
        after = counts()
        self.assertEqual(after["revision_reads"], before["revision_reads"], after)
        self.assertEqual(after["vector_hits"], before["vector_hits"] + 100, after)
        self.put(1, "v1")
        changed = time.monotonic()
        self.wait_until(lambda: read(1) == "v1", "the new value")
        self.assertLess(time.monotonic() - changed, BOUND)
        self.assertEqual(read(2), "v0")

    def test_what_was_changed_while_nobody_listened_is_never_answered_old(self):
        self.start()
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, 21):
            self.wait_hit(server, n)
        self.wait_until(lambda: self.is_stored(server, 20), "user 20 in the store")
        server.kill()
        for n in range(1, 21):
            self.put(n, "later")
        server = self.serve()
        for n in range(1, 21):
            self.assertEqual(self.value(server, n), "later")
        self.wait_covered(server)
        for n in range(1, 21):
            self.assertEqual(self.value(server, n), "later")

    def test_another_takes_over_from_one_that_was_killed(self):
        self.start(data=False)
        first, second = self.serve(), self.serve()
        self.wait_covered(first)
        self.wait_covered(second)
        self.assertNotEqual(self.feed_of(first)["consumer"], self.feed_of(second)["consumer"])
        consumer, other = first, second
        if self.feed_of(second)["consumer"]:
            consumer, other = second, first
        self.wait_hit(other, 1)
        consumer.kill()
        killed = time.monotonic()
        self.put(1, "after")
        self.wait_until(lambda: self.value(other, 1) == "after", "the new value")
        self.assertLess(time.monotonic() - killed, BOUND + 1)
        self.wait_until(lambda: self.feed_of(other)["consumer"], "the other is told")
        self.wait_covered(other)
        print(f"taken over and covered after {time.monotonic() - killed:.1f} s", flush=True)

    def test_one_that_ends_in_good_order_is_not_waited_for(self):
        self.start()
        server = self.serve()
        self.wait_covered(server)
        server.signal(SIGTERM)
        self.assertEqual(server.ended(), 0)
        began = time.monotonic()
        server = self.serve()
        self.wait_until(lambda: self.feed_of(server)["consumer"], "it is told")
        self.wait_covered(server)
        print(f"covered {time.monotonic() - began:.1f} s after a restart", flush=True)

    def test_while_the_way_is_cut_nothing_stale_is_answered_past_the_bound(self):
        relay = Relay(self.emulator.address)
        self.addCleanup(relay.close)
        self.start(relay.address)
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, 6):
            self.wait_hit(server, 1)
            relay.cut(stays_cut=False)
            self.put(1, f"k{n}")
            committed = time.monotonic()
            self.wait_until(lambda n=n: self.value(server, 1) == f"k{n}", "the new value")
            self.assertLess(time.monotonic() - committed, BOUND + 0.5)
            self.wait_covered(server)
        # While it stays cut there is no answer rather than an old one.
        self.wait_hit(server, 1)
        relay.cut(stays_cut=True)
        self.put(1, "unheard")
        written = time.monotonic()
        self.wait_until(lambda: self.value(server, 1) is None, "no answer")
        self.assertLess(time.monotonic() - written, BOUND + 2)
        relay.mend()
        self.wait_until(lambda: self.value(server, 1) == "unheard", "the new value")
        self.wait_covered(server)
        self.wait_hit(server, 1)
        self.assertEqual(self.value(server, 1), "unheard")


if __name__ == "__main__":
    unittest.main()
