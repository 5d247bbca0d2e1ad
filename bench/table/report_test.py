"""The tables and goals from raw results that were made by hand; and what table.py refuses."""

import contextlib
import io
import json
import os
import pathlib
import tempfile
import unittest
import unittest.mock

import costs
import hits
import report
import runs
import serving
import table

RUN = {"headrace": "abc", "command": "./dev bench --table", "rounds": 2, "load": 0.1, "cores": 2}


def raw_results():
    point = {"trace": "t", "reads": 1000, "keys": 100, "permille": 10, "capacity": 10, "lru": 400,
             "sieve": 300, "s3_fifo": 500, "w_tiny_lfu": 450, "headrace": 490,
             "headrace_1_shard": 500, "optimum": 600}
    return {
        "machine": {"processor": "P", "cores": 2}, "versions": {"compiler": "C"}, "missing": {},
        "hit": {"rows": {"headrace": {"1": [10e6, 20e6], "2": [19e6, 38e6]},
                         "caffeine": {"1": [5e6, 5e6], "2": [10e6, 10e6]}},
                "versions": {"Caffeine": "3"}, "run": RUN},
        "http": {"rows": {"headrace": {"per_second": [95, 80], "cpu_us": [7, 8],
                                       "reply_bytes": 400},
                          "nginx": {"per_second": [100, 100], "cpu_us": [6, 6],
                                    "reply_bytes": 300}},
                 "versions": {}, "run": RUN},
        "ratio": {"points": [point, {**point, "lru": 600, "headrace": 570}],
                  "lives": [{"reads": 100, "keys": 9, "capacity": 5, "cycle_ms": 1500,
                             "at_once": 50, "headrace": 49, "lazy": 40},
                            {"reads": 100, "keys": 9, "capacity": 7, "cycle_ms": 2500,
                             "at_once": 50, "headrace": 47, "lazy": 40}], "run": RUN},
        "memory": {"entries": [{"key_bytes": 24, "value_bytes": 100, "resident_each": 230,
                                "overhead_each": 106, "charged_each": 220}],
                   "strings": [{"overhead_each": 190}],
                   "resident": [{"keys": 9, "budget_bytes": 64 << 20,
                                 "resident_bytes": 150 << 20}], "run": RUN},
        "tag": {"rounds": [{"entries": 9, "many_ns": [900, 1000, 90000],
                            "one_ns": [1000, 1000, 1000]}], "run": RUN},
        "shared": {"hit": [{"hit_round_trips": 1.0, "miss_round_trips": 3.0,
                            "rounds": [{"get_ns": 1000, "hit_ns": 7000, "ratio": 7.0,
                                        "get_alone_ns": 20000, "hit_alone_ns": 24000,
                                        "ratio_alone": 1.2}]}],
                   "notice": [{"keys_per_second": 10000, "p50_ms": 0.5, "p99_ms": 11.0}],
                   "tag": [{"entries": 9, "many_ns": 50000, "one_ns": 50000, "ratio": 1.0}],
                   "run": RUN},
        "micro": {"rows": {"key_made": [50.0, 60.0]}, "run": RUN},
    }


def goal(raw, start):
    found = [g for g in report.goals(raw) if g.what.startswith(start)]
    assert len(found) == 1, found
    return found[0]


