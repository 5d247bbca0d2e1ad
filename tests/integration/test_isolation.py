"""Two tenants of one server: whatever one tries, it gets nothing of the other's."""

import base64
import hashlib
import json
import re
import statistics
import time
import unittest
import urllib.parse

from harness import policy
from service import ServiceCase

MARK = "marked-as-theirs"  # In every value and field that the victim keeps.
KEY = "their-key"
SUBJECT = "their-user"  # Named by both, and so no sign of a leak.
HANDLE = base64.urlsafe_b64encode(hashlib.sha256(b"their id").digest()).decode().rstrip("=")


class Isolation(ServiceCase):
    def setUp(self):
        super().setUp()
        self.server = self.start()
        everything = {"scopes": [
            "kv:read", "kv:write", "kv:delete", "kv:list", "session:read", "session:write",
            "session:revoke", "counter:write", "ratelimit:check", "policy:read", "invalidate",
            "watch", "usage:read"], "policies": ["user"]}
        self.victim, self.victim_id = self.tenant(self.server, "victim", **everything)
        self.other, _ = self.tenant(self.server, "other", **everything)
        self.keep_something()

    def ask(self, key, method, path, body=None, **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.server.ask(method, path, body, {"Authorization": f"Bearer {key}"} | headers)

    def keep_something(self):
        for path, body in [(f"/v1/kv/web/{KEY}", MARK), (f"/v1/kv/default/{KEY}", MARK),
                           ("/v1/kv/web/9", MARK)]:
            self.assertEqual(self.ask(self.victim, "PUT", path, body)[0], 201)
        status, _, said = self.ask(self.victim, "POST", "/v1/sessions/web",
                                   {"handle": HANDLE, "data": {"who": MARK}, "subject": SUBJECT})
        self.assertEqual(status, 201, said)
        counted = self.ask(self.victim, "POST", f"/v1/counters/web/n-{KEY}", {"by": 4711})
        self.assertEqual(counted[0], 200)
        client = self.resp(self.server, self.victim)
        client.ask("HSET", "h-" + KEY, "field", MARK)

    def what_is_kept(self):
        """All that the victim has, as it sees it."""
        client = self.resp(self.server, self.victim)
        return [self.ask(self.victim, "GET", f"/v1/kv/web/{KEY}")[2],
                self.ask(self.victim, "GET", f"/v1/kv/default/{KEY}")[2],
                json.loads(self.ask(self.victim, "GET", f"/v1/sessions/web/{HANDLE}")[2])["data"],
                self.ask(self.victim, "GET", f"/v1/kv/web/n-{KEY}")[2],
                sorted(json.loads(self.ask(self.victim, "GET", "/v1/keys/web")[2])["keys"]),
                client.ask("HGETALL", "h-" + KEY), client.ask("GET", KEY)]

    def nothing_in(self, said, of):
        said = said if isinstance(said, bytes) else str(said).encode()
        for word in (MARK, "4711", self.victim[-38:], self.victim_id, "victim"):
            self.assertNotIn(word.encode(), said, f"{of} tells of the other tenant")

    def test_every_route_with_the_others_names(self):
        before = self.what_is_kept()
        document = json.loads(self.server.ask("GET", "/openapi.json")[2])
        names = {"ns": "web", "key": KEY, "id": KEY, "app": "web", "handle": HANDLE,
                 "policy": "user", "entity": KEY, "name": "victim", "code": "not-found"}
        bodies = [None, {}, {"subject": SUBJECT}, {"data": {}, "handle": HANDLE}, {"value": 1},
                  {"ops": [{"op": "get", "key": KEY}, {"op": "delete", "key": KEY}]},
                  {"limit": 10, "window_ms": 1000}, {"new_handle": HANDLE[::-1]},
                  {"tenant": "victim"}, {"name": "victim"}]
        asked = 0
        for path, operations in document["paths"].items():
            for method in sorted(set(operations) & {"get", "put", "post", "patch", "delete"}):
                if path in ("/livez", "/readyz", "/openapi.json"):
                    continue
                at = re.sub(r"\{(\w+)\}", lambda one: names.get(one.group(1), KEY), path)
                for body in bodies if method != "get" else [None]:
                    kind = {"Content_Type": "application/merge-patch+json"} \
                        if method == "patch" else {}
                    status, headers, said = self.ask(self.other, method.upper(), at, body, **kind)
                    self.assertLess(status, 500, f"{method} {at} {body}: {said}")
                    # What was asked for stands in a problem's `instance` and `detail`.
                    told = said.decode().replace(at, "").replace('"victim"', "")
                    self.nothing_in(str(headers).replace(at, "") + told, f"{method} {at} {body}")
                    asked += 1
        self.assertGreater(asked, 150)
        self.assertEqual(self.what_is_kept(), before)

    def test_tricks_with_keys(self):
        before = self.what_is_kept()
        raw = b"\x00\x00\x00\x02\x03web" + KEY.encode()  # As a record's key stands in the store.
        tricks = ["../victim/" + KEY, "..%2f" + KEY, "%00", "%2e%2e", "victim:" + KEY,
                  urllib.parse.quote(raw, safe=""), "%ff" * 1024, "*", KEY + "%00", "%01" + KEY]
        for trick in tricks:
            for path in (f"/v1/kv/web/{trick}", f"/cache/{trick}", f"/v1/meta/web/{trick}",
                         f"/v1/kv/..%2fvictim/{trick}", f"/v1/keys/web?prefix={trick}",
                         f"/v1/sessions/web/{trick}", f"/v1/exists/web/{trick}"):
                status, headers, said = self.ask(self.other, "GET", path)
                self.assertLess(status, 500, path)
                told = re.sub(r'"instance":"[^"]*"', "", said.decode("latin-1"))
                self.nothing_in(str(headers) + told, path)
        page = json.loads(self.ask(self.victim, "GET", "/v1/keys/web?limit=1")[2])
        cursor = urllib.parse.quote(page["cursor"], safe="")
        for prefix in ("", "&prefix=", f"&prefix={KEY}"):
            said = self.ask(self.other, "GET", f"/v1/keys/web?cursor={cursor}{prefix}")
            self.nothing_in(said[2], "a cursor of the other's")
        self.assertEqual(self.what_is_kept(), before)

    def test_every_command_with_the_others_keys(self):
        before = self.what_is_kept()
        mine = self.resp(self.server, self.other)
        commands = [("GET", KEY), ("HGETALL", "h-" + KEY), ("KEYS", "*"), ("SCAN", "0"),
                    ("RANDOMKEY",), ("DBSIZE",), ("TTL", KEY), ("TYPE", KEY), ("DEL", KEY),
                    ("UNLINK", "h-" + KEY), ("APPEND", KEY, "x"), ("RENAME", KEY, "mine"),
                    ("COPY", KEY, "mine"), ("GETDEL", KEY), ("EXPIRE", KEY, "0"), ("PERSIST", KEY),
                    ("OBJECT", "ENCODING", KEY), ("MEMORY", "USAGE", KEY), ("INFO",),
                    ("CLIENT", "LIST"), ("CLIENT", "INFO"), ("SLOWLOG", "GET"), ("ACL", "WHOAMI"),
                    ("CONFIG", "GET", "*"), ("SELECT", "1"), ("SWAPDB", "0", "1"), ("MOVE", KEY, 1),
                    ("HR.READ", "user", KEY), ("SCAN", "0", "MATCH", "*their*"), ("FLUSHDB",),
                    ("FLUSHALL",), ("MULTI",), ("GET", KEY), ("DEL", KEY), ("EXEC",)]
        for command in commands:
            self.nothing_in(mine.ask(*command), command)
        self.assertEqual(self.what_is_kept(), before)
        # A command over clients names its own connection alone.
        self.resp(self.server, self.victim)
        self.assertEqual(mine.ask("CLIENT", "LIST").count(b"id="), 1)

    def test_what_is_the_others_and_what_is_not_there_are_told_alike(self):
        def shape(path):
            status, headers, said = self.ask(self.other, "GET", path)
            told = re.sub(r'"(request_id|instance)":"[^"]*"', "", said.decode())
            return status, sorted(name.lower() for name in headers), told
        for theirs, none in [(f"/v1/kv/web/{KEY}", "/v1/kv/web/no-such-k"),
                             (f"/v1/meta/web/{KEY}", "/v1/meta/web/no-such-k"),
                             (f"/cache/{KEY}", "/cache/no-such-k"),
                             (f"/v1/sessions/web/{HANDLE}", f"/v1/sessions/web/{HANDLE[::-1]}")]:
            self.assertEqual(shape(theirs), shape(none))
            took = {theirs: [], none: []}
            for path in [theirs, none] * 200:
                began = time.perf_counter()
                self.ask(self.other, "GET", path)
                took[path].append(time.perf_counter() - began)
            medians = [statistics.median(times) for times in took.values()]
            # Generous, for the machine may be busy; a look into the store would cost more.
            self.assertLess(max(medians) / min(medians), 1.5, f"{theirs}: {medians}")

    def test_metrics_are_the_operators(self):
        for path in ("/metrics", "/v1/stats", "/v1/policies", "/v1/admin/keys"):
            self.assertEqual(self.ask(self.other, "GET", path)[0], 403, path)
        metrics = self.ask(self.root, "GET", "/metrics")[2].decode()
        for word in (MARK, KEY, HANDLE, self.victim_id):
            self.assertNotIn(word, metrics)

    def test_a_policy_that_is_not_its_own_is_as_one_that_is_not_there(self):
        self.standard(top='resp_listen = "tcp://127.0.0.1:0"\n[service]\nkeys_required = true\n'
                          f'root_key_file = "{self.folder}/root.key"\n',
                      policies=policy() + policy("theirs"))
        self.wait_until(lambda: self.ask(self.root, "GET", "/v1/policies/theirs")[0] == 200,
                        "the new policy is known")
        there = self.ask(self.other, "GET", "/v1/read/theirs/1")
        none = self.ask(self.other, "GET", "/v1/read/unheard/1")
        self.assertEqual(there[0], none[0])
        self.assertEqual(json.loads(there[2])["detail"], json.loads(none[2])["detail"])


if __name__ == "__main__":
    unittest.main()
