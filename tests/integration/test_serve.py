"""Starting, refusing to start, reloading and ending the server."""

import json
import os
import socket
import threading
import unittest

from harness import SECONDS_MAX, SIGHUP, SIGTERM, SOURCE, Case, policy


class Start(Case):
    def test_every_error_is_told_with_its_place(self):
        self.configure(self.listen + SOURCE + policy(more='fresh_fro = "1m"\njitter = 9'))
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertRegex(ended.stderr, r"headrace\.toml:\d+:\d+: .*fresh_fro.*fresh_for")
        self.assertRegex(ended.stderr, r"headrace\.toml:\d+:\d+: .*jitter")
        checked = self.run_headrace("policy", "check", self.config)
        self.assertEqual(checked.returncode, 78)
        self.assertEqual(len(checked.stdout.splitlines()), 2, checked.stdout)
        as_json = self.run_headrace("policy", "check", self.config, "--json")
        self.assertEqual(len(json.loads(as_json.stdout)["errors"]), 2)

    def test_a_field_that_is_never_cached_stops_the_start(self):
        text = self.listen + SOURCE + policy().replace('"name"', '"password_hash"')
        self.configure(text)
        line = text[:text.index('"password_hash", "version"')].count("\n") + 1
        column = text.splitlines()[line - 1].index('"password_hash"') + 1
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual(ended.returncode, 78)
        self.assertIn("password_hash", ended.stderr)
        self.assertIn(f"headrace.toml:{line}:{column}:", ended.stderr)

    def test_a_missing_source_is_told_with_advice(self):
        self.standard(source=SOURCE.replace("source.sqlite", "nowhere.sqlite"))
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("nowhere.sqlite", ended.stderr)
        self.assertRegex(ended.stderr, r"check `path`")

    def test_a_missing_column_is_told(self):
        self.standard(policies=policy().replace('"name"', '"nickname"'))
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual(ended.returncode, 78, ended.stderr)
        self.assertIn("nickname", ended.stderr)

    def test_a_port_in_use_is_told(self):
        self.standard()
        first = self.serve()
        ended = self.run_headrace("serve", "--config", self.config, "--listen",
                                  f"tcp://127.0.0.1:{first.port}", "--data-dir",
                                  self.folder / "other")
        self.assertEqual(ended.returncode, 5, ended.stderr)
        self.assertIn(str(first.port), ended.stderr)

    def test_a_data_folder_in_use_is_told(self):
        self.standard()
        self.serve()
        ended = self.run_headrace("serve", "--config", self.config)
        self.assertEqual(ended.returncode, 5, ended.stderr)
        self.assertIn("--data-dir", ended.stderr)

    def test_check_and_print_do_not_start(self):
        self.standard()
        checked = self.run_headrace("serve", "--config", self.config, "--check-config")
        self.assertEqual(checked.returncode, 0, checked.stderr)
        printed = self.run_headrace("serve", "--config", self.config, "--print-config")
        self.assertEqual(printed.returncode, 0)
        self.assertIn("policies.user.fresh_for", printed.stdout)


