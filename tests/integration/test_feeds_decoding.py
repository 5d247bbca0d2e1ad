"""Servers whose PostgreSQL is changed by others, and whose log tells of it: a feed by decoding."""

import json
import time
import unittest

from harness import Case
from test_postgres import POSTGRES, Postgres

BOUND = 2.0  # Seconds, of the feed.

BUS = """
[bus]
kind = "postgres"
connection = "host=127.0.0.1 port={port} user=postgres dbname=postgres"
"""

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
by = "decoding"
policies = ["user", "list"]
bound = "2s"

[feeds.app.tables.items]
tags = ["list:{{owner}}"]
"""

DROP_SLOT = """
DO $$ BEGIN
  FOR tries IN 1..100 LOOP
    PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active;
    BEGIN
      PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots;
      RETURN;
    EXCEPTION WHEN object_in_use THEN PERFORM pg_sleep(0.01);
    END;
  END LOOP;
  RAISE 'it stays in use';
END $$
"""


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class FeedsByDecoding(Case):
    def setUp(self):
        super().setUp()
        self.truth = Postgres(["wal_level=logical"])
        self.addCleanup(self.truth.end)
        self.truth.run("CREATE TABLE users(id int PRIMARY KEY, name text); "
                       "CREATE TABLE items(id int PRIMARY KEY, owner int, what text); "
                       "INSERT INTO users SELECT i, 'v0' FROM generate_series(1, 50) AS i; "
                       "INSERT INTO items VALUES (1, 7, 'a'), (2, 8, 'b')")

    def start(self, data=False):
        text = ('data_dir = "data"\n' if data else BUS) + CONFIG
        self.configure(self.listen + text.format(port=self.truth.port))
        self.install()

    def install(self):
        done = self.run_headrace("feed", "install", "--config", self.config, "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)

    @staticmethod
    def feed_of(server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["feeds"][0]

    def wait_covered(self, *servers):
        for server in servers:
            self.wait_until(lambda of=server: not self.feed_of(of)["behind"],
                            "the feed is not behind")

    def wait_hit(self, server, entity, policy="user"):
        self.wait_until(lambda: server.read(entity, policy)[1], "a hit")

    def wait_name(self, server, entity, name):
        """How long it took until that was answered."""
        begun = time.monotonic()

        def is_new():
            status, _, body = server.ask("GET", f"/v1/read/user/{entity}")
            return status == 200 and json.loads(body)["name"] == name
        self.wait_until(is_new, f"the name {name}")
        return time.monotonic() - begun

    def consumer_and_other(self, first, second):
        self.wait_until(lambda: self.feed_of(first)["consumer"] or self.feed_of(second)["consumer"],
                        "one is told")
        return (first, second) if self.feed_of(first)["consumer"] else (second, first)

    def test_what_others_change_is_answered_within_the_bound(self):
        self.start()
        check = self.run_headrace("feed", "check", "--config", self.config)
        self.assertEqual(check.returncode, 0, check.stdout)
        first, second = self.serve(), self.serve()
        self.wait_covered(first, second)
        lags = []
        for n in range(1, 41):
            for server in (first, second):
                self.wait_hit(server, n)
            self.truth.run(f"UPDATE users SET name = 'v{n}' WHERE id = {n}")
            lags.append(max(self.wait_name(server, n, f"v{n}") for server in (first, second)))
            self.assertLess(lags[-1], BOUND)
        consumer, _ = self.consumer_and_other(first, second)
        feed = self.feed_of(consumer)
        lags.sort()
        print(f"psql to a new answer at both: p50 {lags[20] * 1000:.1f} ms, most "
              f"{lags[-1] * 1000:.1f} ms; the feed's own lag: {feed['lag'] * 1000:.1f} ms, most: "
              f"{feed['lag_max'] * 1000:.1f} ms", flush=True)
        self.wait_until(lambda: self.feed_of(consumer)["changes"] >= 40, "all are acknowledged")

        # Tags: the list that a row leaves, and the one that it comes to.
        self.wait_hit(first, 7, "list")
        self.wait_hit(first, 8, "list")
        self.truth.run("UPDATE items SET owner = 8 WHERE id = 1")
        self.wait_until(lambda: first.read(7, "list")[0] == [], "the list that it left")
        self.wait_until(lambda: len(first.read(8, "list")[0]) == 2, "the list that it came to")

    def test_a_slot_that_is_dropped_is_said_and_the_source_answers(self):
        self.start()
        server = self.serve()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        self.truth.run(DROP_SLOT)
        self.truth.run("UPDATE users SET name = 'untold' WHERE id = 1")
        took = self.wait_name(server, 1, "untold")
        print(f"with its slot dropped: the new answer after {took:.3f} s", flush=True)
        self.assertLess(took, BOUND + 1)
        self.wait_until(lambda: "feed app: it is behind" in server.log(), "a word in the log")
        check = self.run_headrace("feed", "check", "--config", self.config)
        self.assertEqual(check.returncode, 1)
        self.assertIn("is gone; install the feed again", check.stdout)
        self.truth.run("UPDATE users SET name = 'untold too' WHERE id = 1")
        self.assertEqual(server.read(1), ({"name": "untold too"}, False))
        self.install()
        self.wait_covered(server)
        self.wait_hit(server, 1)
        self.truth.run("UPDATE users SET name = 'told' WHERE id = 1")
        self.assertLess(self.wait_name(server, 1, "told"), BOUND)

    def test_what_was_changed_while_nobody_listened_is_never_answered_old(self):
        self.start(data=True)
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
        self.start()
        servers = [self.serve(), self.serve()]
        self.wait_covered(*servers)
        for n in range(3):
            consumer, other = self.consumer_and_other(*servers)
            self.wait_hit(other, 1)
            consumer.kill()
            self.truth.run(f"UPDATE users SET name = 'after {n}' WHERE id = 1")
            took = self.wait_name(other, 1, f"after {n}")
            self.assertLess(took, BOUND + 0.5)
            self.wait_until(lambda of=other: self.feed_of(of)["consumer"], "the other is told")
            self.wait_covered(other)
            self.assertEqual(other.read(1)[0]["name"], f"after {n}")
            servers = [other, self.serve()]
            self.wait_covered(*servers)
            self.assertEqual(servers[1].read(1)[0]["name"], f"after {n}")

    def test_while_sessions_are_killed_nothing_stale_is_answered(self):
        self.start()
        server = self.serve()
        self.wait_covered(server)
        for n in range(1, 11):
            self.wait_hit(server, 1)
            self.truth.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                           "WHERE pid <> pg_backend_pid() "
                           "AND backend_type IN ('client backend', 'walsender')")
            self.truth.run(f"UPDATE users SET name = 'k{n}' WHERE id = 1")
            self.assertLess(self.wait_name(server, 1, f"k{n}"), BOUND + 0.5)
            self.wait_covered(server)


if __name__ == "__main__":
    unittest.main()
