"""Servers whose SQLite file is changed by others, who never call Headrace: a feed tells."""

import json
import shutil
import sqlite3
import subprocess
import threading
import time
import unittest

from harness import Case, SECONDS_MAX, Traffic
from test_shared import SERVERS, Valkey

BOUND = 1.0  # Seconds, of the feed; of the bus as much again.
USERS = 50

CONFIG = """
[sources.app]
kind = "sqlite"
path = "app.sqlite"

[policies.user]
source = "app"
table = "users"
fields = ["name"]
fresh_for = "1h"

[policies.list]
source = "app"
query = "SELECT id, what FROM items WHERE owner = ? ORDER BY id"
fields = ["id", "what"]
rows = "many"
tags = ["list:{entity}"]
fresh_for = "1h"

[feeds.app]
source = "app"
policies = ["user", "list"]
bound = "1s"

[feeds.app.tables.items]
tags = ["list:{owner}"]
"""


class SqliteFeeds(Case):
    def setUp(self):
        super().setUp()
        self.path = self.folder / "app.sqlite"
        self.truth = self.connect()
        self.truth.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT); "
            "CREATE TABLE items(id INTEGER PRIMARY KEY, owner INTEGER, what TEXT); "
            "INSERT INTO items VALUES (1, 7, 'a'), (2, 8, 'b')")
        self.truth.executemany("INSERT INTO users VALUES (?, 'v0')",
                               [(i,) for i in range(1, USERS + 1)])

    def connect(self):
        database = sqlite3.connect(self.path, isolation_level=None, timeout=SECONDS_MAX,
                                   check_same_thread=False)
        self.addCleanup(database.close)
        return database

    def start(self, store='data_dir = "data"\n'):
        self.configure(self.listen + store + CONFIG)

    def feed(self, verb, *more):
        return self.run_headrace("feed", verb, "--config", self.config, *more)

    def install(self):
        done = self.feed("install", "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def feed_of(server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["feeds"][0]

    def wait_covered(self, server):
        self.wait_until(lambda: not self.feed_of(server)["behind"], "the feed is not behind")

    def wait_hit(self, server, entity, policy="user"):
        self.wait_until(lambda: server.read(entity, policy)[1], "a hit")


class Alone(SqliteFeeds):
    def test_what_others_change_is_answered_within_the_bound(self):
        self.start()
        self.install()
        self.assertEqual(self.feed("check").returncode, 0)
        server = self.serve()
        self.wait_covered(server)
        lags = []
        for n in range(1, 41):
            self.wait_hit(server, n)
            self.truth.execute("UPDATE users SET name = ? WHERE id = ?", (f"v{n}", n))
            committed = time.monotonic()
            self.wait_until(lambda n=n: server.read(n)[0]["name"] == f"v{n}", "the new name")
            lags.append(time.monotonic() - committed)
            self.assertLess(lags[-1], BOUND)
        feed = self.feed_of(server)
        lags.sort()
        print(f"sqlite3 to a new answer: p50 {lags[20] * 1000:.1f} ms, most "
              f"{lags[-1] * 1000:.1f} ms; the feed's own lag, most: "
              f"{feed['lag_max'] * 1000:.1f} ms", flush=True)
        self.wait_until(lambda: self.feed_of(server)["changes"] >= 40, "all are acknowledged")
        self.assertIn(b"[+]feed app ok", server.ask("GET", "/readyz?verbose")[2])
        self.assertIn(b'headrace_feed_consumer{feed="app"} 1', server.ask("GET", "/metrics")[2])

        # Tags: the list that a row leaves, and the one that it comes to.
        self.wait_hit(server, 7, "list")
        self.wait_hit(server, 8, "list")
        self.truth.execute("UPDATE items SET owner = 8 WHERE id = 1")
        self.wait_until(lambda: server.read(7, "list")[0] == [], "the list that it left")
        self.wait_until(lambda: len(server.read(8, "list")[0]) == 2, "the list that it came to")

        # From a shell, and by what REPLACE removes.
        self.wait_hit(server, 7, "list")
        if shutil.which("sqlite3"):
            subprocess.run(["sqlite3", self.path, "REPLACE INTO items VALUES (1, 7, 'c')"],
                           check=True, capture_output=True, timeout=SECONDS_MAX)
        else:
            self.truth.execute("REPLACE INTO items VALUES (1, 7, 'c')")
        self.wait_until(lambda: len(server.read(8, "list")[0]) == 1, "the list that it left")
        self.wait_until(lambda: len(server.read(7, "list")[0]) == 1, "the list that it came to")

    def test_what_was_changed_while_nobody_listened_is_never_answered_old(self):
        self.start()
        self.install()
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, USERS + 1):
            self.wait_hit(server, n)
        self.wait_until(lambda: self.is_stored(server, USERS), "the last user in the store")
        server.kill()
        self.truth.execute("UPDATE users SET name = 'later'")
        server = self.serve()
        for n in range(1, USERS + 1):
            self.assertEqual(server.read(n)[0]["name"], "later")
        self.wait_covered(server)
        for n in range(1, USERS + 1):
            self.assertEqual(server.read(n)[0]["name"], "later")

    def test_a_feed_without_triggers_covers_nothing_and_says_so(self):
        self.start()
        self.assertEqual(self.feed("check").returncode, 1)
        server = self.serve()
        for _ in range(3):
            self.assertEqual(server.read(1), ({"name": "v0"}, False))
        _, headers, _ = server.ask("GET", "/v1/read/user/1")
        self.assertIn("detail=feed-behind", headers["Cache-Status"])
        self.assertIn(b"[-]feed app behind", server.ask("GET", "/readyz?verbose")[2])
        self.install()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        # Somebody drops what tells.
        self.truth.execute('DROP TRIGGER "headrace_outbox_headrace users update"')
        self.truth.execute("UPDATE users SET name = 'untold' WHERE id = 1")
        changed = time.monotonic()
        self.wait_until(lambda: server.read(1)[0]["name"] == "untold", "the source's answer")
        took = time.monotonic() - changed
        print(f"with a trigger dropped: the source answers after {took:.3f} s", flush=True)
        self.assertLess(took, BOUND + 0.5)
        self.wait_until(lambda: "feed app: it is behind" in server.log(), "a word in the log")
        self.assertIn("install the outbox again", self.feed("check").stdout)
        self.install()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        self.assertEqual(server.read(1)[0]["name"], "untold")

    def test_a_file_that_is_put_back_is_answered_as_it_is(self):
        self.start()
        self.install()
        server = self.serve()
        self.wait_covered(server)
        self.truth.execute("VACUUM INTO ?", (str(self.folder / "copy.sqlite"),))
        self.truth.execute("UPDATE users SET name = 'new'")
        self.wait_until(lambda: self.feed_of(server)["waiting"] == 0, "all is acknowledged")
        self.wait_hit(server, 1)
        self.wait_until(lambda: server.read(1) == ({"name": "new"}, True), "the new name is kept")
        server.kill()
        self.truth.close()
        for name in ("app.sqlite-wal", "app.sqlite-shm"):
            (self.folder / name).unlink(missing_ok=True)
        (self.folder / "copy.sqlite").replace(self.path)
        server = self.serve()
        self.assertEqual(server.read(1)[0]["name"], "v0")
        self.wait_covered(server)
        self.assertEqual(server.read(1)[0]["name"], "v0")

    def test_what_is_installed_can_be_read_and_removed(self):
        self.start()
        printed = self.feed("install", "--print")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertEqual(self.feed("check").returncode, 1)
        self.connect().executescript(printed.stdout)
        self.assertEqual(self.feed("check").returncode, 0)
        refused = self.feed("check", "--connection", "host=h")
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertEqual(self.feed("uninstall", "--yes").returncode, 0)
        left = self.truth.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%headrace%'")
        self.assertEqual(left.fetchall(), [])


