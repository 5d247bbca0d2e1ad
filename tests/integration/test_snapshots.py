"""Snapshots on a real PostgreSQL, whose tables others write with raw SQL."""

import json
import subprocess
import threading
import time
import unittest

from harness import Case
from test_postgres import POSTGRES, Postgres

# A build takes 200 ms, and no two of them may run at once.
TABLES = """
CREATE TABLE progress(id serial PRIMARY KEY, phase text, at timestamptz DEFAULT now(), n int);
CREATE TABLE totals(name text PRIMARY KEY, n int);
INSERT INTO totals VALUES ('a', 1);
INSERT INTO progress(phase, n) VALUES ('done', 1), ('done', 2), ('open', 3);
CREATE FUNCTION heavy(which int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
  IF NOT pg_try_advisory_lock(which) THEN RAISE EXCEPTION 'two builds at once'; END IF;
  PERFORM pg_sleep(0.2);
  PERFORM pg_advisory_unlock(which);
  RETURN which;
END $$;
"""

CONFIG = """
[sources.app]
kind = "postgres"
connection = "host=127.0.0.1 port={port} user=postgres dbname=postgres"

[snapshots.summary]
stale_for = "{stale_for}"

[snapshots.summary.sections.core]
source = "app"
query = \"\"\"SELECT (SELECT sum(n) FROM totals) AS total, heavy(1) AS heavy,
                  (SELECT count(*) FROM progress WHERE phase = 'done') AS done WHERE $1 <> ''\"\"\"
fields = ["total", "heavy", "done"]
depends_on = ["totals", "progress[phase=done]"]

[snapshots.summary.sections.tail]
source = "app"
query = \"\"\"SELECT heavy(2) AS heavy, coalesce(max(n), 0) AS last, count(*) AS open
           FROM progress WHERE phase = 'open' AND $1 <> ''\"\"\"
fields = ["last", "open"]
depends_on = ["progress[phase=open]"]
"""


# Below CONFIG: its revisions are kept.
FEED = """
[feeds.app]
source = "app"
policies = []
snapshots = ["summary"]
bound = "1s"
"""


