"""The program in front of Google's Firestore emulator, whose REST interface is asked besides."""

import base64
import contextlib
import http.client
import json
import unittest

from firestore_emulator import Emulator, EmulatorMissing
from harness import SECONDS_MAX, SIGTERM, Case, Traffic, policy

PROJECT = "headrace-integration"
DOCUMENTS = f"/v1/projects/{PROJECT}/databases/(default)/documents"

SOURCE = """
[sources.fs]
kind = "firestore"
project = "{project}"
emulator = "{address}"
writable = true
retry_after = "5ms"
retry_after_max = "50ms"
"""

POLICIES = """
[policies.user]
source = "fs"
collection = "users"
fields = ["v"]
writable = ["v"]
rollout = "on"
fresh_for = "5m"
"""

# As Firestore's REST interface has them, but for references, which name the project.
VALUES = {
    "null": {"nullValue": None},
    "true": {"booleanValue": True},
    "zero": {"integerValue": "0"},
    "last-exact": {"integerValue": "9007199254740992"},
    "beyond": {"integerValue": "9007199254740993"},
    "lowest": {"integerValue": "-9223372036854775808"},
    "double": {"doubleValue": 0.1},
    "whole": {"doubleValue": 1.0},
    "tiny": {"doubleValue": 5e-324},
    "huge": {"doubleValue": 1.7976931348623157e308},
    "nan": {"doubleValue": "NaN"},
    "infinite": {"doubleValue": "-Infinity"},
    "text": {"stringValue": "\u0000 \"quoted\" \u00fc \U0001f600"},
    "moment": {"timestampValue": "2026-01-02T03:04:05.123456Z"},
    "first-moment": {"timestampValue": "0001-01-01T00:00:00Z"},
    "bytes": {"bytesValue": "AP8+/w=="},
    "reference": {"referenceValue": DOCUMENTS[4:] + "/users/7"},
    "place": {"geoPointValue": {"latitude": -90, "longitude": 180}},
    "map": {"mapValue": {"fields": {"$x": {"integerValue": "1"}}}},
    "nested": {"mapValue": {"fields": {"b": {"arrayValue": {"values": [
        {"integerValue": "1"}, {"doubleValue": 2.5}, {"mapValue": {"fields": {"c": {
            "timestampValue": "1970-01-01T00:00:00Z"}}}}]}}, "a": {"stringValue": ""}}}},
    "empty": {"arrayValue": {}},
}


def quoted(text):
    """A JSON string with the escapes that JSON demands, and no others."""
    return json.dumps(text, ensure_ascii=False)


def double_text(value):
    if isinstance(value, str):
        return '{"$double":' + quoted(value) + "}"
    return repr(float(value))


def moment_text(value):
    seconds, _, fraction = value.rstrip("Z").partition(".")
    return '{"$timestamp":"' + seconds + "." + fraction.ljust(9, "0") + 'Z"}'


def canonical(value):
    """A value of the REST interface in the form that docs/firestore.md names."""
    (kind, content), = value.items()
    if kind in ("nullValue", "booleanValue"):
        return json.dumps(content)
    if kind == "integerValue":
        return content if abs(int(content)) <= 2 ** 53 else '{"$integer":' + quoted(content) + "}"
    if kind == "doubleValue":
        return double_text(content)
    if kind == "stringValue":
        return quoted(content)
    if kind == "timestampValue":
        return moment_text(content)
    if kind == "bytesValue":
        return '{"$base64":' + quoted(base64.b64encode(base64.b64decode(content)).decode()) + "}"
    if kind == "referenceValue":
        return '{"$reference":' + quoted(content) + "}"
    if kind == "geoPointValue":
        return (f'{{"$geopoint":[{float(content.get("latitude", 0))!r},'
                f'{float(content.get("longitude", 0))!r}]}}')
    if kind == "arrayValue":
        return "[" + ",".join(map(canonical, content.get("values", []))) + "]"
    members = sorted(content.get("fields", {}).items())
    text = "{" + ",".join(quoted(name) + ":" + canonical(one) for name, one in members) + "}"
    return '{"$map":' + text + "}" if any(name.startswith("$") for name, _ in members) else text


class OnEmulator(Case):
    def setUp(self):
        super().setUp()
        try:
            self.emulator = Emulator(self.folder)
        except EmulatorMissing as missing:
            self.skipTest(str(missing))
        self.addCleanup(self.emulator.kill)
        self.emulator.start()  # One that is there and does not start is a fault.


