"""Merged views, configured as docs/merged.md shows it: on SQLite, on PostgreSQL, and by two servers
that share one Valkey, where every policy is strict."""

import json
import os
import pathlib
import re
import time
import unittest
import urllib.parse

from harness import SIGHUP, Case
from test_postgres import POSTGRES, Postgres
from test_shared import SERVERS, Valkey

DOCUMENT = (pathlib.Path(__file__).parents[2] / "docs/merged.md").read_text(encoding="utf-8")
ON_POSTGRES = re.search(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)[1]
SQL = re.search(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)[1]
SOURCE = '[sources.db]\nkind = "sqlite"\npath = "source.sqlite"\n'
CONFIG = re.sub(r'""".*?"""', lambda _: f'"""{SQL}"""', SOURCE + ON_POSTGRES.split("\n\n", 1)[1],
                flags=re.DOTALL)


class Merged(Case):
    """A source of settings, and what a caller sees of them."""

    def setUp(self):
        super().setUp()
        self.database.execute("CREATE TABLE settings (kind TEXT, owner TEXT, name TEXT, value TEXT,"
                              " PRIMARY KEY (kind, owner, name))")
        self.database.execute("CREATE TABLE scopes (id TEXT PRIMARY KEY, rank INTEGER, allow TEXT)")
        self.database.execute("CREATE TABLE members (user_id TEXT PRIMARY KEY, domain TEXT)")
        for user, domain in (("ann", "d1"), ("bob", "d1"), ("cid", "d2")):
            self.database.execute("INSERT INTO members VALUES (?, ?)", (user, domain))
        self.say("public", "", {"color": "grey", "font": {"size": 10, "face": "serif"}})
        self.say("domain", "d1", {"color": "blue"})
        self.say("domain", "d2", {"color": "red", "font": {"face": "sans"}})

    def say(self, kind, owner, value, name="theme"):
        """Commits a fragment, and returns its entity."""
        self.database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)",
                              (kind, owner, name, json.dumps(value)))
        return f"{kind}/{owner}/{name}"

    @staticmethod
    def ask(server, user=None, name="theme"):
        headers = {"Headrace-User": user} if user else {}
        name = urllib.parse.quote(name, safe="")
        return server.ask("GET", f"/v1/merged/config/{name}", headers=headers)

    def seen(self, server, user=None, name="theme"):
        """The value, or None if there is none."""
        status, headers, body = self.ask(server, user, name)
        self.assertIn(status, (200, 404), body)
        self.assertIn("Cache-Status", headers)
        return json.loads(body) if status == 200 else None


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class TwoServers(Merged):
    def setUp(self):
        super().setUp()
        valkey = Valkey(self.folder)
        self.addCleanup(valkey.kill)
        self.configure(f"{self.listen}[store]\n{valkey.says}{CONFIG}")
        self.here, self.there = self.serve(), self.serve()

    def source_reads(self):
        return sum(server.source_reads(name) for server in (self.here, self.there)
                   for name in ("fragments", "scopes", "members"))


class Shared(TwoServers):
    def everybody(self):
        """What each caller sees, on which both servers agree."""
        seen = {user: self.seen(self.here, user) for user in (None, "ann", "bob", "cid")}
        for user, value in seen.items():
            self.assertEqual(self.seen(self.there, user), value, user)
        return seen

    def edited(self, policy_name, entity):
        """Invalidates one entry at one server, and returns what is seen right after it."""
        self.assertEqual(
            self.here.invalidate(keys=[{"policy": policy_name, "entity": entity}]), 200)
        # Those who did not say it are asked first.
        seen = {user: self.seen(self.there, user) for user in ("cid", "bob", "ann", None)}
        self.assertEqual(self.everybody(), seen)
        return seen

    def test_every_kind_of_edit_is_seen_by_the_very_next_read(self):
        grey = {"color": "grey", "font": {"size": 10, "face": "serif"}}
        blue = {**grey, "color": "blue"}
        red = {"color": "red", "font": {"size": 10, "face": "sans"}}
        self.assertEqual(self.everybody(), {None: grey, "ann": blue, "bob": blue, "cid": red})

        seen = self.edited("fragments", self.say("user", "ann", {"color": None}))  # A user's.
        self.assertEqual(seen["ann"], {**grey, "color": None})
        self.assertEqual(seen["bob"], blue)
        seen = self.edited("fragments", self.say("domain", "d1", {"color": "navy"}))  # A domain's.
        self.assertEqual((seen["bob"]["color"], seen["cid"]["color"]), ("navy", "red"))
        self.assertIsNone(seen["ann"]["color"])
        seen = self.edited("fragments", self.say("public", "", {"color": "black", "n": 1}))
        self.assertEqual(seen[None], {"color": "black", "n": 1})
        self.assertEqual([seen[user]["n"] for user in ("ann", "bob", "cid")], [1, 1, 1])

        self.database.execute("INSERT INTO scopes VALUES ('domain/d1', 30, NULL)")  # A rank.
        seen = self.edited("scopes", "domain/d1")
        self.assertEqual((seen["ann"]["color"], seen["cid"]["color"]), ("navy", "red"))
        self.database.execute("UPDATE scopes SET allow = '[\"other\"]'")  # A list of names.
        seen = self.edited("scopes", "domain/d1")
        self.assertEqual(seen["bob"], {"color": "black", "n": 1})
        self.assertIsNone(seen["ann"]["color"])
        self.database.execute("UPDATE members SET domain = 'd2' WHERE user_id = 'bob'")  # A move.
        seen = self.edited("members", "bob")
        self.assertEqual(seen["bob"], seen["cid"])
        self.assertEqual(seen["bob"]["color"], "red")
        self.database.execute("DELETE FROM settings WHERE kind = 'public'")
        seen = self.edited("fragments", "public//theme")
        self.assertIsNone(seen[None])


