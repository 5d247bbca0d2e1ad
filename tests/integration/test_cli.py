"""The client's commands: what they print and how they end."""

import json
import pathlib
import re
import signal
import subprocess
import unittest

from harness import BINARY, SECONDS_MAX, Case, clean_environment, policy


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.standard(policies=policy() + policy("other"))
        self.server = self.serve()

    def run_it(self, *args):
        return self.run_headrace(*args, url=self.server.url)

    def test_a_second_read_says_hit(self):
        first = self.run_it("read", "user", "42")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(json.loads(first.stdout), {"id": 42, "name": "User 42", "version": 1})
        self.assertRegex(first.stderr, r"^miss  source ")
        second = self.run_it("read", "user", "42")
        self.assertEqual(second.stdout, first.stdout)
        self.assertRegex(second.stderr, r"^hit  memory  age [\d.]+ \w+  bound \d+ s$")
        self.assertRegex(self.run_it("read", "user", "42", "--refresh").stderr, r"^miss  source ")

    def test_json_is_for_programs(self):
        read = json.loads(self.run_it("read", "user", "42", "--json").stdout)
        self.assertEqual((read["kind"], read["hit"], read["value"]["id"]), ("value", False, 42))

    def test_exit_codes_tell_what_happened(self):
        absent = self.run_it("read", "user", "4711")
        self.assertEqual((absent.returncode, absent.stdout), (1, ""))
        self.assertIn("absent", absent.stderr)
        unknown = self.run_it("read", "usr", "42")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("usr", unknown.stderr)
        self.assertEqual(self.run_it("read", "user").returncode, 2)
        self.assertEqual(self.run_it("raed").returncode, 2)
        self.assertEqual(self.run_it("invalidate").returncode, 2)
        self.assertEqual(self.run_it("invalidate", "user").returncode, 2)
        nobody = self.run_headrace("read", "user", "42", url="http://127.0.0.1:1")
        self.assertEqual(nobody.returncode, 5)
        self.assertIn("headrace serve", nobody.stderr)

    def test_invalidate_and_put(self):
        self.run_it("read", "user", "42")
        version = self.write(42)
        done = self.run_it("invalidate", "user/42")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.server.read(42)[0]["version"], version)
        self.write(42)
        self.assertEqual(self.run_it("invalidate", "--tag", "user:42", "--policy", "other",
                                     "--json").returncode, 0)
        self.assertEqual(self.server.read(42)[0]["version"], version + 1)
        put = self.run_it("put", "user", "42", '{"id": 42, "version": 99}')
        self.assertEqual(put.returncode, 0, put.stderr)
        self.assertEqual(self.server.read(42), ({"id": 42, "version": 99}, True))

    def test_put_takes_standard_input_which_has_an_end(self):
        value = self.folder / "value.json"
        value.write_text('{"id": 42, "version": 77}')
        command = [BINARY, "put", "user", "42", "-", "--url", self.server.url]
        with open(value, "rb") as source:
            put = subprocess.run(command, stdin=source, capture_output=True, text=True,
                                 env=clean_environment(), timeout=SECONDS_MAX, check=False)
        self.assertEqual(put.returncode, 0, put.stderr)
        self.assertEqual(self.server.read(42), ({"id": 42, "version": 77}, True))
        with open("/dev/zero", "rb") as source:
            put = subprocess.run(command, stdin=source, capture_output=True, text=True,
                                 env=clean_environment(), timeout=SECONDS_MAX, check=False)
        self.assertEqual(put.returncode, 2)
        self.assertIn("more than 67108864 bytes", put.stderr)

    def test_explain_tells_the_story(self):
        self.run_it("read", "user", "42")
        told = self.run_it("explain", "user", "42")
        self.assertEqual(told.returncode, 0, told.stderr)
        for word in ("user", "42", "memory", "store", "fresh", "tag:default/user:42"):
            self.assertIn(word, told.stdout)
        self.assertTrue(json.loads(self.run_it("explain", "user", "42", "--json").stdout))

    def test_policies_are_listed_and_set(self):
        self.assertEqual(self.run_it("policy", "set", "user", "--rollout", "percentage",
                                     "--percentage", "25").returncode, 0)
        listed = self.run_it("policy", "list")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertRegex(listed.stdout, r"user .*percentage.*25")
        self.assertRegex(listed.stdout, r"other .*on")
        self.assertEqual(self.run_it("policy", "set", "nobody", "--rollout", "on").returncode, 2)
        self.assertEqual(self.run_it("policy", "set", "user").returncode, 2)
        self.assertEqual(self.run_it("policy", "set", "user", "--rollout", "maybe").returncode, 2)

    def test_a_probe_tells_who_is_not_ready_by_its_end(self):
        ready = self.run_it("probe")
        self.assertEqual((ready.returncode, ready.stdout), (0, "ok\n"), ready.stderr)
        self.assertEqual(self.run_it("probe", "livez").returncode, 0)
        self.standard(top='drain_delay = "1m"\n')
        self.wait_until(lambda: "reloaded: " in self.server.log(), "the reload")
        self.server.signal(signal.SIGTERM)
        self.wait_until(lambda: self.run_it("probe", "readyz").returncode == 5, "the announcement")
        self.assertEqual(self.run_it("probe", "livez").returncode, 0)
        self.assertEqual(self.run_headrace("probe", url="http://127.0.0.1:1").returncode, 5)
        self.assertEqual(self.run_it("probe", "metrics").returncode, 2)

    def test_help_has_examples(self):
        for command in ("serve", "read", "put", "probe", "invalidate", "explain", "replay"):
            shown = self.run_it(command, "--help")
            self.assertEqual(shown.returncode, 0)
            self.assertIn("Example", shown.stdout, command)
        self.assertRegex(self.run_it("version").stdout, r"^headrace \d")


