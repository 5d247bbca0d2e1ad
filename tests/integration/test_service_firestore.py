"""Two servers of the cache service whose records are documents of one Firestore emulator."""

import json
import threading
import unittest

from firestore_emulator import Emulator, EmulatorMissing
from service import ServiceCase
from test_service import handle

TURNS = 15  # Of each of two threads on each of two servers.

STORE = """
[store]
kind = "firestore"
project = "headrace-integration"
emulator = "{address}"
answer_within = "10s"

[bus]
kind = "none"
"""


class RecordsOnFirestore(ServiceCase):
    def setUp(self):
        super().setUp()
        try:
            self.emulator = Emulator(self.folder)
        except EmulatorMissing as missing:
            self.skipTest(str(missing))
        self.addCleanup(self.emulator.kill)
        self.emulator.start()
        self.store = STORE.format(address=self.emulator.address)
        self.here, self.there = self.start(), self.start()
        root = {"Authorization": f"Bearer {self.root}"}
        self.wait_until(lambda: self.here.ask("GET", "/v1/admin/tenants", headers=root)[0] == 200,
                        "the emulator is warm")
        self.text, _ = self.tenant(self.here, "shop")
        self.wait_until(lambda: self.ask(self.there, "GET", "/v1/kv/web/none")[0] == 404,
                        "the other knows it")

    def ask(self, server, method, path, body=None, **headers):
        status, headers, said = server.ask(method, path, body,
                                           {"Authorization": f"Bearer {self.text}", **headers})
        return status, headers, said

    def at_once(self, work):
        """Calls work(server, thread, turn) from two threads for each server."""
        faults = []

        def run(server, thread):
            for turn in range(TURNS):
                try:
                    work(server, thread, turn)
                except Exception as fault:  # The test's own thread judges it.
                    faults.append(fault)
                    return

        threads = [threading.Thread(target=run, args=(server, thread))
                   for thread, server in enumerate((self.here, self.there) * 2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])

    def until_made(self, server, method, path, body, **headers):
        """What was refused, for others were faster too often, was not done: it is sent again."""
        while True:
            status, _, said = self.ask(server, method, path, body, **headers)
            if status not in (429, 503) or b"edit_tries_max" not in said:
                return status, said

    def test_no_count_is_lost(self):
        def count(server, _thread, _turn):
            status, said = self.until_made(server, "POST", "/v1/counters/web/visits", {"by": 1})
            self.assertEqual(status, 200, said)

        self.at_once(count)
        for server in (self.here, self.there):
            self.assertEqual(self.ask(server, "GET", "/v1/kv/web/visits")[2], b"%d" % (4 * TURNS))

    def test_no_field_of_a_session_is_lost(self):
        name = handle("one")
        status, _, said = self.ask(self.here, "POST", "/v1/sessions/web",
                                   {"handle": name, "data": {}, "subject": "ada"})
        self.assertEqual(status, 201, said)

        def merge(server, thread, turn):
            status, said = self.until_made(
                server, "PATCH", f"/v1/sessions/web/{name}", {f"{thread}.{turn}": turn})
            self.assertEqual(status, 200, said)

        self.at_once(merge)
        for server in (self.here, self.there):
            status, _, said = self.ask(server, "GET", f"/v1/sessions/web/{name}")
            self.assertEqual(status, 200, said)
            self.assertEqual(json.loads(said)["data"], {
                f"{thread}.{turn}": turn for thread in range(4) for turn in range(TURNS)})
        self.assertEqual(self.ask(self.there, "DELETE", f"/v1/sessions/web/{name}")[0], 200)
        self.assertEqual(self.ask(self.here, "GET", f"/v1/sessions/web/{name}")[0], 404)

    def test_what_one_writes_the_other_reads_lists_and_may_not_overwrite(self):
        for n in range(3):
            self.assertEqual(self.ask(self.here, "PUT", f"/v1/kv/web/key{n}", {"n": n})[0], 201)
        status, headers, said = self.ask(self.there, "GET", "/v1/kv/web/key1")
        self.assertEqual((status, json.loads(said)), (200, {"n": 1}))
        self.assertEqual(self.ask(self.here, "PUT", "/v1/kv/web/key1", {"n": 9})[0], 204)
        status, _, said = self.ask(self.there, "PUT", "/v1/kv/web/key1", {"n": 8},
                                   **{"If-Match": headers["ETag"]})
        self.assertEqual(status, 412, said)
        _, _, said = self.ask(self.there, "GET", "/v1/keys/web?prefix=key&limit=2")
        page = json.loads(said)
        self.assertEqual(page["keys"], ["key0", "key1"])
        _, _, said = self.ask(self.here, "GET",
                              f"/v1/keys/web?prefix=key&limit=2&cursor={page['cursor']}")
        self.assertEqual(json.loads(said)["keys"], ["key2"])
        self.assertEqual(self.ask(self.here, "PUT", "/v1/kv/web/short?ttl=1", {})[0], 201)
        self.wait_until(lambda: self.ask(self.there, "GET", "/v1/kv/web/short")[0] == 404,
                        "its end")

    def test_without_firestore_nothing_is_taken_for_absent(self):
        self.assertEqual(self.ask(self.here, "PUT", "/v1/kv/web/key", {})[0], 201)
        if not self.emulator.is_ours:
            self.skipTest("there is no emulator that may be ended")
        self.emulator.kill()
        for server in (self.here, self.there):
            status, headers, said = self.ask(server, "GET", "/v1/kv/web/key")
            self.assertEqual(status, 503, said)
            self.assertIn("Retry-After", headers)
            self.assertEqual(self.ask(server, "PUT", "/v1/kv/web/key", {})[0], 503)


if __name__ == "__main__":
    unittest.main()
