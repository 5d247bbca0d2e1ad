"""Clients that write to the source themselves, under a guard; and servers that die meanwhile.

Two servers share a store and its bus.  At one of them a client begins a guard, commits and ends it.
That server is killed at each step, and the other is read all the time.
"""

import contextlib
import http.client
import json
import signal
import threading
import time
import unittest

from harness import Case, SECONDS_MAX, policy
from test_shared import SERVERS, Valkey

WRITE_WITHIN, GUARD_MARGIN = 1.0, 0.5
SECONDS_LATE = 1.0  # How much later a busy machine may tell.
LIMITS = ('[limits]\nwrite_within = "1s"\nguard_margin = "500ms"\n'
          '[bus]\nbound = "400ms"\n')
KEYS = {"keys": [{"policy": "user", "entity": "1"}]}
STEPS = ("while it begins", "after it began", "after the commit", "while it ends", "after it ended")


class Reader:
    """Reads user 1 again and again, and notes each version with the time before its question."""

    def __init__(self, server):
        self.server = server
        self.said = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.stop.is_set():
            asked = time.monotonic()
            value, _ = self.server.read(1)
            self.said.append((asked, value["version"]))
            self.stop.wait(0.002)

    def last(self, version):
        """When it was last asked what was answered with `version`; none: never."""
        return max((asked for asked, said in self.said if said == version), default=None)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Guards(Case):
    def setUp(self):
        super().setUp()
        self.valkey = Valkey(self.folder)
        self.addCleanup(self.valkey.kill)
        self.standard(data=False, top=f"[store]\n{self.valkey.says}{LIMITS}")
        self.here, self.there = self.serve(), self.serve()
        self.warm(self.here, self.there)

    def warm(self, *servers):
        """Until the memory of each answers by itself."""
        for server in servers:
            self.wait_until(lambda at=server: self.status_of(at).endswith("detail=memory"),
                            "a hit in memory")

    @staticmethod
    def status_of(server):
        status, headers, _ = server.ask("GET", "/v1/read/user/1")
        return headers["Cache-Status"] if status == 200 else ""

    def begin(self, server):
        status, headers, body = server.ask("POST", "/v1/guards", KEYS)
        self.assertEqual(status, 201, body)
        begun = json.loads(body)
        self.assertEqual(headers["Location"], "/v1/guards/" + begun["guard"])
        self.assertLessEqual(begun["ends_in_ms"], WRITE_WITHIN * 1000)
        return begun["guard"]

    @staticmethod
    def end(server, guard, query=""):
        status, _, body = server.ask("DELETE", f"/v1/guards/{guard}{query}")
        return status, json.loads(body)

    def killed_meanwhile(self, is_asked, method, path, body=None):
        """Kills the server while it waits for the store with what is asked of it."""
        # What it has sent to the store by then is carried out after its death.
        self.valkey.process.send_signal(signal.SIGSTOP)
        asking = http.client.HTTPConnection("127.0.0.1", self.here.port, timeout=SECONDS_MAX)
        with contextlib.closing(asking):
            asking.request(method, path, json.dumps(body) if body else None,
                           {"Content-Type": "application/json"})
            self.wait_until(is_asked, "a request under way")
            self.here.kill()
            self.valkey.process.send_signal(signal.SIGCONT)

    def has_begun_to_begin(self):
        return not self.status_of(self.here).endswith("detail=memory")

    def ends_once(self, guard):
        """Whether somebody else ends it already."""
        return self.end(self.here, guard)[0] == 404

    def write_and_die(self, step):
        """A client's write at a server that dies at this step; returns version and commit."""
        server = self.here
        if step == "while it begins":
            self.killed_meanwhile(self.has_begun_to_begin, "POST", "/v1/guards", KEYS)
            return None  # Whoever is not told that a guard stands does not commit.
        guard = self.begin(server)
        if step == "after it began":
            server.kill()
        written, committed = self.write(1), time.monotonic()
        if step == "after the commit":
            server.kill()
        elif step == "while it ends":
            self.killed_meanwhile(lambda: self.ends_once(guard), "DELETE", f"/v1/guards/{guard}")
        elif step == "after it ended":
            self.assertEqual(self.end(server, guard)[0], 200)
            server.kill()
        return written, committed

    def test_who_dies_at_any_step_leaves_no_old_value(self):
        for step in STEPS:
            with self.subTest(step):
                began = time.monotonic()
                with Reader(self.there) as reader:
                    outcome = self.write_and_die(step)
                    # Until all that the dead one has left behind is over.
                    until = began + WRITE_WITHIN + GUARD_MARGIN + SECONDS_LATE
                    self.wait_until(lambda end=until: time.monotonic() > end, "the end of a guard")
                    self.warm(self.there)
                self.judge(step, reader, outcome)
                self.here = self.serve()
                self.warm(self.here, self.there)

    def judge(self, step, reader, outcome):
        self.assertGreater(len(reader.said), 50)
        if outcome is None:
            self.assertEqual(len({said for _, said in reader.said}), 1)
            return
        written, committed = outcome
        last_old = reader.last(written - 1)
        self.assertIsNotNone(last_old)
        late = max(0.0, last_old - committed)
        print(f"\n  killed {step}: old for {late * 1000:.0f} ms after the commit", end="",
              flush=True)
        self.assertLess(late, WRITE_WITHIN + GUARD_MARGIN)
        self.assertEqual(reader.said[-1][1], written)

    def test_the_others_strict_reads_are_new_from_the_commit_on(self):
        self.standard(data=False, top=f"[store]\n{self.valkey.says}{LIMITS}",
                      policies=policy(more='level = "strict"'))
        there = self.serve()
        self.wait_until(lambda: there.read(1)[1], "a hit")
        self.begin(self.here)
        for _ in range(3):
            written = self.write(1)
            self.assertEqual(there.read(1)[0]["version"], written)
        self.here.kill()
        self.assertEqual(there.read(1)[0]["version"], written)

    def test_one_that_is_begun_here_is_seen_there(self):
        guard = self.begin(self.here)
        late = self.serve()  # Its memory holds nothing.
        self.assertEqual(self.status_of(late), "headrace; fwd=bypass; detail=guarded")
        self.assertEqual(self.status_of(self.here).split("; ")[1], "fwd=bypass")
        self.assertFalse(self.is_stored(late, 1))
        written = self.write(1)
        self.assertEqual(late.read(1), ({"id": 1, "name": "User 1", "version": written}, False))
        status, said = self.end(self.here, guard)
        self.assertEqual((status, said["held"]), (200, "soon"))
        self.warm(late, self.here, self.there)
        for server in (late, self.here, self.there):
            self.assertEqual(server.read(1)[0]["version"], written)

    def test_it_ends_once_and_where_it_was_begun(self):
        guard = self.begin(self.here)
        status, problem = self.end(self.there, guard)
        self.assertEqual((status, problem["code"]), (404, "no-such-guard"))
        self.assertEqual(self.end(self.here, guard)[0], 200)
        status, problem = self.end(self.here, guard)
        self.assertEqual((status, problem["code"]), (404, "no-such-guard"))

    def test_after_an_unknown_outcome_it_stands_until_its_time_is_over(self):
        began = time.monotonic()
        guard = self.begin(self.here)
        status, said = self.end(self.here, guard, "?outcome=unknown")
        self.assertEqual((status, said["held"]), (202, "guarded"))
        written = self.write(1)  # It was made after all.
        self.assertEqual(self.status_of(self.there), "headrace; fwd=bypass; detail=guarded")
        self.stands_until_its_end(began)
        self.assertEqual(self.there.read(1)[0]["version"], written)

    def test_one_that_nobody_ends_stands_until_its_time_is_over(self):
        began = time.monotonic()
        guard = self.begin(self.here)
        written = self.write(1)
        self.stands_until_its_end(began)
        for server in (self.here, self.there):
            self.assertEqual(server.read(1)[0]["version"], written)
        status, problem = self.end(self.here, guard)
        self.assertEqual((status, problem["code"]), (404, "no-such-guard"))

    def stands_until_its_end(self, began):
        """Until entries are kept again, which is not before the guard has ended."""
        self.warm(self.here)
        stood = time.monotonic() - began
        print(f"\n  it stood for {stood * 1000:.0f} ms", end="", flush=True)
        self.assertGreaterEqual(stood, WRITE_WITHIN + GUARD_MARGIN)
        self.warm(self.there)

    def test_without_the_store_none_begins(self):
        self.valkey.kill()
        status, _, body = self.here.ask("POST", "/v1/guards", KEYS)
        self.assertEqual((status, json.loads(body)["code"]), (503, "store-unavailable"))
        self.wait_until(lambda: self.there.read(1)[0]["version"] == 1, "the source's answer")


if __name__ == "__main__":
    unittest.main()