class Checks(Case):
    firestore = '[sources.s]\nkind = "firestore"\nproject = "p"\n'

    def test_a_check_reads_firestores_texts_as_a_start_would(self):
        self.configure(self.firestore + """[policies.a]
source = "s"
collection = "c"
fields = ["f"]
where = ["owner = {entity}"]
""")
        for command in (("policy", "check", self.config),
                        ("serve", "--check-config", "--config", self.config)):
            done = self.run_headrace(*command)
            self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
            told = done.stdout + done.stderr
            if "built without the Firestore source" not in told:
                self.assertIn(":8:10: policies.a.where: ", told)

    def test_a_fault_of_the_environment_is_not_told_of_the_file(self):
        self.configure(self.firestore)
        done = subprocess.run([BINARY, "serve", "--check-config", "--config", self.config],
                              capture_output=True, text=True, check=False,
                              env={**clean_environment(), "FIRESTORE_EMULATOR_HOST": "nowhere"})
        self.assertEqual(done.returncode, 78, done.stdout + done.stderr)
        self.assertIn("FIRESTORE_EMULATOR_HOST: must be like", done.stderr)
        self.assertNotIn("headrace.toml:", done.stderr)


class Replays(Case):
    def test_a_replay_in_process_finds_no_violation(self):
        done = self.run_headrace("replay", "W5", "--users", "500", "--seconds", "2",
                                 "--write-rate", "100", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["truth"]["violations"], 0)
        self.assertGreater(report["writes"], 20)
        self.assertLess(report["source"]["reads_after"], report["reads"]["asked"])

    def test_a_fleet_has_a_row_for_each_workload(self):
        done = self.run_headrace("replay", "--profile", "fleet", "--scale", "0.1", "--users", "300",
                                 "--lists", "20", "--latency", "1ms..5ms", "--seconds", "2",
                                 "--write-rate", "100", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        rows = report["workloads"]
        self.assertEqual([row["workload"][:2] for row in rows],
                         [f"W{number}" for number in range(1, 8)])
        for row in rows:
            self.assertGreater(row["reads"]["asked"], 0, row["workload"])
            self.assertEqual(row["truth"]["violations"], 0, row["workload"])
        for name in ("reads_before", "reads_after"):
            self.assertEqual(sum(row["source"][name] for row in rows), report["source"][name])
        lists = rows[5]
        self.assertGreater(lists["source"]["reads_before"], 50 * lists["reads"]["asked"])

    def test_what_is_more_than_questions_is_replayed_in_this_process(self):
        for workload, remark in (("W1", "changes of plan"), ("W10", "edits of a user's setting"),
                                 ("W11", "builds of core")):
            done = self.run_headrace("replay", workload, "--users", "300", "--scale", "50",
                                     "--latency", "1ms..5ms", "--seconds", "2", "--warm-up", "1",
                                     "--speed", "30", "--write-rate", "1", "--json")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            report = json.loads(done.stdout)
            self.assertEqual(report["truth"]["violations"], 0, workload)
            self.assertEqual(report["warm_up_seconds"], 1)
            self.assertGreater(report["source"]["warm_up_before"], 0)
            self.assertGreater(report["reads"]["asked"], 10)
            self.assertIn(remark, report["workloads"][0]["remarks"])
            elsewhere = self.run_headrace("replay", workload, "--compare", "ttl")
            self.assertEqual(elsewhere.returncode, 2, elsewhere.stderr)
            self.assertIn("in this process alone", elsewhere.stderr)

    def test_a_comparison_plays_the_same_traffic_twice(self):
        done = self.run_headrace("replay", "W6", "--compare", "ttl", "--users", "300", "--lists",
                                 "20", "--seconds", "2", "--write-rate", "50", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        both = json.loads(done.stdout)
        self.assertEqual(both["headrace"]["truth"]["violations"], 0)
        asked = [both[name]["reads"]["asked"] for name in ("headrace", "ttl")]
        self.assertGreater(asked[0], 50)
        self.assertAlmostEqual(asked[0], asked[1], delta=asked[0] / 10)
        wrong = self.run_headrace("replay", "W6", "--compare", "ttl", "--source", "x.sqlite")
        self.assertEqual(wrong.returncode, 2, wrong.stderr)
        self.assertIn("--compare", wrong.stderr)

    def test_flags_that_would_do_nothing_are_refused(self):
        for arguments, wanted in (
                (("--emulator", "127.0.0.1:1"), "--emulator is for a replay on Firestore"),
                (("--proxy", "/bin/true"), "--proxy is for a replay on Firestore"),
                (("--compare", "ttl", "--proxy", "/bin/true"), "--proxy is for"),
                (("--make-source", "x.sqlite", "--emulator", "h:1"), "--emulator is for"),
                (("--url", "http://127.0.0.1:1", "--source", "x", "--latency", "5ms"),
                 "--latency is of a source in this process"),
                (("--source", "firestore", "--emulator", "h:1", "--latency", "5ms"),
                 "--latency wants --proxy")):
            done = self.run_headrace("replay", "W5", "--seconds", "0.1", *arguments)
            self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
            self.assertIn(wanted, done.stderr)

    def test_a_comparison_that_is_interrupted_prints_the_plain_half(self):
        process = subprocess.Popen(
            [BINARY, "replay", "W5", "--compare", "ttl", "--users", "100", "--lists", "2",
             "--seconds", "600", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=clean_environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

        def is_heard():
            caught = re.search(r"SigCgt:\s*(\w+)",
                               pathlib.Path(f"/proc/{process.pid}/status").read_text("ascii"))
            return int(caught[1], 16) & 1 << signal.SIGINT - 1
        self.wait_until(is_heard, "the replay minds Ctrl-C")
        process.send_signal(signal.SIGINT)
        out, fault = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + fault)
        report = json.loads(out)
        self.assertTrue(report["interrupted"])
        self.assertIn("plain", report["target"])
        self.assertIn("before Headrace's turn", report["note"])

    def test_a_replay_over_http_counts_with_the_server(self):
        source = self.folder / "users.sqlite"
        self.assertEqual(self.run_headrace("replay", "--make-source", source, "--users",
                                           "500").returncode, 0)
        text = "".join(policy(name).replace('"name"', '"theme"')
                       for name in ("user", "user-look", "user-settings"))
        self.standard(source='[sources.db]\nkind = "sqlite"\npath = "users.sqlite"\n',
                      policies=text)
        server = self.serve()
        done = self.run_headrace("replay", "W5", "--url", server.url, "--source", source,
                                 "--seconds", "2", "--write-rate", "100", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["truth"]["violations"], 0)
        self.assertEqual(report["reads"]["errors"], 0, report["first_error"])
        self.assertIn("metric", report["source"]["counted_by"])
        self.assertGreater(report["source"]["reads_after"], 0)

    def test_lists_are_replayed_over_http_too(self):
        source = self.folder / "users.sqlite"
        self.assertEqual(self.run_headrace("replay", "--make-source", source, "--users", "50",
                                           "--lists", "15").returncode, 0)
        self.standard(source='[sources.db]\nkind = "sqlite"\npath = "users.sqlite"\n', policies="""
[policies.items]
source = "db"
query = "SELECT owner, title, version FROM items WHERE owner = :entity"
rows = "many"
fields = ["owner", "title", "version"]
tags = ["items:{entity}"]
rollout = "on"
fresh_for = "5m"
""")
        server = self.serve()
        done = self.run_headrace("replay", "W6", "--url", server.url, "--source", source,
                                 "--seconds", "2", "--write-rate", "40", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["truth"]["violations"], 0)
        self.assertEqual(report["reads"]["errors"], 0, report["first_error"])
        self.assertGreater(report["source"]["reads_before"], 50 * report["reads"]["asked"])
        self.assertGreater(report["source"]["reads_after"], 50)


if __name__ == "__main__":
    unittest.main()