class Session:
    """A session of psql that goes on between statements."""

    def __init__(self, port):
        self.process = subprocess.Popen(
            [POSTGRES / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
             str(port), "-U", "postgres", "postgres"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, sql):
        self.process.stdin.write(sql + ";\nSELECT 'said';\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != "said":
            if self.process.poll() is not None:
                raise AssertionError("psql has ended")

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class Snapshots(Case):
    def start(self, stale_for, more=""):
        self.truth = Postgres(["wal_level=logical"] if "decoding" in more else [])
        self.addCleanup(self.truth.end)
        self.truth.run(TABLES)
        self.truth.run("ALTER SYSTEM SET track_functions = 'all'")
        self.truth.run("SELECT pg_reload_conf()")
        self.configure(self.listen + CONFIG.format(port=self.truth.port, stale_for=stale_for) +
                       more)
        done = self.run_headrace("revision", "install", "--config", self.config, "--source", "app",
                                 "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        if more:
            done = self.run_headrace("feed", "install", "--config", self.config, "--yes")
            self.assertEqual(done.returncode, 0, done.stderr)
        return self.serve()

    @staticmethod
    def read(server, headers=None):
        status, said, body = server.ask("GET", "/v1/snapshot/summary/all", headers=headers)
        if status not in (200, 304):
            raise AssertionError(f"a snapshot ended with {status}: {body!r}")
        return said, json.loads(body) if status == 200 else None

    def counts(self, server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["snapshots"][0]

    def expect(self, server, state, what, rebuilt):
        """The next read is of that state, has that value, and these sections were built for it."""
        before = self.counts(server)["builds"]
        said, value = self.read(server)
        self.assertEqual(said["Headrace-State"], state)
        for section, fields in what.items():
            for name, expected in fields.items():
                self.assertEqual(value[section][name], expected, f"{section}.{name}")
        states = dict(one.split(";")[:2] for one in said["Headrace-Sections"].split(", "))
        built = {name for name, one in states.items() if one == "state=miss"}
        self.assertEqual(built, rebuilt)
        self.assertEqual(self.counts(server)["builds"] - before, len(rebuilt))

    def heavy_calls(self):
        return int(self.truth.run(
            "SELECT calls FROM pg_stat_user_functions WHERE funcname = 'heavy'") or 0)

    def test_every_change_by_anybody_is_seen_and_builds_what_it_changed(self):
        server = self.start("0s")
        one = {"core": {"total": 1, "done": 2}, "tail": {"last": 3, "open": 1}}
        self.expect(server, "miss", one, {"core", "tail"})
        for _ in range(20):
            self.expect(server, "hit-revision", one, set())
        etag = self.read(server)[0]["ETag"]
        said, none = self.read(server, {"If-None-Match": etag})
        self.assertIsNone(none)
        self.assertEqual(said["Headrace-State"], "hit-revision")

        # An append to the tail, and one that says it is of long ago.
        self.truth.run("INSERT INTO progress(phase, n) VALUES ('open', 4)")
        self.expect(server, "section", {"tail": {"last": 4, "open": 2}}, {"tail"})
        self.truth.run("INSERT INTO progress(phase, n, at) VALUES ('done', 0, '1999-01-01')")
        self.expect(server, "section", {"core": {"done": 3}}, {"core"})
        # Old rows are deleted.
        self.truth.run("DELETE FROM progress WHERE at < '2000-01-01'")
        self.expect(server, "section", {"core": {"done": 2}}, {"core"})
        # A row goes from one part to the other.
        self.truth.run("UPDATE progress SET phase = 'done' WHERE n = 3")
        self.expect(server, "miss", {"core": {"done": 3}, "tail": {"open": 1}}, {"core", "tail"})
        # What touches nothing, and what is rolled back, builds nothing.
        self.truth.run("DELETE FROM progress WHERE n = 12345; UPDATE totals SET n = 9 WHERE false")
        self.truth.run("BEGIN; DELETE FROM totals; ROLLBACK")
        self.expect(server, "hit-revision", {"core": {"done": 3}}, set())

        # A transaction that began first and commits last.
        late = Session(self.truth.port)
        self.addCleanup(late.end)
        late.run("BEGIN")
        late.run("INSERT INTO progress(phase, n) VALUES ('open', 5)")
        self.expect(server, "hit-revision", {"tail": {"open": 1}}, set())
        self.truth.run("INSERT INTO progress(phase, n) VALUES ('open', 6)")
        self.expect(server, "section", {"tail": {"last": 6, "open": 2}}, {"tail"})
        late.run("COMMIT")
        self.expect(server, "section", {"tail": {"last": 6, "open": 3}}, {"tail"})

        self.truth.run("TRUNCATE progress")
        self.expect(server, "miss", {"core": {"done": 0}, "tail": {"open": 0}}, {"core", "tail"})
        self.expect(server, "hit-revision", {"tail": {"open": 0}}, set())
        builds = self.counts(server)["builds"]
        self.wait_until(lambda: self.heavy_calls() == builds, "the server's own count of builds")

    def test_many_readers_and_writes_that_never_stop(self):
        server = self.start("1s")
        seconds, pause = 6.0, 0.15
        said, _ = self.read(server)
        committed = []  # When each number was known to be in the table.
        seen, faults, stop = [], [], threading.Event()

        def poll():
            while not stop.is_set():
                try:
                    before = time.monotonic()
                    said, value = self.read(server)
                    seen.append((before, value["tail"]["last"], said["Headrace-State"],
                                 int(said["Headrace-Outdated-Ms"])))
                except AssertionError as fault:
                    faults.append(fault)
                stop.wait(0.2)

        threads = [threading.Thread(target=poll) for _ in range(50)]
        for thread in threads:
            thread.start()
        writer = Session(self.truth.port)
        self.addCleanup(writer.end)
        end = time.monotonic() + seconds
        number = 100
        while time.monotonic() < end:
            number += 1
            writer.run(f"INSERT INTO progress(phase, n) VALUES ('open', {number})")
            committed.append((time.monotonic(), number))
            stop.wait(pause)
        stop.set()
        for thread in threads:
            thread.join()
        counts = self.counts(server)
        self.assertEqual(faults, [])
        self.assertEqual(counts["build_failures"], 0, counts)  # So no two ran at once.

        worst = 0.0
        for asked, last, _, outdated_ms in seen:
            self.assertLessEqual(outdated_ms, 1000)
            missed = [when for when, number in committed if number > last and when < asked]
            if missed:
                worst = max(worst, asked - missed[0])
        tails = len({last for _, last, _, _ in seen})
        print(f"{len(seen)} reads, {len(committed)} writes, {counts['builds']} builds, "
              f"{counts['revision_reads']} questions for revisions, "
              f"{tails} different tails seen, oldest answer {worst:.3f} s of 1 s", flush=True)
        self.assertGreater(len(seen), 100)
        self.assertGreaterEqual(tails, 5, "refreshes end")
        self.assertLessEqual(worst, 1.0)

    def test_while_the_server_is_away_what_was_confirmed_is_answered(self):
        server = self.start("5s")
        self.read(server)
        self.truth.stop()
        said, value = self.read(server)
        self.assertEqual(said["Headrace-State"], "stale")
        self.assertEqual(value["core"]["total"], 1)
        self.assertIn("revisions: ", said["Headrace-Last-Error"])
        self.wait_until(lambda: server.ask("GET", "/v1/snapshot/summary/all")[0] == 503,
                        "the end of stale_for")
        self.truth.start()
        self.truth.run("UPDATE totals SET n = 2")

        def is_back():
            status, _, body = server.ask("GET", "/v1/snapshot/summary/all")
            return status == 200 and json.loads(body)["core"]["total"] == 2
        self.wait_until(is_back, "the new total")

    def test_without_triggers_nothing_is_taken_for_granted(self):
        server = self.start("0s")
        self.read(server)
        self.truth.run("ALTER TABLE totals DISABLE TRIGGER ALL")
        status, _, body = server.ask("GET", "/v1/snapshot/summary/all")
        self.assertNotEqual(status, 200)
        self.assertIn("headrace revision install", json.loads(body)["detail"])

    def is_behind(self, server):
        _, _, body = server.ask("GET", "/v1/stats")
        return json.loads(body)["feeds"][0]["behind"]

    def wait_kept(self, server):
        """Until a read asks the source nothing."""
        def is_kept():
            before = self.counts(server)["vector_hits"]
            self.read(server)
            return self.counts(server)["vector_hits"] > before
        self.wait_until(is_kept, "kept revisions")

    def start_kept(self, feed):
        """A server whose hits ask nothing, and that sees what anybody changes all the same."""
        server = self.start("0s", feed)
        self.wait_until(lambda: not self.is_behind(server), "the feed is not behind")
        self.wait_kept(server)
        asked = self.counts(server)["revision_reads"]
        for _ in range(100):
            said, _ = self.read(server)
            self.assertEqual(said["Headrace-State"], "hit-revision")
            self.assertLess(int(said["Headrace-Outdated-Ms"]), 1000)
        counts = self.counts(server)
        self.assertEqual(counts["revision_reads"], asked, counts)

        # What anybody changes is seen, and later than the bound nothing older.
        changes = [("INSERT INTO progress(phase, n) VALUES ('open', 4)", "tail", "last", 4),
                   ("UPDATE progress SET phase = 'done' WHERE n = 3", "core", "done", 3),
                   ("UPDATE totals SET n = 7", "core", "total", 7),
                   ("DELETE FROM progress WHERE n = 4", "tail", "last", 0),
                   ("TRUNCATE progress", "core", "done", 0)]
        lags = []
        for sql, section, field, value in changes:
            self.wait_kept(server)
            self.truth.run(sql)
            committed = time.monotonic()
            self.wait_until(lambda s=section, f=field, v=value: self.read(server)[1][s][f] == v,
                            sql)
            lags.append(time.monotonic() - committed)
        print(f"psql to a new answer, with its build of 0.2 s: {max(lags):.3f} s at most",
              flush=True)
        self.assertLess(max(lags), 1.0 + 2 * 0.2 + 0.5)

        return server

    def test_by_decoding_a_hit_asks_the_source_nothing_too(self):
        self.start_kept(FEED + 'by = "decoding"\n')

    def test_while_a_feed_proves_a_hit_asks_the_source_nothing(self):
        server = self.start_kept(FEED)
        # Without the feed each read asks, and is exact again.
        name = self.truth.run("SELECT tgname FROM pg_trigger WHERE tgrelid = 'totals'::regclass "
                              "AND tgname LIKE 'headrace_outbox%update'")
        self.truth.run(f'ALTER TABLE totals DISABLE TRIGGER "{name}"')
        self.wait_until(lambda: self.is_behind(server), "the feed is behind")
        before = self.counts(server)["vector_hits"]
        for n in range(10, 13):
            self.truth.run(f"UPDATE totals SET n = {n}")
            self.assertEqual(self.read(server)[1]["core"]["total"], n)
        self.assertEqual(self.counts(server)["vector_hits"], before)


if __name__ == "__main__":
    unittest.main()
