"""Tenants and their keys, from the command line to the answers of the real program."""

import json
import stat
import unittest

import harness


class Tenants(harness.Case):
    """A server that wants keys, and whoever sees to them."""

    def start(self):
        self.standard(top='\n[service]\nkeys_required = true\n')
        self.server = self.serve()
        self.root_file = self.folder / "data" / "root.key"

    def tenants(self, *arguments):
        return self.run_headrace("tenants", *arguments, "--api-key-file", self.root_file,
                                 url=self.server.url)

    def new_key(self, *arguments):
        done = self.tenants("key", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def ask(self, path, key):
        return self.server.ask("GET", path, headers={"Authorization": f"Bearer {key}"})

    def test_from_the_first_start_to_the_end_of_a_key(self):
        self.start()
        self.assertEqual(stat.S_IMODE(self.root_file.stat().st_mode), 0o600)
        root = self.root_file.read_text(encoding="utf-8").strip()
        self.assertEqual(self.server.ask("GET", "/v1/whoami")[0], 401)
        self.assertEqual(self.ask("/v1/policies", root)[0], 200)

        created = self.tenants("create", "shop", "--burst", 1000, "--json")
        self.assertEqual(created.returncode, 0, created.stderr)
        self.assertEqual(json.loads(created.stdout)["burst"], 1000)
        self.assertEqual(self.tenants("create", "shop").returncode, 6)
        self.assertEqual(self.tenants("show", "none").returncode, 1)

        key = self.new_key("shop", "--name", "web", "--scope", "policy:read", "--policy", "user")
        status, headers, body = self.ask("/v1/read/user/1", key)
        self.assertEqual(status, 200, body)
        self.assertIn('"burst";q=1000;w=1', headers["RateLimit-Policy"])
        self.assertEqual(self.ask("/v1/policies", key)[0], 403)

        key_id = json.loads(self.ask("/v1/whoami", key)[2])["key_id"]
        rotated = self.tenants("rotate", key_id, "--grace", 3600)
        self.assertEqual(rotated.returncode, 0, rotated.stderr)
        fresh = rotated.stdout.strip()
        status, headers, _ = self.ask("/v1/read/user/1", key)
        self.assertEqual(status, 200)
        self.assertIn("Sunset", headers)
        self.assertEqual(self.tenants("revoke", key_id).returncode, 0)
        self.assertEqual(self.ask("/v1/read/user/1", key)[0], 401)
        self.assertEqual(self.ask("/v1/read/user/1", fresh)[0], 200)

        self.assertEqual(self.tenants("limits", "shop", "--sustained", 1).returncode, 0)
        statuses = {self.ask("/v1/read/user/1", fresh)[0] for _ in range(3)}
        self.assertIn(429, statuses)

        shown = self.tenants("show", "shop")
        self.assertIn("web", shown.stdout)
        events = self.tenants("events")
        for what in ("tenant.created", "key.created", "key.rotated", "key.revoked",
                     "tenant.changed"):
            self.assertIn(what, events.stdout)
        self.nothing_secret_is_said([root, key, fresh], shown.stdout + events.stdout)

    def nothing_secret_is_said(self, keys, printed):
        """Not in the log, nor in what anybody is shown but who had the key made."""
        said = printed + self.server.log()
        for path in ("/metrics", "/v1/stats", "/v1/admin/keys", "/v1/admin/events"):
            said += self.ask(path, keys[0])[2].decode()
        for key in keys:
            self.assertNotIn(key, said)
            self.assertNotIn(key[-38:], said)

    def test_keys_outlive_the_server(self):
        self.start()
        self.tenants("create", "shop")
        key = self.new_key("shop")
        self.server.kill()
        self.server = self.serve()
        self.assertEqual(self.ask("/v1/whoami", key)[0], 200)
        data = b"".join(file.read_bytes() for file in (self.folder / "data").glob("records*"))
        self.assertNotIn(key[-38:-6].encode(), data)


if __name__ == "__main__":
    unittest.main()