class Goals(unittest.TestCase):
    def test_a_ratio_is_taken_round_by_round(self):
        found = goal(raw_results(), "memory hit, 1 thread")
        self.assertEqual((found.measured, found.met), ("3.00 [2.00 to 4.00]", True))

    def test_two_threads_over_one(self):
        self.assertEqual(goal(raw_results(), "memory hit: reads/s of 2").measured,
                         "1.90 [1.90 to 1.90]")

    def test_without_the_peer_a_goal_is_neither_met_nor_missed(self):
        raw = raw_results()
        del raw["hit"]["rows"]["caffeine"]
        self.assertIsNone(goal(raw, "memory hit, 1 thread").met)
        self.assertTrue(goal(raw, "memory hit: reads/s of 2").met)

    def test_without_any_part(self):
        self.assertEqual({g.met for g in report.goals({})}, {None})
        self.assertIn("0 of 18 goals are met, 0 fall short, 18 were not measured.",
                      report.goals_text({}))

    def test_short_of_a_goal(self):
        self.assertFalse(goal(raw_results(), "HTTP").met)
        self.assertFalse(goal(raw_results(), "memory: bytes").met)
        self.assertIn("**falls short**", report.goals_text(raw_results()))

    def test_hit_ratio(self):
        mean = goal(raw_results(), "hit ratio, mean")
        self.assertEqual((mean.measured, mean.met), ("0.530", True))
        beside = goal(raw_results(), "hit ratio: its mean over")
        self.assertEqual((beside.measured, beside.met), ("1.060", True))
        worst = goal(raw_results(), "hit ratio: most points lost")
        self.assertEqual((worst.measured, worst.met), ("3.0", False))

    def test_short_lives_are_judged_at_the_worst_size(self):
        lives = goal(raw_results(), "hit ratio with keys that live short")
        self.assertEqual((lives.measured, lives.met), ("94.0", False))

    def test_a_tags_outliers_do_not_count(self):
        self.assertEqual(goal(raw_results(), "tag on 1,000,000 entries:").measured,
                         "1.00 [1.00 to 1.00]")

    def test_what_is_shared(self):
        def met(start):
            return goal(raw_results(), start).met

        starts = ["store hit on Valkey, one", "store hit on Valkey, 64", "miss on Valkey",
                  "invalidation noticed by another memory, ms at p9"]
        self.assertEqual([met(start) for start in starts], [True, False, True, False])


class Text(unittest.TestCase):
    def test_every_part_has_its_section_and_every_table_is_whole(self):
        text = report.generated(raw_results())
        for title, _ in report.PARTS.values():
            self.assertIn(f"## {title}\n", text)
        for block in text.split("\n\n"):
            if block.startswith("|"):
                columns = {line.count("|") for line in block.splitlines()}
                self.assertEqual(len(columns), 1, block)

    def test_a_part_that_is_not_there_is_left_out(self):
        raw = raw_results()
        del raw["http"]
        raw["missing"] = {"http": "nginx is missing"}
        text = report.generated(raw)
        self.assertNotIn("## HTTP", text)
        self.assertIn("- http: nginx is missing", text)

    def test_a_busy_machine_is_told(self):
        raw = raw_results()
        self.assertNotIn("busy", report.generated(raw))
        raw["hit"]["run"] = {**RUN, "load": 2.0}
        self.assertIn("**The machine was busy", report.generated(raw))

    def test_hit_ratios_do_not_depend_on_how_busy_it_was(self):
        raw = raw_results()
        raw["ratio"]["run"] = {**RUN, "load": 2.0}
        self.assertNotIn("busy", report.generated(raw))

    def test_only_what_is_between_the_markers_changes(self):
        document = f"head\n{report.BEGIN}\nold\n{report.END}\ntail\n"
        once = report.placed(document, "new\n")
        self.assertEqual(once, f"head\n{report.BEGIN}\n\nnew\n\n{report.END}\ntail\n")
        self.assertEqual(report.placed(once, "new\n"), once)
        with self.assertRaisesRegex(ValueError, "must hold the lines"):
            report.placed("no markers", "new")

    def test_the_document_has_the_markers(self):
        text = table.DOCUMENT.read_text()
        self.assertEqual((text.count(report.BEGIN), text.count(report.END)), (1, 1))


class Wrk(unittest.TestCase):
    SAID = "  5000 requests in 1.00s, 1.5MB read\nRequests/sec:   4990.50\n"

    def test_figures(self):
        self.assertEqual(serving.parsed(self.SAID, 0.5), {"per_second": 4990.5, "cpu_us": 100.0})

    def test_a_run_with_faults_gives_no_figure(self):
        for said in (self.SAID + "  Non-2xx or 3xx responses: 3\n",
                     self.SAID + "  Socket errors: connect 0, read 1\n", "nothing"):
            with self.assertRaises(runs.Missing):
                serving.parsed(said, 0.5)


