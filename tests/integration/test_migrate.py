"""A fleet moves from one real Valkey to another, under reads and writes that are all judged.

HEADRACE_MIGRATE_ENTRIES says how many entries there are, 20,000 unless told otherwise.
"""

import contextlib
import fcntl
import http.server
import json
import os
import signal
import subprocess
import threading
import unittest

from harness import Traffic, clean_environment
from moving import BATCH, POLICY, Judge, Moving, entries_in
from test_shared import SERVERS

ENTRIES = int(os.environ.get("HEADRACE_MIGRATE_ENTRIES", "20000"))


def clients_of(valkey):
    with valkey.connect() as connection:
        connection.sendall(b"INFO clients\r\n")
        return int(connection.recv(4096).split(b"connected_clients:")[1].split()[0])


class Refuser:
    """Stands before a server, and refuses what has certain bytes in its body.

    With `passes` the server does it all the same, and its answer is lost.
    """

    def __init__(self, server, refused, passes=False):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.pass_on(None)

            def do_POST(self):
                self.pass_on(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def pass_on(self, body):
                is_refused = body is not None and refused in body.encode()
                status, answer = 503, b"{}"
                if passes or not is_refused:
                    status, _, answer = server.ask(self.command, self.path, body,
                                                   {"Content-Type": "application/json"},
                                                   is_text=True)
                if is_refused:
                    status, answer = 503, b"{}"
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@contextlib.contextmanager
def refusing(server, refused, passes=False):
    refuser = Refuser(server, refused, passes)
    thread = threading.Thread(target=refuser.http.serve_forever)
    thread.start()
    try:
        yield refuser
    finally:
        refuser.http.shutdown()
        thread.join()
        refuser.http.server_close()


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Migration(Moving):
    entries = ENTRIES

    def setUp(self):
        super().setUp()
        self.old, self.new = (self.valkey(name) for name in ("old", "new"))
        self.bus = f'[bus]\naddress = "127.0.0.1:{self.old.port}"\n'

    def fill(self, server, first, last, valkey):
        """Has these entities read until all are kept: an entry and its tag, each a name."""
        expected = entries_in(valkey) + 2 * (last - first)

        def are_kept():
            for begin in range(first, last, BATCH):
                entities = [str(i) for i in range(begin, min(begin + BATCH, last))]
                self.wait_long(lambda asked=entities: self.are_read(server, asked), "a batch")
            return entries_in(valkey) >= expected

        self.wait_long(are_kept, "entries in the store")

    def kill_half_way(self, servers):
        """Starts the copying, and kills it when some pages are done and others are not."""
        state = self.folder / "state.json"
        with subprocess.Popen(
                self.arguments("run", servers, "--config", str(self.config), "--rate",
                               str(ENTRIES // 12)),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environment()) as tool:

            def is_half_way():
                if tool.poll() is not None:
                    self.fail(f"it ended by itself: {tool.communicate()}")
                if not state.exists():
                    return False
                told = json.loads(state.read_text(encoding="utf-8"))
                return told["progress"]["listed"] > ENTRIES // 3

            self.wait_long(is_half_way, "a third of the copying")
            code, _, complaint = self.migrate("run", servers)
            self.assertEqual(code, 6, complaint)
            self.assertIn("is at work with", complaint)
            tool.kill()
            tool.communicate()
        told = json.loads(state.read_text(encoding="utf-8"))
        self.assertEqual(told["stage"], "copying")
        self.assertLess(told["progress"]["listed"], ENTRIES * 3 // 4)

    def started_in_dual(self):
        """Two servers that had filled the old store; the new one holds something of long ago."""
        self.on_stores(self.on(self.new))
        long_ago = self.serve()
        self.fill(long_ago, 0, 50, self.new)
        long_ago.kill()
        for entity in range(50):
            self.write(entity)
        self.on_stores(self.on(self.old) + self.bus)
        servers = [self.serve(), self.serve()]
        self.fill(servers[0], 50, ENTRIES, self.old)
        self.on_stores(self.migrating("dual"))
        code, _, complaint = self.migrate("run", servers)
        self.assertEqual(code, 6, complaint)
        self.assertIn("has no [migration]", complaint)
        self.restart(servers)
        return servers

    def test_a_fleet_moves_while_it_reads_and_writes(self):
        servers = self.started_in_dual()
        # Traffic is on the last quarter, so that the rest is as it was copied.
        judge = Judge(self, servers, ENTRIES * 3 // 4, ENTRIES - 1)
        with Traffic(judge.work, threads=2) as traffic:
            self.kill_half_way(servers)
            code, ended, complaint = self.migrate("run", servers)
            self.assertEqual(code, 0, (ended, complaint))
            self.assertNotIn("emptied", ended, "what was copied before the kill stays")
            self.assertLess(ended["copying"]["listed"], ENTRIES * 3 // 2, "and is not listed again")
            self.no_faults(ended["verify"])

            code, ended, complaint = self.migrate("cut-over", servers)
            self.assertEqual(code, 0, (ended, complaint))
            self.no_faults(ended["verify"])
            self.assertEqual(self.phases(servers), ["new", "new"])
            self.nearly_all_are_hits(servers[0], range(100, ENTRIES // 2, ENTRIES // 200))
            judge.goes_on()
            judge.goes.clear()
            self.after_it(servers)
            judge.goes.set()

            code, ended, complaint = self.migrate("roll-back", servers)
            self.assertEqual(code, 0, (ended, complaint))
            self.assertEqual(self.phases(servers), ["dual", "dual"])
            judge.goes_on()
        self.assertEqual(traffic.faults, [])
        print(f"\nA migration of {ENTRIES:,} entries under write traffic ({judge.writes:,} writes, "
              f"{judge.reads:,} reads), killed and resumed once: verify says 0 lost, "
              "0 resurrected, TTLs within 1 s.")

    def after_it(self, servers):
        """Who knows the new store alone finds what was moved, and nothing of long ago."""
        self.on_stores(self.on(self.new) + self.bus)
        alone = self.serve()
        # What was invalidated a moment ago two stores have acknowledged, of which it knows one:
        # it tells that one again before it counts on it.
        self.wait_until(lambda: alone.read(100)[1], "trust in the store")
        self.nearly_all_are_hits(alone, range(101, ENTRIES // 2, ENTRIES // 100))
        for entity in range(50):
            self.assertEqual(alone.read(entity)[0]["version"], 2, "from before the migration")
        alone.signal(signal.SIGTERM)
        self.assertEqual(alone.ended(), 0)
        self.on_stores(self.migrating("dual"))
        code, _, complaint = self.migrate("verify", servers)
        self.assertEqual(code, 6, complaint)
        self.assertIn("is in phase new", complaint)

    def test_what_was_voided_in_off_is_not_in_the_new_store(self):
        self.on_stores(self.migrating("dual"))
        servers = [self.serve()]
        servers[0].read(1)
        self.wait_stored(servers[0], 1)
        code, ended, complaint = self.migrate("run", servers)
        self.assertEqual((code, ended["copying"]["listed"]), (0, 1), complaint)
        self.assertEqual(servers[0].ask("POST", "/v1/admin/migration", {"phase": "off"})[0], 200)
        with open(self.folder / "state.json.lock", "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            code, _, complaint = self.migrate("run", servers)
        self.assertEqual((code, self.phases(servers)), (6, ["off"]), complaint)
        self.write(1)
        servers[0].invalidate(keys=[{"policy": "user", "entity": "1"}])
        # The server goes to dual, and the tool does not hear of it.
        with refusing(servers[0], b'"dual"', passes=True) as passer:
            code, _, complaint = self.migrate("run", [passer])
        self.assertEqual((code, self.phases(servers)), (5, ["dual"]), complaint)
        code, _, complaint = self.migrate("cut-over", servers, "--unverified")
        self.assertEqual((code, self.phases(servers)), (6, ["dual"]), complaint)
        self.assertIn("yet to be emptied", complaint)
        code, ended, complaint = self.migrate("run", servers)
        self.assertEqual((code, self.phases(servers)), (0, ["dual"]), complaint)
        self.assertIn("emptied", ended)

    def test_what_the_new_store_lacks_is_copied_before_it_is_called_lost(self):
        self.on_stores(self.migrating("dual"))
        servers = [self.serve()]
        servers[0].read(1)
        self.wait_stored(servers[0], 1)
        self.assertEqual(self.migrate("run", servers)[0], 0)
        with self.new.connect() as connection:
            connection.sendall(b"FLUSHALL\r\n")
            self.assertEqual(connection.recv(100), b"+OK\r\n")
        code, ended, complaint = self.migrate("verify", servers)
        self.assertEqual((code, ended["verify"]["copied"]), (0, 1), (ended, complaint))
        code, ended, complaint = self.migrate("verify", servers)
        self.assertEqual((code, ended["verify"]["copied"]), (0, 0), (ended, complaint))

    def test_all_servers_go_or_none(self):
        self.on_stores(self.migrating("dual").replace('"2s"', '"100ms"'))
        servers = [self.serve(), self.serve()]
        with refusing(servers[1], b'"new"') as refuser:
            code, _, complaint = self.migrate("cut-over", [servers[0], refuser], "--unverified")
        self.assertEqual(code, 5, complaint)
        self.assertIn("did not go to phase new", complaint)
        self.assertIn("The others are in dual again.", complaint)
        self.assertEqual(self.phases(servers), ["dual", "dual"])
        code, _, complaint = self.migrate("cut-over", servers, "--unverified")
        self.assertEqual((code, self.phases(servers)), (0, ["new", "new"]), complaint)

    def test_nobody_goes_before_the_guards_have_ended(self):
        self.on_stores(self.migrating("dual").replace('"2s"', '"1h"'))
        servers = [self.serve()]
        status, _, body = servers[0].ask("POST", "/v1/admin/migration", {"phase": "new"})
        self.assertEqual((status, json.loads(body)["code"]), (409, "phase-refused"))
        before = clients_of(self.new)
        with subprocess.Popen(
                self.arguments("cut-over", servers, "--unverified", "--config", str(self.config)),
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env=clean_environment()) as tool:
            # Once it has opened both stores it waits.
            self.wait_until(lambda: clients_of(self.new) > before, "the tool at the new store")
            tool.send_signal(signal.SIGINT)
            _, complaint = tool.communicate(timeout=self.run_seconds_max)
        self.assertEqual(tool.returncode, 130, complaint)
        self.assertIn("Go on with `headrace migrate cut-over`", complaint)
        self.assertEqual(self.phases(servers), ["dual"])

    def test_an_embedded_store_moves_while_no_server_runs(self):
        count = 300
        self.standard(policies=POLICY)
        server = self.serve()
        entities = [str(i) for i in range(count)]
        server.ask("POST", "/v1/read", {"policy": "user", "entities": entities})
        self.wait_stored(server, count - 1)
        self.wait_stored(server, 0)
        before, after = self.folder / "before.toml", self.folder / "after.toml"
        before.write_bytes(self.config.read_bytes())
        self.on_stores(self.on(self.new))
        after.write_bytes(self.config.read_bytes())
        files = ("--from", str(before), "--to", str(after))
        code, _, complaint = self.migrate("run", [], *files)
        self.assertEqual(code, 5, complaint)
        self.assertIn("belongs to its process", complaint)
        server.signal(signal.SIGTERM)
        self.assertEqual(server.ended(), 0)
        code, ended, complaint = self.migrate("run", [], *files)
        self.assertEqual(code, 0, (ended, complaint))
        self.assertEqual((ended["copying"]["copied"], ended["verify"]["compared"]), (count, count))
        self.nearly_all_are_hits(self.serve(), range(0, count, 10))
        # The state is of this migration.
        self.on_stores(self.on(self.old))
        after.write_bytes(self.config.read_bytes())
        code, _, complaint = self.migrate("run", [], *files)
        self.assertEqual(code, 2, complaint)
        self.assertIn("is the state of the migration from", complaint)


if __name__ == "__main__":
    unittest.main()
