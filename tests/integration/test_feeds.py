"""Servers whose PostgreSQL is changed by others, who never call Headrace: a feed tells."""

import json
import time
import unittest

from harness import Case
from test_postgres import POSTGRES, Postgres

BOUND = 2.0  # Seconds, of the feed.

CONFIG = """
[sources.app]
kind = "postgres"
connection = "host=127.0.0.1 port={port} user=postgres dbname=postgres"

[policies.user]
source = "app"
table = "users"
fields = ["name"]
fresh_for = "1h"

[policies.list]
source = "app"
query = "SELECT id, what FROM items WHERE owner = $1::int ORDER BY id"
fields = ["id", "what"]
rows = "many"
tags = ["list:{{entity}}"]
fresh_for = "1h"

[feeds.app]
source = "app"
policies = ["user", "list"]
bound = "2s"
{more}
[feeds.app.tables.items]
tags = ["list:{{owner}}"]
"""


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class Feeds(Case):
    def setUp(self):
        super().setUp()
        self.truth = Postgres()
        self.addCleanup(self.truth.end)
        self.truth.run("CREATE TABLE users(id int PRIMARY KEY, name text); "
                       "CREATE TABLE items(id int PRIMARY KEY, owner int, what text); "
                       "INSERT INTO users SELECT i, 'v0' FROM generate_series(1, 50) AS i; "
                       "INSERT INTO items VALUES (1, 7, 'a'), (2, 8, 'b')")

    def start(self, more="", data=True):
        self.configure(self.listen + ('data_dir = "data"\n' if data else "") +
                       CONFIG.format(port=self.truth.port, more=more))

    def install(self):
        done = self.run_headrace("feed", "install", "--config", self.config, "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def feed_of(server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["feeds"][0]

    def wait_covered(self, server):
        self.wait_until(lambda: not self.feed_of(server)["behind"], "the feed is not behind")

    def detail(self, server, entity):
        _, headers, _ = server.ask("GET", f"/v1/read/user/{entity}")
        return headers["Cache-Status"]

    def wait_hit(self, server, entity, policy="user"):
        self.wait_until(lambda: server.read(entity, policy)[1], "a hit")

    def test_what_others_change_is_answered_within_the_bound(self):
        self.start()
        self.install()
        self.assertEqual(self.run_headrace("feed", "check", "--config", self.config).returncode, 0)
        server = self.serve()
        self.wait_covered(server)
        lags = []
        for n in range(1, 41):
            self.wait_hit(server, n)
            self.truth.run(f"UPDATE users SET name = 'v{n}' WHERE id = {n}")
            committed = time.monotonic()  # At the latest.
            self.wait_until(lambda n=n: server.read(n)[0]["name"] == f"v{n}", "the new name")
            lags.append(time.monotonic() - committed)
            self.assertLess(lags[-1], BOUND)
        feed = self.feed_of(server)
        lags.sort()
        print(f"psql to a new answer: p50 {lags[20] * 1000:.1f} ms, most {lags[-1] * 1000:.1f} ms; "
              f"the feed's own lag, most: {feed['lag_max'] * 1000:.1f} ms", flush=True)
        self.wait_until(lambda: self.feed_of(server)["changes"] >= 40, "all are acknowledged")

        # Tags: the list that a row leaves, and the one that it comes to.
        self.wait_hit(server, 7, "list")
        self.wait_hit(server, 8, "list")
        self.truth.run("UPDATE items SET owner = 8 WHERE id = 1")
        self.wait_until(lambda: server.read(7, "list")[0] == [], "the list that it left")
        self.wait_until(lambda: len(server.read(8, "list")[0]) == 2, "the list that it came to")

    def test_a_feed_without_triggers_covers_nothing_and_says_so(self):
        self.start()
        self.assertEqual(self.run_headrace("feed", "check", "--config", self.config).returncode, 1)
        server = self.serve()
        for _ in range(3):
            self.assertEqual(server.read(1), ({"name": "v0"}, False))
        self.assertIn("detail=feed-behind", self.detail(server, 1))
        _, _, body = server.ask("GET", "/readyz?verbose")
        self.assertIn(b"[-]feed app behind", body)
        self.install()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        # Somebody drops what tells.
        self.truth.run("ALTER TABLE users DISABLE TRIGGER ALL")
        self.truth.run("UPDATE users SET name = 'untold' WHERE id = 1")
        changed = time.monotonic()
        self.wait_until(lambda: server.read(1)[0]["name"] == "untold", "the source's answer")
        took = time.monotonic() - changed
        print(f"with its triggers off: the source answers after {took:.3f} s", flush=True)
        self.assertLess(took, BOUND + 1)
        self.wait_until(lambda: "feed app: it is behind" in server.log(), "a word in the log")
        self.install()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        self.assertEqual(server.read(1)[0]["name"], "untold")

    def test_what_was_changed_while_nobody_listened_is_never_answered_old(self):
        self.start()
        self.install()
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, 51):
            self.wait_hit(server, n)
        self.wait_until(lambda: self.is_stored(server, 50), "user 50 in the store")
        server.kill()
        self.truth.run("UPDATE users SET name = 'later'")
        server = self.serve()
        for n in range(1, 51):
            self.assertEqual(server.read(n)[0]["name"], "later")
        self.wait_covered(server)
        for n in range(1, 51):
            self.assertEqual(server.read(n)[0]["name"], "later")

    def test_another_takes_over_from_one_that_was_killed(self):
        self.start(data=False)
        self.install()
        first, second = self.serve(), self.serve()
        self.wait_covered(first)
        self.wait_covered(second)
        consumer, other = first, second
        if self.feed_of(second)["consumer"]:
            consumer, other = second, first
        consumer.kill()
        self.truth.run("UPDATE users SET name = 'after' WHERE id = 1")
        self.wait_until(lambda: self.feed_of(other)["consumer"], "the other is told")
        self.wait_covered(other)
        self.assertEqual(other.read(1)[0]["name"], "after")

    def test_while_sessions_are_killed_nothing_stale_is_answered(self):
        self.start()
        self.install()
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, 11):
            self.wait_hit(server, 1)
            self.truth.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
            self.truth.run(f"UPDATE users SET name = 'k{n}' WHERE id = 1")
            committed = time.monotonic()

            def is_new(n=n):
                status, _, body = server.ask("GET", "/v1/read/user/1")
                return status == 200 and json.loads(body)["name"] == f"k{n}"
            self.wait_until(is_new, "the new name")
            self.assertLess(time.monotonic() - committed, BOUND + 0.5)
            self.wait_covered(server)


if __name__ == "__main__":
    unittest.main()