class Firestore(OnEmulator):
    def setUp(self):
        super().setUp()
        self.standard(source=SOURCE.format(project=PROJECT, address=self.emulator.address),
                      policies=POLICIES)
        self.server = self.serve()

    def rest(self, method, document, body=None):
        host, port = self.emulator.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS_MAX)
        with contextlib.closing(connection):
            connection.request(method, f"{DOCUMENTS}/users/{document}",
                               None if body is None else json.dumps(body),
                               {"Authorization": "Bearer owner",
                                "Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read()
        self.assertEqual(response.status, 200, answer)
        return json.loads(answer)

    def put(self, document, value):
        self.rest("PATCH", document, {"fields": {"v": value}})

    def answer(self, entity):
        """The bytes of an answer, and where it came from."""
        status, headers, body = self.server.ask("GET", f"/v1/read/user/{entity}")
        self.assertEqual(status, 200, body)
        return body.decode(), headers["Cache-Status"]

    def check_all(self, origin):
        for name in VALUES:
            wanted = '{"v":' + canonical(self.rest("GET", name)["fields"]["v"]) + "}"
            with self.subTest(name=name, origin=origin):
                body, came_from = self.answer(name)
                self.assertEqual(body, wanted)
                self.assertIn(origin, came_from)

    def test_every_type_comes_back_as_the_source_has_it(self):
        for name, value in VALUES.items():
            self.put(name, value)
        self.check_all("fwd=miss")
        self.check_all("detail=memory")
        for name in VALUES:
            self.wait_stored(self.server, name)
        self.server.signal(SIGTERM)
        self.assertEqual(self.server.ended(), 0)
        self.server = self.serve()
        self.check_all("detail=store")

    def test_every_type_can_be_written_in_the_form_in_which_it_is_read(self):
        for name, value in VALUES.items():
            self.put(name, value)
            before = self.rest("GET", name)["fields"]
            body, _ = self.answer(name)
            self.rest("DELETE", name)
            status, _, said = self.server.ask(
                "PATCH", f"/v1/source/user/{name}?create=true", body, is_text=True)
            with self.subTest(name=name):
                self.assertEqual(status, 200, said)
                self.assertEqual(self.rest("GET", name)["fields"], before)
                self.assertEqual(self.answer(name)[0], body)

    def test_an_outage_is_told_and_ends_by_itself(self):
        if not self.emulator.is_ours:
            self.skipTest("FIRESTORE_EMULATOR_HOST is not ours to kill")
        for n in range(10):
            self.put(n, VALUES["zero"])
        for n in range(5):
            self.answer(n)
        seen = []

        def work():
            for n in range(10):
                status, headers, body = self.server.ask("GET", f"/v1/read/user/{n}?within=1000")
                if status != 200:
                    body = json.loads(body)["code"], headers["Retry-After"] is not None
                seen.append((n, status, body))

        self.emulator.kill()
        with Traffic(work, threads=2) as traffic:
            self.wait_until(lambda: len(seen) >= 100, "reads during the outage")
            # It forgets all documents: those that the store holds are written again at once.
            self.emulator.start()
            for n in range(10):
                self.put(n, VALUES["zero"])
            self.wait_until(lambda: all(one[1] == 200 for one in seen[-40:]), "recovery")
        self.assertEqual(traffic.faults, [])
        for n, status, body in seen:
            if n < 5:
                self.assertEqual((status, body), (200, b'{"v":0}'))
            elif status != 200:
                self.assertIn((status, body), [(503, ("source-unavailable", True)),
                                               (504, ("backend-timeout", False)),
                                               (404, ("not-found", False))])
        outage = [status for n, status, _ in seen[:100] if n >= 5]
        self.assertIn(503, outage)
        self.assertNotIn(404, outage)


class FirestoreAsStore(OnEmulator):
    """Two servers that share a collection, in front of a source that is none."""

    def version(self, server, entity):
        return server.read(entity)[0]["version"]

    def test_what_one_invalidates_the_other_does_not_answer(self):
        self.standard(data=False, policies=policy(more='level = "strict"'), top=(
            f'[store]\nkind = "firestore"\nproject = "{PROJECT}"\ncollection = "shared"\n'
            f'emulator = "{self.emulator.address}"\n[bus]\nkind = "none"\n'))
        here, there = self.serve(), self.serve()
        self.assertIn(f"store: firestore collection shared of project {PROJECT}", here.log())
        # A cold emulator takes longer for its first Commit than a store is waited for.
        key = {"policy": "user", "entity": "1"}
        self.wait_until(lambda: here.invalidate(keys=[key]) == 200, "a store that answers")
        for _ in range(5):
            self.wait_until(lambda: here.read(1)[1] and there.read(1)[1], "hits of both")
            written = self.write(1)
            self.assertEqual(here.invalidate(keys=[key]), 200)
            self.assertEqual(self.version(there, 1), written)
        if not self.emulator.is_ours:
            return
        self.emulator.kill()
        written = self.write(1)
        self.assertEqual(here.invalidate(keys=[key]), 202)
        self.assertEqual(self.version(here, 1), written, "from the source")
        self.assertEqual(self.version(there, 1), written, "nobody confirms what memory has")


if __name__ == "__main__":
    unittest.main()
