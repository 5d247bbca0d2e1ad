"""Writes through the program: what they outdate, what they cost, and what shadow finds."""

import concurrent.futures
import json
import os
import signal
import subprocess
import unittest

from harness import BINARY, SECONDS_MAX, Case, Traffic, clean_environment, policy

WRITABLE = """
[prices]
read_per_100k = 100000
write_per_100k = 200000
delete_per_100k = 300000
currency = "EUR"
[sources.db]
kind = "sqlite"
path = "source.sqlite"
writable = true
never_cache = ["password_hash"]
"""

POLICIES = policy(more='writable = ["name", "version", "password_hash"]\nremovable = true') + """
[policies.profile]
source = "db"
table = "users"
fields = ["name"]
[policies.versions]
source = "db"
table = "users"
fields = ["version"]
[policies.namesakes]
source = "db"
query = "SELECT count(*) AS n FROM users WHERE name = ?"
fields = ["n"]
"""


class Writes(Case):
    def setUp(self):
        super().setUp()
        self.standard(source=WRITABLE, policies=POLICIES)
        self.server = self.serve()

    def write(self, entity, fields, query=""):
        return self.server.ask("PATCH", f"/v1/source/user/{entity}{query}", fields)

    def value(self, entity, policy_name="user"):
        return self.server.read(entity, policy_name)[0]

    def hit(self, entity, policy_name="user"):
        return self.server.read(entity, policy_name)[1]

    def test_a_read_after_a_write_sees_it_under_every_policy(self):
        reads = [(42, "user"), (42, "profile"), ("User 42", "namesakes"), ("Ada", "namesakes"),
                 (42, "versions"), (7, "profile")]
        for entity, name in reads:
            self.value(entity, name)
        status, _, body = self.write(42, {"name": "Ada"})
        self.assertEqual((status, json.loads(body)["held"]), (200, "everywhere"))
        self.assertEqual(self.value(42)["name"], "Ada")
        self.assertEqual(self.value(42, "profile"), {"name": "Ada"})
        self.assertEqual(self.value("User 42", "namesakes"), {"n": 0})
        self.assertEqual(self.value("Ada", "namesakes"), {"n": 1})
        # What does not read the name, or not this row, is still kept.
        self.assertTrue(self.hit(42, "versions"))
        self.assertTrue(self.hit(7, "profile"))
        row = self.database.execute("SELECT name FROM users WHERE id = 42").fetchone()
        self.assertEqual(row, ("Ada",))

    def test_it_outlives_a_crash(self):
        self.value(42)
        self.write(42, {"name": "Ada"})
        self.server.kill()
        self.server = self.serve()
        self.assertEqual(self.value(42)["name"], "Ada")

    def test_no_read_after_a_write_is_older_while_others_read(self):
        reads = [(42, "user"), (42, "versions"), (43, "user")]

        def load():
            for entity, name in reads:
                self.server.read(entity, name)
        with Traffic(load) as traffic:
            for version in range(2, 300):
                self.assertEqual(self.write(42, {"version": version})[0], 200)
                self.assertEqual(self.value(42)["version"], version)
                self.assertEqual(self.value(42, "versions")["version"], version)
        self.assertEqual(traffic.faults, [])
        self.assertGreater(traffic.rounds, 0)

    def test_of_two_who_update_at_once_none_is_lost(self):
        # Two servers would each have a cache of their own; here two clients meet at one.
        def one_more(_):
            while True:
                status, headers, body = self.server.ask("GET", "/v1/source/user/42")
                self.assertEqual(status, 200, body)
                version = json.loads(body)["version"] + 1
                status, _, body = self.server.ask("PATCH", "/v1/source/user/42",
                                                  {"version": version},
                                                  {"If-Match": headers["ETag"]})
                if status == 200:
                    return 0
                self.assertEqual((status, json.loads(body)["code"]), (412, "precondition-failed"))
                conflicts.append(version)
        conflicts = []
        before = self.value(42)["version"]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(sum(pool.map(one_more, range(400))), 0)
        self.assertEqual(self.value(42)["version"], before + 400)
        self.assertGreater(len(conflicts), 0, "they have never met")
        # Without the state the last one wins, and so it is said.
        _, headers, _ = self.server.ask("GET", "/v1/source/user/42")
        self.assertEqual(self.write(42, {"version": 7})[0], 200)
        status, _, _ = self.server.ask("DELETE", "/v1/source/user/42",
                                       headers={"If-Match": headers["ETag"]})
        self.assertEqual(status, 412)

    def test_many_at_once_each_on_its_own(self):
        for entity in (42, 43, 44):
            self.value(entity)
        status, _, body = self.server.ask("POST", "/v1/source/user", {"writes": [
            {"entity": "42", "fields": {"version": 9007199254740993}},
            {"entity": "43", "fields": {"id": 1}},
            {"entity": "44", "remove": True},
            {"entity": "4711", "fields": {"version": 1}},
            {"entity": "4712", "create": True, "fields": {"name": "New"}, "expected": ""}]})
        self.assertEqual(status, 200, body)
        self.assertEqual([one["status"] for one in json.loads(body)["results"]],
                         [200, 403, 200, 404, 200])
        self.assertEqual(self.value(42)["version"], 9007199254740993)
        self.assertTrue(self.hit(43), "it was not written")
        self.assertIsNone(self.value(44))
        self.assertEqual(self.value(4712)["name"], "New")

    def test_created_and_removed(self):
        self.assertIsNone(self.value(4711))
        self.assertEqual(self.write(4711, {"name": "New"})[0], 404)
        self.assertEqual(self.write(4711, {"name": "New", "version": 9007199254740993},
                                    "?create=true")[0], 200)
        self.assertEqual(self.value(4711),
                         {"id": 4711, "name": "New", "version": 9007199254740993})
        self.assertEqual(self.server.ask("DELETE", "/v1/source/user/4711")[0], 200)
        self.assertIsNone(self.value(4711))

    def test_what_is_not_allowed_and_what_does_not_fit(self):
        status, _, body = self.write(42, {"name": "x", "id": 1})
        self.assertEqual((status, json.loads(body)["code"]), (403, "not-writable"))
        self.assertIn('"id"', json.loads(body)["detail"])
        status, _, body = self.write(42, {"name": [1]})
        self.assertEqual((status, json.loads(body)["errors"][0]["pointer"]), (422, "/name"))
        self.assertEqual(self.server.ask("PATCH", "/v1/source/profile/42", {"name": "x"})[0], 403)
        self.assertEqual(self.value(42)["name"], "User 42")
        # What may not be cached may still be written.
        self.assertEqual(self.write(42, {"password_hash": "new"})[0], 200)

    def test_the_command(self):
        def run(*args):
            return self.run_headrace("write", *args, url=self.server.url)
        self.value(42)
        done = run("user", "42", 'name="Ada"', "version=3")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("everywhere", done.stdout)
        self.assertEqual(self.value(42), {"id": 42, "name": "Ada", "version": 3})
        self.assertEqual(run("user", "900", "name=null").returncode, 1)
        self.assertEqual(run("user", "900", "--create", "name=null").returncode, 0)
        self.assertEqual(run("user", "900", "--remove").returncode, 0)
        unquoted = run("user", "42", "name=Ada")
        self.assertEqual(unquoted.returncode, 2)
        self.assertIn("quotes", unquoted.stderr)
        self.assertEqual(run("user", "42", "id=1").returncode, 3)
        self.assertEqual(run("user", "42").returncode, 2)
        self.assertEqual(run("user", "42", "--remove", "a=1").returncode, 2)
        self.assertEqual(run("nobody", "42", "a=1").returncode, 2)

    def test_a_policy_wants_a_writable_source(self):
        self.standard(policies=policy(more='writable = ["name"]'))
        checked = self.run_headrace("policy", "check", self.config)
        self.assertEqual(checked.returncode, 78)
        self.assertIn("set its `writable = true`", checked.stdout)


