"""What the tests of migrations share: a fleet over two stores, its traffic, and the tool."""

import contextlib
import json
import random
import signal
import subprocess
import threading
import time

from harness import BINARY, Case, Traffic, clean_environment
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


def entries_in(valkey):
    """Names that it has: of entries, of tags, and a few more."""
    with valkey.connect() as connection:
        connection.sendall(b"DBSIZE\r\n")
        return int(connection.recv(100)[1:])


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
                f'[migration]\nphase = "{phase}"\nnew_after = "2s"\n'
                '[limits]\nwrite_within = "50ms"\nguard_margin = "50ms"\n')

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


class MovingKinds(Moving):
    """Between stores of any two kinds, with the bus on a server of its own."""

    entries = 400
    quiet = entries * 3 // 4  # From here on there is traffic; the rest is as it was copied.
    batch = 50

    def setUp(self):
        super().setUp()
        self.bus = f'[bus]\naddress = "127.0.0.1:{self.valkey("bus").port}"\n'

    def filled_in_dual(self, old, new):
        self.old, self.new = old, new
        self.on_stores(self.migrating("dual"))
        servers = [self.serve(), self.serve()]
        # A cold server takes longer for its first answers than a store is waited for.
        for server in servers:
            self.wait_until(lambda asked=server: asked.read(0)[1], "a store that answers")
        for begin in range(0, self.entries, self.batch):
            self.wait_until(lambda first=begin: self.are_kept(servers[0], first), "a batch")
        return servers

    def are_kept(self, server, first):
        entities = [str(i) for i in range(first, first + self.batch)]
        return self.are_read(server, entities) and all(
            self.is_stored(server, entity) for entity in entities)

    def taken_over(self, servers, *more):
        code, ended, complaint = self.migrate("cut-over", servers, *more)
        self.assertEqual(code, 0, (ended, complaint))
        self.assertEqual(self.phases(servers), ["new", "new"])
        return ended

    def moves(self, old, new, **limits):
        """There and back, under traffic on the last quarter."""
        servers = self.filled_in_dual(old, new)
        judge = Judge(self, servers, self.quiet, self.entries - 1)
        with Traffic(judge.work, threads=2) as traffic:
            code, ended, complaint = self.migrate("run", servers)
            self.assertEqual(code, 0, (ended, complaint))
            self.no_faults(ended["verify"], **limits)
            self.no_faults(self.taken_over(servers)["verify"], **limits)
            self.nearly_all_are_hits(servers[1], range(0, self.quiet, 10))
            judge.goes_on()
            code, ended, complaint = self.migrate("roll-back", servers)
            self.assertEqual(code, 0, (ended, complaint))
            judge.goes_on()
        self.assertEqual(traffic.faults, [])
        self.alone_has_it()

    def alone_has_it(self):
        """Who knows the new store alone finds what was moved."""
        self.on_stores(self.on(self.new) + self.bus)
        alone = self.serve()
        self.wait_until(lambda: alone.read(0)[1], "trust in the store")
        self.nearly_all_are_hits(alone, range(1, self.quiet, 10))