class Truth:
    """Commits versions of users, and knows which one was there until when."""

    def __init__(self, database):
        self.database = database
        self.lock = threading.Lock()
        self.history = {n: [(0.0, 0)] for n in range(1, USERS + 1)}
        self.next = 0

    def write(self):
        self.next += 1
        entity = self.next % USERS + 1
        version = self.history[entity][-1][1] + 1
        self.database.execute("UPDATE users SET name = ? WHERE id = ?", (f"v{version}", entity))
        with self.lock:
            self.history[entity].append((time.monotonic(), version))
        time.sleep(0.002)

    def oldest_allowed(self, entity, asked):
        with self.lock:
            return max(v for at, v in self.history[entity] if at <= asked - 2 * BOUND)


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Fleet(SqliteFeeds):
    def setUp(self):
        super().setUp()
        self.valkey = Valkey(self.folder)
        self.addCleanup(self.valkey.kill)
        self.start(store=f'[bus]\nbound = "1s"\n[store]\n{self.valkey.says}')
        self.install()

    def test_another_takes_over_from_one_that_was_killed(self):
        first, second = self.serve(), self.serve()
        self.wait_covered(first)
        self.wait_covered(second)
        for _ in range(3):
            consumer, other = first, second
            if self.feed_of(second)["consumer"]:
                consumer, other = second, first
            self.wait_hit(other, 1)
            consumer.kill()
            name = f"after {time.monotonic()}"
            self.truth.execute("UPDATE users SET name = ? WHERE id = 1", (name,))
            killed = time.monotonic()
            self.wait_until(lambda s=other, n=name: s.read(1)[0]["name"] == n, "the new name")
            self.assertLess(time.monotonic() - killed, BOUND)
            self.wait_until(lambda s=other: self.feed_of(s)["consumer"], "the other is told")
            first, second = self.serve(), other
            self.wait_covered(first)
            self.wait_covered(second)

    def test_while_consumers_are_killed_nothing_is_older_than_its_bound(self):
        servers = [self.serve(), self.serve()]
        for server in servers:
            self.wait_covered(server)
        truth = Truth(self.truth)
        old, hits = [], 0

        def read(server):
            entity = time.monotonic_ns() % USERS + 1
            asked = time.monotonic()
            answer, hit = server.read(entity)
            version = int(answer["name"][1:])
            if version < truth.oldest_allowed(entity, asked):
                old.append((entity, version, truth.history[entity]))
            return hit

        with Traffic(truth.write, threads=1) as writing:
            for _ in range(3):
                until = time.monotonic() + 2.5 * BOUND
                while time.monotonic() < until:
                    for server in servers:
                        hits += read(server)
                at = next(n for n, s in enumerate(servers) if self.feed_of(s)["consumer"])
                servers[at].kill()
                for _ in range(200):
                    read(servers[1 - at])
                servers[at] = self.serve()
                self.wait_until(lambda: any(self.feed_of(s)["consumer"] for s in servers),
                                "somebody is told")
        self.assertEqual(writing.faults, [])
        self.assertEqual(old, [])
        self.assertGreater(hits, 100)
        print(f"{writing.rounds} changes, {hits} hits, three consumers killed", flush=True)
        for server in servers:
            self.wait_covered(server)
            self.wait_until(lambda s=server: self.feed_of(s)["waiting"] == 0, "nothing waits")


if __name__ == "__main__":
    unittest.main()
