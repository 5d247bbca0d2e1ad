"""What the tests of migrations share: a fleet over two stores, its traffic, and the tool."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time

from harness import BINARY, Case, clean_environment
from test_shared import Valkey

BATCH = 500
POLICY = """
[policies.user]
source = "db"
table = "users"
fields = ["id", "name", "version"]
tags = ["user:{entity}"]
rollout = "on"
level = "strict"
fresh_for = "2h"
absent_for = "1h"
fetch_within = "25s"
load_within = "25s"
"""


class Judge:
    """Writes and reads that know what each read must at least see."""

    def __init__(self, case, servers, first, last):
        self.case = case
        self.servers = servers
        self.first, self.last = first, last
        self.floors = {}
        self.lock = threading.Lock()
        self.reads = self.writes = 0
        self.goes = threading.Event()
        self.goes.set()
        self.random = random.Random(7)

    def _choose(self):
        with self.lock:
            return (self.random.choice(self.servers),
                    self.random.randint(self.first, self.last))

    def write(self):
        server, entity = self._choose()
        with self.lock:  # Of one entity one after the other, as SQLite would have it anyway.
            written = self.case.write(entity)
        if self.writes % 2 == 0:
            held = server.invalidate(keys=[{"policy": "user", "entity": str(entity)}])
        else:
            held = server.invalidate(tags=[f"user:{entity}"])
        with self.lock:
            self.writes += 1
            if held == 200:
                self.floors[entity] = max(self.floors.get(entity, 1), written)

    def read(self):
        server, entity = self._choose()
        with self.lock:
            floor = self.floors.get(entity, 1)
        version = server.read(entity)[0]["version"]
        if version < floor:
            raise AssertionError(f"user {entity}: version {version} came back after {floor}")
        self.reads += 1

    def goes_on(self):
        """Until some more has been written, and read."""
        writes, reads = self.writes, self.reads
        self.case.wait_until(lambda: self.writes > writes + 50 and self.reads > reads + 50,
                             "more traffic")

    def work(self):
        self.goes.wait()
        self.write()
        for _ in range(4):
            self.read()


class Moving(Case):
    """Servers that move from `self.old` to `self.new`, which tell what they are in TOML."""

    entries = 20000

    def setUp(self):
        super().setUp()
        self.database.execute("BEGIN")
        self.database.executemany("INSERT INTO users VALUES (?, ?, 'secret', 1)",
                                  ((i, f"User {i}") for i in range(100, self.entries + 100)))
        self.database.execute("COMMIT")

    def valkey(self, name, kind=Valkey):
        folder = self.folder / name
        folder.mkdir()
        valkey = kind(folder)
        self.addCleanup(valkey.kill)
        return valkey

    def on(self, store, section="store"):
        return f"[{section}]\n{store.says}"

    @property
    def run_seconds_max(self):
        """Of one stage of the tool, on a slow machine."""
        return 90 + self.entries / 500

    def migrating(self, phase):
        return (self.on(self.old) + self.bus + self.on(self.new, "migration.to") +
                f'[migration]\nphase = "{phase}"\nnew_after = "2s"\n')

    def on_stores(self, top):
        """The configuration of the servers that start from here on."""
        self.standard(data=False, top=top, policies=POLICY)

    def restart(self, servers):
        """One after the other, with the configuration of now."""
        for i, server in enumerate(servers):
            server.signal(signal.SIGTERM)
            self.assertEqual(server.ended(), 0, server.log())
            servers[i] = self.serve()

    def wait_long(self, condition, what):
        """As wait_until(), for what takes the longer the more entries there are."""
        deadline = time.monotonic() + self.run_seconds_max
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def are_read(self, server, entities):
        """On a busy machine a batch may take longer than anybody waits; it is then asked again."""
        with contextlib.suppress(TimeoutError):
            status, _, body = server.ask("POST", "/v1/read",
                                         {"policy": "user", "entities": entities})
            self.assertEqual(status, 200, body[:300])
            return True
        return False

    def arguments(self, stage, servers, *more):
        return [BINARY, "migrate", stage, "--state", str(self.folder / "state.json"), "--json",
                *more, *(word for server in servers for word in ("--server", server.url))]

    def migrate(self, stage, servers, *more):
        """Runs a stage to its end: exit code, what it says, what it complains of."""
        if "--from" not in more:
            more = ("--config", str(self.config), *more)
        done = subprocess.run(self.arguments(stage, servers, *more), capture_output=True, text=True,
                              env=clean_environment(), timeout=self.run_seconds_max, check=False)
        return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr

    def no_faults(self, verify, *, seconds=1, lists=True):
        for fault in ("lost", "resurrected", "different", "time_left_differs"):
            self.assertEqual(verify[fault], 0, verify)
        self.assertLessEqual(verify["time_left_difference_max_s"], seconds, verify)
        self.assertEqual(verify["new_was_listed"], lists)
        self.assertGreater(verify["compared"], self.entries * 7 // 10)

    def phases(self, servers):
        return [json.loads(server.ask("GET", "/v1/admin/migration")[2])["phase"]
                for server in servers]

    def nearly_all_are_hits(self, server, entities):
        """On a busy machine a store may answer too late now and then."""
        answers = [server.read(entity) for entity in entities]
        self.assertEqual({value["version"] for value, _ in answers}, {1})
        self.assertGreater(sum(hit for _, hit in answers), 0.9 * len(answers))
