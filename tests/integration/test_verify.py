"""Verification of a running program: a source that somebody changes without telling, what is said
of it, how a policy switches itself to shadow, where the money ends, and what a dry run says."""

import json
import re
import unittest

import harness


class VerifyTest(harness.Case):
    def start(self, more, source=harness.SOURCE):
        self.standard(source=source, policies=harness.policy(more=more))
        self.server = self.serve()

    def policy(self):
        _, _, body = self.server.ask("GET", "/v1/policies/user")
        return json.loads(body)

    def checks(self, name):
        return self.policy()["verification"][name]

    def metric(self, sample):
        _, _, body = self.server.ask("GET", "/metrics")
        found = re.search("(?m)^" + re.escape(sample) + r" ([\d.e+-]+)$", body.decode())
        return float(found.group(1)) if found else None

    def outdate(self, entity):
        """What is kept of the entity is wrong from here on, and is answered once."""
        self.server.invalidate(keys=[{"policy": "user", "entity": str(entity)}])
        before, _ = self.server.read(entity)
        self.database.execute("UPDATE users SET name = 'unsaid' WHERE id = ?", (entity,))
        after, hit = self.server.read(entity)
        self.assertTrue(hit)
        self.assertEqual(after, before)

    def test_what_is_right_is_verified_and_said_to_be(self):
        self.start("verify_share = 1")
        self.server.read(1)
        self.assertTrue(self.server.read(1)[1])
        self.wait_until(lambda: self.checks("matches") == 1, "a match")
        self.assertEqual(
            self.metric('headrace_verifications_total{policy="user",result="match"}'), 1)
        self.assertEqual(self.metric('headrace_verify_reads_total{policy="user"}'), 1)
        self.assertEqual(self.server.source_reads(), 2)

    def test_too_many_mismatches_switch_the_policy_to_shadow(self):
        self.start("verify_share = 1\nmismatches_max = 1\nmismatch_window = \"10m\"")
        self.outdate(7)
        self.wait_until(lambda: self.checks("within_bound") == 1, "a mismatch")
        self.assertEqual(self.policy()["rollout"], "on")
        self.wait_until(lambda: self.server.read(7)[0]["name"] == "unsaid", "the right answer")
        self.outdate(8)
        self.wait_until(lambda: self.policy()["rollout"] == "shadow", "the switch")
        self.assertEqual(self.policy()["switched_by"], "mismatches")
        self.assertEqual(self.metric('headrace_policy_switched_total{policy="user"}'), 1)
        self.assertFalse(self.server.read(8)[1])

        _, _, body = self.server.ask("GET", "/v1/policies/user/mismatches")
        stories = json.loads(body)["mismatches"]
        self.assertEqual([story["entity"] for story in stories], ["8", "7"])
        self.assertEqual({story["class"] for story in stories}, {"within_bound"})
        self.assertTrue(all(0 < story["age"] < 60 for story in stories))
        self.assertEqual({story["origin"] for story in stories}, {"memory"})
        self.assertEqual(len(stories[0]["watermarks"]), 4)
        self.assertNotIn("unsaid", body.decode())

        self.wait_until(lambda: "is switched to shadow" in self.server.log(), "the log's line")
        lines = re.findall(".*mismatch of policy user.*", self.server.log())
        self.assertEqual(len(lines), 2)
        self.assertIn("within_bound", lines[0])
        self.assertNotIn("unsaid", self.server.log())
        _, _, ready = self.server.ask("GET", "/readyz?verbose")
        self.assertIn("[-]policy user switched to shadow by mismatches", ready.decode())

        shown = self.run_headrace("policy", "show", "user", url=self.server.url)
        self.assertRegex(shown.stdout, "switched to shadow by mismatches at .*: 2 mismatches")
        self.assertRegex(shown.stdout, "2 wrong within the bound, 0 violations")
        told = self.run_headrace("policy", "mismatches", "user", url=self.server.url)
        self.assertRegex(told.stdout, r"(?m)^\S+  within_bound  8$")

        self.run_headrace("policy", "set", "user", "--rollout", "on", url=self.server.url)
        self.assertNotIn("switched_by", self.policy())
        self.outdate(9)
        self.wait_until(lambda: self.checks("within_bound") == 3, "one more mismatch")
        self.assertEqual(self.policy()["rollout"], "on")

    def test_a_write_with_its_invalidation_is_no_mismatch(self):
        self.start("verify_share = 1\nmismatches_max = 0", source=harness.SOURCE +
                   'delay = "20ms"\n')
        for entity in range(20):
            self.server.read(entity)
            self.assertTrue(self.server.read(entity)[1])  # The source is asked again behind it.
            self.write(entity)
            self.server.invalidate(keys=[{"policy": "user", "entity": str(entity)}])
        checks = lambda: self.policy()["verification"]
        self.wait_until(lambda: checks()["matches"] + checks()["undecided"] == checks()["checks"],
                        "an end of all comparisons")
        self.assertEqual(checks()["within_bound"] + checks()["violations"], 0)
        self.assertEqual(self.policy()["rollout"], "on")

    def test_money_ends_verification(self):
        # 30 reads of 1 in a month: one in a day.
        self.start("verify_share = 1\nverify_cost_per_month = 30",
                   source=harness.SOURCE + "read_price_per_100k = 100000\n")
        self.assertEqual(self.policy()["verify_reads_per_day"], 1)
        self.server.read(1)
        for _ in range(5):
            self.server.read(1)
            self.wait_until(lambda: self.checks("matches") == 1, "a match")
        self.wait_until(lambda: self.checks("over_budget") >= 1, "the end of the money")
        self.assertEqual(self.checks("checks"), 1)
        self.assertGreaterEqual(
            self.metric('headrace_verify_skipped_total{policy="user",reason="budget"}'), 1)

    def test_a_dry_run_says_what_it_would_save(self):
        self.start("", source=harness.SOURCE + "read_price_per_100k = 100000\n")
        self.run_headrace("policy", "set", "user", "--rollout", "shadow", url=self.server.url)
        self.server.read(1)
        self.wait_stored(self.server, 1)
        for _ in range(9):
            self.assertFalse(self.server.read(1)[1])
        self.wait_until(lambda: self.policy()["dry_run"]["hits"] == 9, "what would be hits")
        run = self.policy()["dry_run"]
        self.assertEqual((run["reads"], run["would_save"], run["behind_reads"]), (10, 9, 1))
        self.assertEqual(run["behind_cost"], 1)
        self.assertGreater(run["would_save_per_month"], 0)
        self.assertEqual(self.server.source_reads(), 11)
        shown = self.run_headrace("policy", "show", "user", url=self.server.url)
        self.assertRegex(shown.stdout, "on would have answered 90.0 % of 10 reads and saved 9 "
                                       r"documents, [\d.]+ USD a month, 0 mismatches")
        listed = self.run_headrace("policy", "list", url=self.server.url)
        self.assertRegex(listed.stdout, r"(?m)^user .* shadow .* 90.00 % +[\d.]+ USD")


if __name__ == "__main__":
    unittest.main()
