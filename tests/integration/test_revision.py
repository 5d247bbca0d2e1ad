"""The command `revision` on real databases: what it makes, says and removes, and how it ends."""

import json
import os
import pty
import subprocess
import unittest

from harness import BINARY, SECONDS_MAX, SOURCE, Case, clean_environment
from test_postgres import POSTGRES, Postgres


class Revision(Case):
    def run_it(self, stage, *args):
        return self.run_headrace("revision", stage, "--config", self.config, "--source", *args)

    def missing(self, *args):
        """Of each part what `check` misses, and how it ended."""
        done = self.run_it("check", *args, "--json")
        told = json.loads(done.stdout)
        self.assertEqual(told["kept"], done.returncode == 0, done.stderr)
        return {one["part"]: one["missing"] for one in told["parts"]}

    def assert_says(self, done, code, text):
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertIn(text, done.stderr)


class OnSqlite(Revision):
    def setUp(self):
        super().setUp()
        self.standard()

    def test_it_is_installed_checked_and_removed(self):
        done = self.run_it("check", "db", "users")
        self.assertEqual(done.returncode, 1)
        self.assertIn("users: not kept\n  missing: Headrace's own tables\n", done.stdout)
        printed = self.run_it("install", "db", "users", "users[name]", "--print")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.assertEqual(self.run_it("check", "db", "users").returncode, 1, "nothing was done")
        done = self.run_it("install", "db", "users", "users[name]", "--yes")
        self.assertEqual((done.returncode, done.stdout), (0, printed.stdout), done.stderr)
        self.assertEqual(self.missing("db"), {"users": [], "users[name]": []})
        self.assert_says(self.run_it("install", "db", "users", "--yes"), 0, "nothing to do")
        self.write(1)
        rows = self.database.execute("SELECT name, \"column\", value FROM headrace_revision")
        self.assertEqual(set(rows), {("users", "", ""), ("users", "name", "User 1")})
        self.assertEqual(self.run_it("uninstall", "db", "users", "--yes").returncode, 0)
        self.assertEqual(self.missing("db"), {"users[name]": []})
        self.assertEqual(self.run_it("uninstall", "db", "--yes").returncode, 0)
        self.assertEqual(self.database.execute(
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'headrace%'").fetchone(), (0,))
        self.assertIn("no revisions are kept there", self.run_it("check", "db").stdout)

    def test_it_asks_whoever_is_there(self):
        command = [BINARY, "revision", "install", "--config", self.config, "--source", "db",
                   "users"]
        for answer, code in ((b"n\n", 1), (b"y\n", 0)):
            ours, theirs = pty.openpty()
            self.addCleanup(os.close, ours)
            os.write(ours, answer)
            done = subprocess.run(command, stdin=theirs, capture_output=True, text=True,
                                  env=clean_environment(), timeout=SECONDS_MAX, check=False)
            os.close(theirs)
            self.assert_says(done, code, "Run this in source db? [y/N]")
            self.assertEqual(self.run_it("check", "db", "users").returncode, 1 - int(code == 0))
        nobody = subprocess.run(command + ["users[name]"], stdin=subprocess.DEVNULL,
                                capture_output=True, text=True, env=clean_environment(),
                                timeout=SECONDS_MAX, check=False)
        self.assert_says(nobody, 2, "say --yes, or --print")

    def test_what_is_wrong_is_said(self):
        self.standard(source=SOURCE + '[sources.far]\nkind = "http"\n'
                                      'url = "http://127.0.0.1:1/{entity}"\n')
        for args, text in ((["nowhere", "users"], "has no source nowhere"),
                           (["far", "users"], "is of kind http"),
                           (["db"], "say which parts"),
                           (["db", "users["], "is no part of a source"),
                           (["db", "nobody"], "there is no table nobody"),
                           (["db", "users[x]"], "has no column \"x\""),
                           (["db", "users", "--connection", "host=x"], "kind postgres")):
            self.assert_says(self.run_it("install", *args, "--yes"), 2, text)
        self.configure("nonsense")
        self.assert_says(self.run_it("check", "db"), 78, "the configuration is wrong")


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class OnPostgres(Revision):
    def setUp(self):
        super().setUp()
        self.postgres = Postgres()
        self.addCleanup(self.postgres.end)
        self.postgres.run("CREATE TABLE orders(id int, owner int) PARTITION BY RANGE (id); "
                          "CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (9); "
                          "CREATE VIEW rich AS SELECT * FROM orders; CREATE ROLE cache LOGIN; "
                          "GRANT SELECT ON orders TO cache")
        self.place = f"host=127.0.0.1 port={self.postgres.port} dbname=postgres"
        self.standard(data=False, source=f"""
[sources.app]
kind = "postgres"
connection = "{self.place} user=cache"
password_file = "password"
[policies.unused]
source = "app"
table = "orders"
fields = ["id"]
""", policies="")
        (self.folder / "password").write_text("not asked for\n")

    def test_another_role_installs_what_the_sources_reads(self):
        self.assert_says(self.run_it("install", "app", "orders", "--yes"), 5,
                         "--connection, or --print it for them")
        owner = ["--connection", self.place + " user=postgres"]
        done = self.run_it("install", "app", "orders", "orders[owner]", "--yes", *owner)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.missing("app"), {"public.orders": [], "public.orders[owner]": []})
        self.postgres.run("CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM (9) TO (19)")
        missing = self.missing("app", "orders")["public.orders"]
        self.assertEqual(len(missing), 4)
        self.assertEqual(missing[0], "a trigger for insert on public.orders_2, enabled always")
        printed = self.run_it("install", "app", "orders", "orders[owner]", "--print")
        self.assertEqual(printed.returncode, 0, printed.stderr)
        self.postgres.run(printed.stdout)
        self.assertEqual(self.missing("app"), {"public.orders": [], "public.orders[owner]": []})
        self.assertEqual(self.run_it("uninstall", "app", "--yes", *owner).returncode, 0)
        self.assertEqual(self.postgres.run("SELECT count(*) FROM pg_trigger"), "0")

    def test_what_is_wrong_is_said(self):
        self.assert_says(self.run_it("install", "app", "rich", "--yes"), 2, "is a view")
        self.assert_says(self.run_it("install", "app", "nowhere", "--yes"), 2, "there is no table")
        self.postgres.stop()
        self.assert_says(self.run_it("check", "app"), 5, "127.0.0.1")


if __name__ == "__main__":
    unittest.main()
