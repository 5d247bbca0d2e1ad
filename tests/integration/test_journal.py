"""An invalidation that the store refuses, and a server that dies before the store has taken it."""

import contextlib
import sqlite3
import unittest

from harness import SIGTERM, Case

STRICT_TIMES = '[limits]\nstore_within = "200ms"\n'


class Journal(Case):
    def setUp(self):
        super().setUp()
        self.standard(top=STRICT_TIMES)

    def no_journal(self):
        self.standard(top=STRICT_TIMES + '[journal]\npath = ""\n')

    @contextlib.contextmanager
    def store_locked(self):
        """Another process holds the write lock of the store's file, which then takes nothing."""
        lock = sqlite3.connect(self.folder / "data" / "store.sqlite", isolation_level=None)
        with contextlib.closing(lock):
            lock.execute("BEGIN IMMEDIATE")
            yield
            lock.execute("ROLLBACK")

    def file(self):
        return self.folder / "data" / "journal" / "journal"


    def leave_pending_and_die(self):
        """The store holds users 1 and 2, user 1 is invalidated in vain, and the server is gone."""
        server = self.serve()
        for entity in (1, 2):
            server.read(entity)
            self.wait_stored(server, entity)
        self.assertEqual(self.write(1), 2)
        with self.store_locked():
            status, _, body = server.ask("POST", "/v1/invalidate",
                                         {"keys": [{"policy": "user", "entity": "1"}]})
            self.assertEqual(status, 202, body)
            self.assertIn(b"pending", body)
            self.assertEqual(server.read(1)[0]["version"], 2, "it holds where it was said")
            server.kill()

    def delivered(self, server):
        _, _, body = server.ask("GET", "/metrics")
        return b"\nheadrace_invalidations_pending 0\n" in body

    def test_what_was_pending_is_delivered_by_the_next_server(self):
        self.leave_pending_and_die()
        server = self.serve()
        self.assertEqual(server.read(1)[0]["version"], 2)
        self.assertTrue(server.read(2)[1], "of user 2 nobody has said anything")
        self.wait_until(lambda: self.delivered(server), "the delivery")
        self.assertEqual(server.read(1)[0]["version"], 2)
        self.wait_stored(server, 1)
        server.kill()
        server = self.serve()
        self.assertEqual(server.read(1), ({"id": 1, "name": "User 1", "version": 2}, True),
                         "what was delivered does not stand any more")

    def test_without_a_journal_it_dies_with_the_server(self):
        self.no_journal()
        self.leave_pending_and_die()
        self.assertFalse(self.file().exists())
        server = self.serve()
        self.assertEqual(server.read(1)[0]["version"], 1, "this is what the journal is for")

    def test_a_server_that_ends_in_order_leaves_it_to_the_next_too(self):
        server = self.serve()
        server.read(1)
        self.wait_stored(server, 1)
        self.write(1)
        with self.store_locked():
            self.assertEqual(server.invalidate(keys=[{"policy": "user", "entity": "1"}]), 202)
            server.signal(SIGTERM)
            self.assertEqual(server.ended(), 0)
        self.assertEqual(self.serve().read(1)[0]["version"], 2)

    def test_a_damaged_journal_is_told_and_outdates_everything(self):
        self.leave_pending_and_die()
        self.assertEqual(self.write(2), 2)  # Of this nobody says anything.
        damaged = bytearray(self.file().read_bytes())
        damaged[-20] ^= 1
        self.file().write_bytes(damaged)
        server = self.serve()
        self.assertEqual(server.read(1)[0]["version"], 2)
        self.assertEqual(server.read(2)[0]["version"], 2, "it may have been user 2 that was lost")
        self.assertRegex(server.log(), r"journal: [^\n]*is damaged[^\n]*journal\.damaged-20")
        self.wait_until(lambda: self.delivered(server), "the delivery")
        aside = [path for path in self.file().parent.iterdir() if "damaged" in path.name]
        self.assertEqual([path.read_bytes() for path in aside], [bytes(damaged)])

    def test_a_journal_in_use_is_told(self):
        self.standard(top='[journal]\npath = "shared"\n')
        self.serve()
        ended = self.run_headrace("serve", "--config", self.config, "--data-dir",
                                  self.folder / "other")
        self.assertEqual(ended.returncode, 5, ended.stderr)
        self.assertIn("open already", ended.stderr)
        self.assertIn("[journal] path", ended.stderr)


if __name__ == "__main__":
    unittest.main()