class Crowd:
    """Users in 20 domains, what they have set, and what each of them has to see."""

    def __init__(self, count):
        self.domain = {f"u{n}": f"d{n % 20}" for n in range(count)}
        self.said = {("public", ""): {"color": "grey"}}
        self.said |= {("domain", f"d{n}"): {"color": f"d{n}"} for n in range(20)}
        self.said |= {("user", f"u{n}"): {"color": f"u{n}"} if n % 7 == 0 else {"own": n}
                      for n in range(count)}
        self.above = set()  # Domains that outrank their users ...
        self.barred = set()  # ... and those that may not say this name.

    def sees(self, user):
        domain = self.domain[user]
        scopes = [("public", "")]
        if domain not in self.barred:
            scopes.append(("domain", domain))
        scopes.insert(len(scopes) - (domain in self.above and domain not in self.barred),
                      ("user", user))
        value = {}
        for scope in scopes:
            value |= self.said.get(scope, {})
        return value


class ManyUsers(TwoServers):
    """HEADRACE_USERS says how many."""

    def setUp(self):
        super().setUp()
        self.crowd = Crowd(int(os.environ.get("HEADRACE_USERS", "140")))
        self.database.execute("DELETE FROM settings")
        self.database.execute("DELETE FROM members")
        self.database.executemany("INSERT INTO members VALUES (?, ?)", self.crowd.domain.items())
        self.database.executemany(
            "INSERT INTO settings VALUES (?, ?, 'theme', ?)",
            [(kind, owner, json.dumps(value)) for (kind, owner), value in self.crowd.said.items()])

    def see_all(self):
        """All users look, half of them at each server."""
        for n, user in enumerate(self.crowd.domain):
            value = self.seen((self.here, self.there)[n % 2], user)
            self.assertEqual(value, self.crowd.sees(user), user)

    def edit(self, what, policy_name, entity):
        """Everybody sees it in the read after it, at a price that hangs on nobody's number."""
        before, began = self.source_reads(), time.monotonic()
        self.assertEqual(
            self.here.invalidate(keys=[{"policy": policy_name, "entity": entity}]), 200)
        took = time.monotonic() - began
        self.see_all()
        reads = self.source_reads() - before
        print(f"{what}: told in {took * 1000:.1f} ms, {reads} reads of the source for "
              f"{len(self.crowd.domain)} users", flush=True)
        # Answers do not wait for what is published: the other server may ask the source as well.
        self.assertLessEqual(reads, 2)

    def say_more(self, kind, owner, value):
        self.crowd.said[kind, owner] = value
        return self.say(kind, owner, value)

    def test_every_kind_of_edit_is_seen_by_all_in_their_next_read(self):
        self.see_all()
        self.edit("a user's", "fragments", self.say_more("user", "u3", {"own": "new"}))
        self.edit("a domain's", "fragments", self.say_more("domain", "d7", {"color": "d7 now"}))
        self.edit("public", "fragments", self.say_more("public", "", {"color": "black", "n": 1}))
        self.database.execute("INSERT INTO scopes VALUES ('domain/d7', 30, NULL)")
        self.crowd.above.add("d7")
        self.edit("a rank", "scopes", "domain/d7")
        self.database.execute("UPDATE scopes SET allow = '[\"other\"]'")
        self.crowd.barred.add("d7")
        self.edit("an allow-list", "scopes", "domain/d7")
        self.database.execute("DELETE FROM scopes")
        self.crowd.barred.clear()
        self.crowd.above.clear()
        self.edit("no allow-list and no rank any more", "scopes", "domain/d7")
        self.database.execute("UPDATE members SET domain = 'd8' WHERE user_id = 'u7'")
        self.crowd.domain["u7"] = "d8"
        self.edit("a move", "members", "u7")