class Reload(Case):
    def setUp(self):
        super().setUp()
        self.standard()
        self.server = self.serve()

    def has_policy(self, name):
        return self.server.ask("GET", f"/v1/read/{name}/1")[0] == 200

    def test_a_signal_adds_and_removes_policies(self):
        self.assertEqual(self.server.read(1), ({"id": 1, "name": "User 1", "version": 1}, False))
        self.standard(policies=policy() + policy("added"))
        self.server.signal(SIGHUP)
        self.wait_until(lambda: self.has_policy("added"), "the added policy")
        self.assertTrue(self.server.read(1)[1], "what did not change keeps what it holds")
        self.standard(policies=policy())
        self.server.signal(SIGHUP)
        self.wait_until(lambda: not self.has_policy("added"), "the removal")

    def test_a_changed_file_is_noticed_without_a_signal(self):
        self.standard(policies=policy() + policy("noticed"))
        self.wait_until(lambda: self.has_policy("noticed"), "the noticed policy")

    def test_what_takes_a_restart_is_named(self):
        self.standard(top='threads = 3\n[limits]\nflights_max = 77\n',
                      policies=policy() + policy("added"))
        self.wait_until(lambda: "reloaded: " in self.server.log(), "the reload")
        for key in ("threads", "limits.flights_max"):
            self.assertIn(f"{key} has changed: that takes a restart", self.server.log())
        self.assertNotIn("policies.added", self.server.log())

    def test_a_source_that_did_not_change_is_kept(self):
        self.standard(policies=policy() + policy("added"))
        self.wait_until(lambda: "1 of them kept" in self.server.log(), "a kept source")

    def test_a_bad_file_changes_nothing_and_says_where(self):
        self.configure(self.listen + SOURCE + policy("other") + policy(more='jitter = "much"'))
        self.server.signal(SIGHUP)
        self.wait_until(lambda: "not reloaded" in self.server.log(), "the refusal")
        self.assertRegex(self.server.log(), r"headrace\.toml:\d+:\d+: [^\n]*jitter")
        self.assertTrue(self.has_policy("user"))
        self.assertFalse(self.has_policy("other"), "all or nothing")

    def test_a_file_whose_source_cannot_be_opened_changes_nothing(self):
        self.standard(policies=policy() + policy("other"),
                      source=SOURCE.replace("source.sqlite", "nowhere.sqlite"))
        self.wait_until(lambda: "not reloaded" in self.server.log(), "the refusal")
        self.assertTrue(self.has_policy("user"))
        self.assertFalse(self.has_policy("other"))


class Supervised(Case):
    """What systemd is told, over a socket as it makes them."""

    def serve_under(self, address, name):
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(address)
        told.settimeout(SECONDS_MAX)
        server = self.serve(notify=name)
        return server, lambda: told.recv(4096).decode()

    def test_it_is_told_of_a_life(self):
        self.standard()
        path = str(self.folder / "notify")
        server, told = self.serve_under(path, path)
        self.assertEqual(told(), "READY=1")
        self.standard(policies=policy() + policy("added"))
        self.assertRegex(told(), r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertEqual(told(), "READY=1")
        self.assertEqual(server.ask("GET", "/v1/read/added/1")[0], 200)
        server.signal(SIGTERM)
        self.assertEqual(told(), "STOPPING=1")
        self.assertEqual(server.ended(), 0)

    def test_a_reload_that_fails_is_over_too(self):
        self.standard()
        name = f"headrace-{os.getpid()}"
        server, told = self.serve_under("\0" + name, "@" + name)
        self.assertEqual(told(), "READY=1")
        self.configure("listen = 1")
        server.signal(SIGHUP)
        self.assertIn("RELOADING=1", told())
        self.assertEqual(told(), "READY=1")

    def test_nobody_there_changes_nothing(self):
        self.standard()
        server = self.serve(notify=str(self.folder / "nobody"))
        self.assertEqual(server.read(1)[0]["id"], 1)


class End(Case):
    def test_a_drain_lets_requests_finish(self):
        self.standard(top='drain_delay = "1s"\n', source=SOURCE + 'delay = "500ms"\n')
        server = self.serve()
        outcome = []
        reader = threading.Thread(target=lambda: outcome.append(server.read(7)))
        reader.start()
        self.wait_until(lambda: b"headrace_flights 1" in server.ask("GET", "/metrics")[2],
                        "the read's flight")
        self.assertEqual(server.ask("GET", "/readyz")[0], 200)
        server.signal(SIGTERM)
        self.wait_until(lambda: server.ask("GET", "/readyz")[0] == 503, "the announcement")
        self.assertEqual(server.ask("GET", "/livez")[0], 200)
        reader.join()
        self.assertEqual(outcome[0][0]["id"], 7)
        self.assertEqual(server.ended(), 0)

    def test_a_second_signal_ends_at_once(self):
        self.standard(top='drain_delay = "1m"\n')
        server = self.serve()
        server.signal(SIGTERM)
        self.wait_until(lambda: server.ask("GET", "/readyz")[0] == 503, "the announcement")
        server.signal(SIGTERM)
        self.assertEqual(server.ended(), 130)


if __name__ == "__main__":
    unittest.main()
