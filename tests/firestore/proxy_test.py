"""The program firestore_proxy: its lines, its signals and its faults.  No Firestore is needed.

usage: proxy_test.py PATH_OF_FIRESTORE_PROXY
"""

import json
import signal
import subprocess
import sys
import unittest

SECONDS_MAX = 20


class ProxyProgram(unittest.TestCase):
    program = ""

    def start(self, *arguments):
        process = subprocess.Popen([self.program, *arguments], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def fault_of(self, *arguments):
        process = self.start(*arguments)
        self.assertNotEqual(process.wait(SECONDS_MAX), 0)
        return process.stderr.read()

    def test_it_prints_its_counts_when_it_is_asked_and_at_its_end(self):
        process = self.start("--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:1",
                             "--latency", "1ms..2ms")
        host, port = json.loads(process.stdout.readline())["listening"].rsplit(":", 1)
        self.assertEqual(host, "127.0.0.1")
        self.assertGreater(int(port), 0)
        process.send_signal(signal.SIGUSR1)
        counts = json.loads(process.stdout.readline())
        self.assertEqual(counts, {"calls": {}, "failed": 0, "documents_asked": 0, "found": 0,
                                  "missing": 0, "empty_queries": 0, "reads": 0, "writes": 0,
                                  "deletes": 0})
        process.send_signal(signal.SIGTERM)
        self.assertEqual(json.loads(process.stdout.readline()), counts)
        self.assertEqual(process.wait(SECONDS_MAX), 0)

    def test_it_says_what_is_wrong(self):
        self.assertIn("--upstream", self.fault_of())
        for latency in ("5", "ms", "5s", "2ms..1ms", "-1ms"):
            self.assertIn("--latency", self.fault_of("--upstream", "127.0.0.1:1",
                                                     "--latency=" + latency))

    def test_a_port_that_is_taken_is_told(self):
        first = self.start("--upstream", "127.0.0.1:1")
        address = json.loads(first.stdout.readline())["listening"]
        self.assertIn("cannot listen", self.fault_of("--listen", address,
                                                     "--upstream", "127.0.0.1:1"))


if __name__ == "__main__":
    ProxyProgram.program = sys.argv.pop(1)
    unittest.main()
