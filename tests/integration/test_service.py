"""The cache service when things go wrong: it is killed, its store goes away, keys are replaced."""

import base64
import hashlib
import itertools
import json
import os
import sys
import threading
import time
import unittest

import harness
from service import Pipeline, ServiceCase
from test_shared import SERVERS, Valkey

WRITERS = int(os.environ.get("HEADRACE_SESSION_WRITERS", "4"))
SECONDS = float(os.environ.get("HEADRACE_SESSION_SECONDS", "2"))
AT_ONCE = 64


def handle(of):
    return base64.urlsafe_b64encode(hashlib.sha256(of.encode()).digest()).decode().rstrip("=")


class SessionWrites:
    """Begins sessions over several connections, and remembers those that were acknowledged."""

    def __init__(self, server, key):
        self.acknowledged = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(server, key, n))
                        for n in range(WRITERS)]

    def work(self, server, key, n):
        pipeline = Pipeline(server.port, key)
        for turn in itertools.count():
            names = [handle(f"{n}.{turn}.{i}") for i in range(AT_ONCE)]
            statuses = pipeline.ask_all([
                pipeline.request("POST", "/v1/sessions/web", {"handle": one, "data": {"n": one}})
                for one in names])
            with self.lock:
                self.acknowledged += [one for one, status in zip(names, statuses) if status == 201]
            if len(statuses) < len(names):
                return

    def begin(self):
        for thread in self.threads:
            thread.start()

    def end(self):
        for thread in self.threads:
            thread.join()


class Configured(harness.Case):
    def test_how_long_values_live_is_as_configured(self):
        self.standard(top='[service]\nttl_default = "90s"\nttl_max = "1h"\n')
        server = self.serve()
        self.assertEqual(server.ask("PUT", "/v1/kv/web/a", 1)[0], 201)
        left = int(server.ask("GET", "/v1/kv/web/a")[1]["Expires-In"])
        self.assertTrue(60_000 < left <= 90_000, left)
        self.assertEqual(server.ask("PUT", "/v1/kv/web/a?ttl=3601", 1)[0], 400)


class KilledServer(ServiceCase):
    def test_acknowledged_sessions_are_there_after_a_kill(self):
        server = self.start()
        key, _ = self.tenant(server, "shop")
        writes = SessionWrites(server, key)
        began = time.monotonic()
        writes.begin()
        self.wait_until(lambda: time.monotonic() > began + SECONDS, "the writes have begun")
        server.kill()
        took = time.monotonic() - began
        writes.end()
        again = self.serve()
        pipeline = Pipeline(again.port, key)
        lost = 0
        for at in range(0, len(writes.acknowledged), AT_ONCE):
            part = writes.acknowledged[at:at + AT_ONCE]
            statuses = pipeline.ask_all([pipeline.request("GET", f"/v1/sessions/web/{one}")
                                         for one in part])
            self.assertEqual(len(statuses), len(part))
            lost += sum(status != 200 for status in statuses)
        print(f"{len(writes.acknowledged)} sessions, {len(writes.acknowledged) / took:.0f} a "
              f"second; lost: {lost}", file=sys.stderr)
        self.assertGreater(len(writes.acknowledged), 100)
        self.assertEqual(lost, 0)


class LastingValkey(Valkey):
    """Keeps what it has said yes to."""

    def command(self):
        return [SERVERS / "valkey-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
                str(self.folder), "--save", "", "--appendonly", "yes", "--appendfsync", "always",
                "--maxmemory-policy", "noeviction"]


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class SharedRecords(ServiceCase):
    def setUp(self):
        super().setUp()
        self.valkey = LastingValkey(self.folder)
        self.addCleanup(self.valkey.kill)
        self.store = f"[store]\n{self.valkey.says}"
        self.here, self.there = self.start(), self.start()
        self.text, self.key_id = self.tenant(self.here, "shop")
        self.wait_until(lambda: self.status(self.there, self.text) == 404, "the other knows it")

    def status(self, server, key, path="/v1/kv/web/none"):
        return server.ask("GET", path, headers={"Authorization": f"Bearer {key}"})[0]

    def test_without_its_store_nobody_is_logged_out(self):
        bearer = {"Authorization": f"Bearer {self.text}"}
        names = [handle(str(n)) for n in range(20)]
        for name in names:
            status, _, said = self.here.ask("POST", "/v1/sessions/web",
                                            {"handle": name, "data": {"n": name}}, bearer)
            self.assertEqual(status, 201, said)
        self.valkey.kill()
        for server in (self.here, self.there):
            for name in names:
                status, headers, _ = server.ask("GET", f"/v1/sessions/web/{name}", headers=bearer)
                self.assertEqual(status, 503)
                self.assertIn("Retry-After", headers)
        self.wait_until(lambda: "clients are told that nobody can say now" in self.here.log(),
                        "word of the outage")
        self.valkey.start()
        for server in (self.here, self.there):
            for name in names:
                self.assertEqual(self.data_once_it_answers(server, name, bearer), {"n": name})
        self.wait_until(lambda: "records: they answer again" in self.here.log(), "word of its end")

    def data_once_it_answers(self, server, name, bearer):
        """Each thread of a server finds out for itself that its store is there again: until then it
        says that it does not know, and never that there is no such session."""
        asked = []

        def answers():
            asked[:] = server.ask("GET", f"/v1/sessions/web/{name}", headers=bearer)
            self.assertIn(asked[0], (200, 503), asked[2])
            return asked[0] == 200

        self.wait_until(answers, "it answers again")
        return json.loads(asked[2])["data"]

    def test_a_key_is_replaced_and_ended_in_traffic(self):
        seen = []  # When it was asked, with which key, where, what was answered.
        keys = {"old": self.text}

        def work():
            for name, key in list(keys.items()):
                for server in (self.here, self.there):
                    began = time.monotonic()
                    seen.append((began, name, server.port, self.status(server, key)))

        with harness.Traffic(work, threads=3) as traffic:
            made = self.admin(self.here, "POST", f"/keys/{self.key_id}/rotate",
                              {"grace_seconds": 3600})
            # Whoever made it may use it at once where it was made, and a second later elsewhere.
            self.wait_until(lambda: self.status(self.there, made["key"]) == 404, "it is known")
            keys["new"] = made["key"]
            both = time.monotonic()
            self.wait_until(lambda: time.monotonic() > both + 1.5, "both keys are used")
            self.admin(self.here, "DELETE", f"/keys/{self.key_id}")
            ended = time.monotonic()
            self.wait_until(lambda: time.monotonic() > ended + 2, "two seconds have passed")
        self.assertEqual(traffic.faults, [])
        self.assertEqual({status for _, name, _, status in seen if name == "new"}, {404})
        late = [began - ended for began, name, _, status in seen
                if name == "old" and status == 404 and began > ended]
        before = {status for began, name, _, status in seen if name == "old" and began < ended - 1}
        self.assertEqual(before, {404})
        self.assertGreater(sum(name == "new" for _, name, _, _ in seen), 100)
        print(f"{len(seen)} requests; the old key was last let in {max(late, default=0) * 1000:.0f}"
              " ms after it was ended", file=sys.stderr)
        self.assertLess(max(late, default=0), 1.0)
        at_once = [began for began, name, port, status in seen
                   if name == "old" and port == self.here.port and began > ended and status == 404]
        self.assertEqual(at_once, [])


if __name__ == "__main__":
    unittest.main()