class Alone(Merged):
    def setUp(self):
        super().setUp()
        self.configure(self.listen + CONFIG)
        self.server = self.serve()

    def test_the_answer_says_what_it_was_made_of(self):
        self.say("user", "ann", {"size": 1})
        status, headers, body = self.ask(self.server, "ann")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Headrace-Scopes"], "public, domain, user")
        self.assertEqual(list(json.loads(body)), ["color", "font", "size"])
        again = self.server.ask("GET", "/v1/merged/config/theme", headers={
            "Headrace-User": "ann", "If-None-Match": headers["ETag"]})
        self.assertEqual((again[0], again[2]), (304, b""))

    def test_batches_keep_order_and_unknown_names_stand_for_themselves(self):
        status, _, body = self.server.ask("POST", "/v1/merged/config",
                                          {"names": ["theme", "nothing", "theme"]},
                                          {"Headrace-User": "ann"})
        self.assertEqual(status, 200)
        results = json.loads(body)["results"]
        self.assertEqual([one["status"] for one in results], [200, 404, 200])
        self.assertEqual(results[0]["value"]["color"], "blue")
        self.assertEqual([scope["name"] for scope in results[2]["scopes"]], ["public", "domain"])

    def test_nobody_sees_what_is_anothers(self):
        self.say("user", "ann", {"secret": 1})
        self.say("user", "a/b", {"secret": 2}, name="c")
        self.say("user", "100%", {"own": 3}, name="50%/2F")
        self.assertNotIn("secret", self.seen(self.server, None))
        self.assertNotIn("secret", self.seen(self.server, "bob"))
        self.assertEqual(self.seen(self.server, "a/b", "c"), {"secret": 2})
        self.assertIsNone(self.seen(self.server, "a", "b/c"))
        self.assertEqual(self.seen(self.server, "100%", "50%/2F"), {"own": 3})
        for name in ("user", "domain", "scope"):
            self.assertEqual(
                self.server.ask("GET", f"/v1/merged/config/theme?{name}=ann")[0], 422)

    def test_a_fragment_that_is_no_json_is_told_of(self):
        self.database.execute("UPDATE settings SET value = '{' WHERE kind = 'public'")
        status, _, body = self.ask(self.server)
        self.assertEqual(status, 502)
        self.assertIn("scope \\\"public\\\" (policy \\\"fragments\\\")", body.decode())

    def test_views_come_and_go_with_the_file(self):
        self.configure(self.listen + CONFIG.replace("merged.config", "merged.other"))
        self.server.signal(SIGHUP)
        self.wait_until(lambda: self.server.ask("GET", "/v1/merged/other/theme")[0] == 200,
                        "the reload")
        self.assertEqual(self.server.ask("GET", "/v1/merged/config/theme")[0], 404)
        self.assertNotIn("takes a restart", self.server.log())
        self.configure(self.listen + CONFIG.replace("{user}/{name}", "{user}{name}"))
        self.server.signal(SIGHUP)
        self.wait_until(lambda: "two braces" in self.server.log(), "the refusal")
        self.assertEqual(self.server.ask("GET", "/v1/merged/other/theme")[0], 200)


@unittest.skipUnless((POSTGRES / "postgres").exists(), "there is no PostgreSQL 15 here")
class OnPostgres(Case):
    def test_values_are_jsonb_and_a_user_may_be_in_several_domains(self):
        server = Postgres()
        self.addCleanup(server.end)
        for sql in ("CREATE TABLE settings (kind text, owner text, name text, value jsonb)",
                    "CREATE TABLE scopes (id text PRIMARY KEY, rank int, allow jsonb)",
                    "CREATE TABLE members (user_id text, domain text)",
                    "INSERT INTO members VALUES ('a/b', 'd1'), ('a/b', 'd%2')",
                    """INSERT INTO settings VALUES
                       ('public', '', 'c', '{"a": {"x": 1.10, "y": 12345678901234567890}}'),
                       ('domain', 'd1', 'c', '{"a": {"x": 2}, "d1": [1]}'),
                       ('domain', 'd%2', 'c', '{"a": {"x": 3}, "d2": null}'),
                       ('user', 'a/b', 'c', '{"mine": "dark"}'),
                       ('user', 'a', 'b/c', '{"stolen": true}')"""):
            server.run(sql)
        config = re.sub(r'connection = ".*"', f'connection = "host=127.0.0.1 port={server.port} '
                        f'user=postgres dbname=postgres"', ON_POSTGRES)
        self.configure(self.listen + config.replace(
            'table = "members"\nkey = "user_id"',
            'query = "SELECT jsonb_agg(domain ORDER BY domain) AS domain FROM members'
            " WHERE user_id = replace(replace($1, '%2F', '/'), '%25', '%')\""))
        status, headers, body = self.serve().ask("GET", "/v1/merged/config/c",
                                                 headers={"Headrace-User": "a/b"})
        self.assertEqual(status, 200, body)
        self.assertIn("12345678901234567890", body.decode())
        self.assertEqual(headers["Headrace-Scopes"], "public, domain, domain, user")
        value = json.loads(body)
        self.assertEqual(value.pop("a")["x"], 2, "d% comes before d1")
        self.assertEqual(value, {"d1": [1], "d2": None, "mine": "dark"})
