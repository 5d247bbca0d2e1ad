"""The OpenAPI document, judged by others: a validator, and schemathesis, which plays every
operation with what the document allows and what it does not, and holds the answers against it.

Schemas of answers are closed for the judge: a member that the document does not name is a fault of
the document.  What it plays is the same in each run.
"""

import json
import os
import pathlib
import subprocess
import unittest

from harness import policy
from test_merged import CONFIG, Merged

CLIENTS = pathlib.Path(os.environ.get("HEADRACE_CLIENTS") or "/nonexistent")
PROGRAMS = CLIENTS / "python/bin"
EXAMPLES_MAX = 4  # Of each operation and phase, so that all of it ends in a minute or two.
WITHIN_S = 240

# 504: memory was asked alone.  What no schema can say: of base64 whether it is UTF-8, what one part
# of a request asks of another, and what is a name to whom.  Removals are of what nobody else reads.
# `revoke` is a handle to the methods of a session.
RULES = """
[checks]
enabled = true
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 504]
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 409, 410, 412, 413, 414, 415, 422]
positive_data_acceptance.expected-statuses = ["2xx", 304, 401, 403, 404, 409, 410, 412, 504]

[[operations]]
include-operation-id = [
  "readNamedEntity", "readNamedSnapshot", "readNamedSource", "writeFields", "writeNamedFields",
  "writeMany", "readMerged", "readManyMerged", "switchPolicy", "beginSession", "rotateSession",
  "mergeSession", "putValue", "putValueByQuery", "touchValue", "touchValueByQuery", "batch",
  "listKeys", "cacheGetByQuery", "cachePutByQuery", "cacheReplaceByQuery", "cacheDeleteByQuery",
  "count", "countByQuery", "checkRate", "checkRateByQuery", "createTenant", "createApiKey",
  "listApiKeys",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, "4xx", 504]

# An API key that comes as a record's is refused: it stands in the query.
[[operations]]
include-operation-id = [
  "getValueByQuery", "deleteValueByQuery", "hasValueByQuery", "describeValueByQuery",
  "takeValueByQuery",
]
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, "4xx", 504]

[[operations]]
include-operation-id = "revokeSessions"
checks.allow_header_conformance.enabled = false

[[operations]]
include-operation-id = "removeEntity"
parameters."path.entity" = "77"

[[operations]]
include-operation-id = "removeNamedEntity"
parameters."path.policy" = "usage"
checks.positive_data_acceptance.expected-statuses = ["2xx", 304, "4xx", 504]
"""

VALIDATE = """
import json, sys
import openapi_spec_validator
openapi_spec_validator.validate(json.load(open(sys.argv[1])))
"""

MORE = """
[service]
records = "memory"
""" + policy(more='writable = ["name", "version"]\nremovable = true') + """
[policies.usage]
source = "db"
table = "plans"
key = "user_id"
fields = ["hours", "used"]
[allowances.hours]
balance = "usage"
limit = "hours"
used = "used"
when_absent = "exhausted"
[snapshots.profile]
stale_for = "5m"
[snapshots.profile.sections.core]
source = "db"
table = "users"
fields = ["name"]
depends_on = ["users"]
"""


def closed(schema):
    """The schema of an answer, which takes no member that it does not name."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: closed(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


@unittest.skipUnless((PROGRAMS / "schemathesis").exists(), "there is no schemathesis here")
class Judged(Merged):
    def setUp(self):
        super().setUp()
        self.database.execute("CREATE TABLE plans (user_id INTEGER PRIMARY KEY, hours INTEGER,"
                              " used INTEGER)")
        self.database.execute("INSERT INTO plans VALUES (42, 720, 0)")
        self.configure(self.listen + 'data_dir = "data"\n' +
                       CONFIG.replace('path = "source.sqlite"',
                                      'path = "source.sqlite"\nwritable = true') + MORE)
        done = self.run_headrace("revision", "install", "--config", self.config, "--source", "db",
                                 "--yes")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.server = self.serve()
        status, _, body = self.server.ask("GET", "/openapi.json")
        self.assertEqual(status, 200)
        self.document = json.loads(body)

    def judge(self, *command):
        return subprocess.run([PROGRAMS / "python", *map(str, command)], cwd=self.folder,
                              capture_output=True, text=True, timeout=WITHIN_S, check=False)

    def test_it_is_a_document(self):
        path = self.folder / "openapi.json"
        path.write_text(json.dumps(self.document), encoding="utf-8")
        judged = self.judge("-c", VALIDATE, path)
        self.assertEqual(judged.returncode, 0, judged.stderr)

    def test_the_server_keeps_it(self):
        schemas = self.document["components"]["schemas"]
        self.document["components"]["schemas"] = closed(schemas)
        path = self.folder / "openapi.json"
        path.write_text(json.dumps(self.document), encoding="utf-8")
        rules = self.folder / "schemathesis.toml"
        rules.write_text(RULES, encoding="utf-8")
        judged = self.judge(PROGRAMS / "schemathesis", "--config-file", rules, "run", path,
                            "--url", self.server.url, "--warnings", "off",
                            "--generation-deterministic", "--max-examples", EXAMPLES_MAX)
        told = "\n".join(line[:400] for line in (judged.stdout + judged.stderr).splitlines())
        self.assertEqual(judged.returncode, 0, told)


if __name__ == "__main__":
    unittest.main()