class Figures(Case):
    def setUp(self):
        super().setUp()
        self.standard(source=WRITABLE, policies=POLICIES)
        self.server = self.serve()
        for entity in (1, 1, 2, 4711):
            self.server.read(entity)
        self.server.ask("PATCH", "/v1/source/user/1", {"name": "Ada"})
        self.server.ask("DELETE", "/v1/source/user/2")

    def user(self):
        stats = json.loads(self.server.ask("GET", "/v1/stats")[2])
        return next(p for p in stats["policies"] if p["name"] == "user")

    def test_what_was_billed_and_what_it_cost(self):
        user = self.user()
        billed = [user["source_" + name] for name in
                  ("found", "missing", "empty", "writes", "deletes")]
        self.assertEqual(billed, [2, 1, 0, 1, 1])
        self.assertEqual((user["spent"], user["saved"]), (3 + 2 + 3, 1))
        metrics = self.server.ask("GET", "/metrics")[2].decode()
        for line in (
                'headrace_source_reads_total{policy="user",collection="users",outcome="found"} 2',
                'headrace_source_writes_total{policy="user",collection="users"} 1',
                'headrace_source_deletes_total{policy="user",collection="users"} 1',
                'headrace_money_spent_total{policy="user",currency="EUR"} 8',
                'headrace_policy_rollout{policy="user",rollout="on"} 1'):
            self.assertIn(line + "\n", metrics)

    def test_prices_follow_a_reload(self):
        text = self.config.read_text(encoding="utf-8")
        self.configure(text.replace("read_per_100k = 100000", "read_per_100k = 500000"))
        self.wait_until(lambda: self.user()["saved"] == 5, "the new price")

    def test_top_once(self):
        top = self.run_headrace("top", "--once", url=self.server.url)
        self.assertEqual(top.returncode, 0, top.stderr)
        self.assertRegex(top.stdout, r"(?m)^user +on +4 +25\.0 % +2 +1 +0 +2 +8\.00 +1\.00 ")
        self.assertRegex(top.stdout, r"(?m)^total ")
        self.assertIn("EUR", top.stdout)
        as_json = self.run_headrace("top", "--once", "--json", url=self.server.url)
        self.assertEqual(json.loads(as_json.stdout)["currency"], "EUR")
        nobody = self.run_headrace("top", "--once", url="http://127.0.0.1:1")
        self.assertEqual(nobody.returncode, 5)

    def test_top_says_a_line_each_second_until_ctrl_c(self):
        process = subprocess.Popen([BINARY, "top", "--url", self.server.url], text=True,
                                   stdout=subprocess.PIPE, env=clean_environment(),
                                   start_new_session=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertRegex(process.stdout.readline(), r"reads/s .* hit .* source reads/s")
        os.kill(process.pid, signal.SIGINT)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def test_shadow_is_seen_in_the_list(self):
        self.run_headrace("policy", "set", "user", "--rollout", "shadow", url=self.server.url)
        self.server.read(50)
        self.wait_stored(self.server, 50)
        self.assertEqual(self.server.read(50), ({"id": 50, "name": "User 50", "version": 1}, False))
        self.wait_until(lambda: self.user()["shadow_matches"] == 1, "a match")
        self.database.execute("UPDATE users SET name = 'unsaid' WHERE id = 50")
        self.assertEqual(self.server.read(50)[0]["name"], "unsaid")
        self.wait_until(lambda: self.user()["shadow_mismatches"] == 1, "a mismatch")
        listed = self.run_headrace("policy", "list", url=self.server.url)
        self.assertRegex(listed.stdout, r"(?m)^user .* shadow +- .* 1 +1 +[\d.]+ (ms|s|us)$")
        self.assertRegex(listed.stdout, r"(?m)^policy .*matches +mismatches +oldest$")


if __name__ == "__main__":
    unittest.main()