class Peers(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.release = pathlib.Path(temporary.name)
        (self.release / "bench").mkdir()
        self.addCleanup(setattr, runs, "RELEASE", runs.RELEASE)
        runs.RELEASE = self.release

    def program(self, path, script):
        file = self.release / path
        file.write_text("#!/bin/sh\n" + script)
        file.chmod(0o755)

    def test_a_tool_that_is_not_there_is_told_with_its_package(self):
        with unittest.mock.patch.dict(os.environ, {"PATH": ""}):
            missing = {}
            peers, versions = hits.prepare(missing)
        self.assertEqual(missing, {"caffeine": "mvn is missing; Debian's package maven has it"})
        self.assertEqual((set(peers), versions), (set(hits.NATIVE), {}))

    def test_a_peer_that_was_not_built_in_is_missing(self):
        self.program("bench/hit_bench", "echo 'Failed to match' >&2\n")
        with self.assertRaisesRegex(runs.Missing, "built without tbb_concurrent_hash_map"):
            hits.native("tbb", 1, 1)

    def test_one_peer_less_does_not_stop_the_others(self):
        self.program("bench/hit_bench",
                     'case $1 in *tbb*) exit 0 ;; esac\n'
                     'echo \'{"benchmarks": [{"items_per_second": 7}]}\'\n')
        missing = {}
        with unittest.mock.patch.dict(os.environ, {"PATH": ""}):
            found = hits.measure(2, 1, runs.Progress(9, io.StringIO()), missing)
        self.assertEqual(found["rows"]["headrace"], {"1": [7, 7], "2": [7, 7]})
        self.assertEqual(set(missing), {"caffeine", "tbb"})
        self.assertNotIn("tbb", found["rows"])

    def test_what_a_program_complains_of_is_passed_on(self):
        self.program("bench/tag_cost", "echo 'no memory' >&2\nexit 3\n")
        with self.assertRaisesRegex(runs.Missing, "tag_cost 4 ended with 3: no memory"):
            costs.tag(1, 1, runs.Progress(1, io.StringIO()), {})


class Program(unittest.TestCase):
    def refused(self, *words):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as ended:
            table.options(words)
        self.assertEqual(ended.exception.code, 2)
        return said.getvalue()

    def test_parts(self):
        self.assertEqual(table.options(["--only", "http, hit"]).only, ["http", "hit"])
        self.assertIn("there is no part speed; there are: hit, http", self.refused("--only=speed"))
        self.assertIn("at least 1", self.refused("--rounds", "0"))

    def test_what_cannot_be_measured_is_told_and_the_rest_is_kept(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            raw = raw_results()
            (folder / "raw.json").write_text(json.dumps(raw))
            document = folder / "performance.md"
            document.write_text(f"{report.BEGIN}\n{report.END}\n")
            (folder / "release" / "bench").mkdir(parents=True)
            (folder / "release" / "bench" / "hit_ratio").write_text("")
            self.addCleanup(setattr, runs, "FOLDER", runs.FOLDER)
            self.addCleanup(setattr, runs, "RELEASE", runs.RELEASE)
            runs.FOLDER, runs.RELEASE = folder, folder / "release"
            out, said = io.StringIO(), io.StringIO()
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(out):
                status = table.main(["--only", "ratio", "--traces", str(folder / "none"),
                                     "--document", str(document)])
            self.assertEqual(status, 1)
            self.assertIn("not measured: ratio:", said.getvalue())
            text = document.read_text()
            self.assertIn("## Memory hits", text)
            self.assertNotIn("## Hit ratio", text)
            self.assertIn("no such folder; name one with --traces DIR", text)


if __name__ == "__main__":
    unittest.main()
