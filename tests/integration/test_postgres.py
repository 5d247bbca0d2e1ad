"""Servers with a bus, and with a source, on a real PostgreSQL."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from free_port import free_port
from harness import SECONDS_MAX, Case

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """A server of the test's own, on a port that stays the same; not as root, which it refuses."""

    def __init__(self, settings=()):
        self.settings = [word for one in settings for word in ("-c", one)]
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headrace-postgres-"))
        self.port = free_port()
        self.user = {"user": "postgres"} if os.geteuid() == 0 else {}
        if self.user:
            shutil.chown(self.folder, "postgres")
        self.process = None
        subprocess.run([POSTGRES / "initdb", "-D", "data", "-U", "postgres", "--auth=trust",
                        "--no-sync"], cwd=self.folder, stdout=subprocess.DEVNULL, check=True,
                       **self.user)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [POSTGRES / "postgres", "-D", "data", "-p", str(self.port), "-c", "fsync=off",
             "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
             *self.settings],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user)

    def stop(self):
        """Without waiting for its clients to go."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait()

    def run(self, sql):
        """What psql says; it waits until the server is there."""
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            done = subprocess.run(
                [POSTGRES / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                 "-p", str(self.port), "-U", "postgres", "-c", sql, "postgres"],
                capture_output=True, text=True, check=False)
            if done.returncode != 2 or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def end(self):
        self.stop()
        shutil.rmtree(self.folder, True)


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class OnPostgres(Case):
    def test_what_one_invalidates_the_other_does_not_answer(self):
        server = Postgres()
        self.addCleanup(server.end)
        self.standard(data=False, top=f'[bus]\nkind = "postgres"\n'
                                      f'connection = "host=127.0.0.1 port={server.port} '
                                      f'user=postgres dbname=postgres"\n')
        here, there = self.serve(), self.serve()
        self.wait_until(lambda: there.read(1)[1], "a hit")
        written = self.write(1)
        self.assertEqual(here.invalidate(tags=["user:1"], wait="everywhere"), 200)
        self.assertEqual(there.read(1)[0]["version"], written)
        self.wait_until(lambda: there.read(1)[1], "a hit")
        server.stop()
        written = self.write(1)
        here.invalidate(tags=["user:1"])
        self.wait_until(lambda: there.read(1)[0]["version"] == written, "the end of the bus lease")
        server.start()
        self.wait_until(lambda: there.read(1)[1], "hits again")
        self.assertEqual(there.read(1)[0]["version"], written)

    def test_it_is_read_through_and_written_through(self):
        database = Postgres()
        self.addCleanup(database.end)
        database.run("CREATE TABLE users(id int PRIMARY KEY, name text, plan text); "
                     "CREATE VIEW plans AS SELECT id, plan FROM users; "
                     "INSERT INTO users VALUES (1, 'Ada', 'free')")
        self.standard(data=False, source=f'''
[sources.app]
kind = "postgres"
connection = "host=127.0.0.1 port={database.port} user=postgres dbname=postgres"
writable = true
''', policies='''
[policies.user]
source = "app"
table = "users"
fields = ["name"]
writable = ["name", "plan"]
[policies.plan]
source = "app"
table = "plans"
fields = ["plan"]
''')
        server = self.serve()
        self.assertEqual(server.read(1), ({"name": "Ada"}, False))
        self.assertEqual(server.read(1), ({"name": "Ada"}, True))
        self.assertEqual(server.read(1, "plan"), ({"plan": "free"}, False))
        status, _, body = server.ask("PATCH", "/v1/source/user/1", {"plan": "pro"})
        self.assertEqual(status, 200, body)
        self.assertEqual(database.run("SELECT name, plan FROM users"), "Ada|pro")
        self.assertEqual(server.read(1, "plan"), ({"plan": "pro"}, False),
                         "the view reads what was written")
        status, _, body = server.ask("PATCH", "/v1/source/user/01", {"plan": "free"})
        self.assertEqual(status, 422, body)
        self.assertIn("the row's own key is", json.loads(body)["detail"])
        database.stop()
        self.assertEqual(server.read(1, "plan")[1], True, "kept while the database is away")
        status, _, body = server.ask("GET", "/v1/read/user/2")
        self.assertEqual(status, 503, body)
        database.start()
        database.run("SELECT 1")
        self.wait_until(lambda: server.ask("GET", "/v1/read/user/2")[0] == 404, "absent again")


if __name__ == "__main__":
    unittest.main()
