"""What must hold through crashes, switches and broken stores."""

import resource
import signal
import threading
import time
import unittest

from harness import SOURCE, Case, Traffic


class Crash(Case):
    def test_what_was_kept_is_kept_after_a_crash(self):
        self.standard()
        server = self.serve()
        self.assertFalse(server.read(42)[1])
        self.assertTrue(server.read(42)[1])
        self.wait_stored(server, 42)
        server.kill()
        again = self.serve()
        value, hit = again.read(42)
        self.assertEqual(value["name"], "User 42")
        self.assertTrue(hit, "from the store")
        self.assertEqual(again.source_reads(), 0)

    def test_what_was_invalidated_stays_so_after_a_crash(self):
        self.standard()
        server = self.serve()
        server.read(42)
        self.wait_stored(server, 42)
        version = self.write(42)
        self.assertEqual(server.invalidate(tags=["user:42"]), 200)
        server.kill()
        self.assertEqual(self.serve().read(42)[0]["version"], version)

    def test_a_crash_in_traffic_brings_nothing_back(self):
        self.standard(source=SOURCE + 'delay = "1ms..3ms"\n')
        acknowledged = {}
        for _ in range(3):
            server = self.serve()
            clock = threading.Semaphore(40)

            def write_one(server=server, clock=clock):
                if not clock.acquire(blocking=False):
                    return server.read(0)
                entity = len(acknowledged) % 10
                with self.lock:
                    version = self.write(entity)
                    server.invalidate(tags=[f"user:{entity}"])
                    acknowledged[entity] = version
                return None

            def read_some(server=server):
                for entity in range(10):
                    server.read(entity)

            with Traffic(read_some), Traffic(write_one, threads=1) as writing:
                self.wait_until(lambda: writing.rounds > 40, "some writes")
                server.kill()
        server = self.serve()
        for entity, version in acknowledged.items():
            self.assertGreaterEqual(server.read(entity)[0]["version"], version)

    lock = threading.Lock()


class Switches(Case):
    def setUp(self):
        super().setUp()
        self.standard()
        self.server = self.serve()

    def set_policy(self, *args):
        ended = self.run_headrace("policy", "set", *args, url=self.server.url)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def in_traffic(self, switch, holds):
        """Seconds from the switch's return until `holds()`, while reads go on."""
        def read_some():
            for entity in range(20):
                self.server.read(entity)
        with Traffic(read_some) as traffic:
            self.wait_until(lambda: traffic.rounds > 5, "traffic")
            switch()
            began = time.monotonic()
            self.wait_until(holds, "the switch's effect")
            took = time.monotonic() - began
        self.assertEqual(traffic.faults, [])
        return took

    def test_the_global_switch_holds_within_a_second(self):
        took = self.in_traffic(lambda: self.set_policy("*", "--reads", "off"),
                               lambda: not self.server.read(1)[1])
        self.assertLess(took, 1)
        self.assertFalse(self.server.read(1)[1], "every read asks the source")
        self.set_policy("*", "--reads", "on")
        self.server.read(1)
        self.assertTrue(self.server.read(1)[1])

    def test_a_version_bump_abandons_everything_within_a_second(self):
        self.server.read(1)
        version = self.write(1)
        self.assertNotEqual(self.server.read(1)[0]["version"], version, "nobody was told")
        took = self.in_traffic(lambda: self.set_policy("user", "--bump-version"),
                               lambda: self.server.read(1)[0]["version"] == version)
        self.assertLess(took, 1)

    def test_invalidations_work_while_a_policy_is_off(self):
        self.server.read(1)
        self.wait_stored(self.server, 1)
        self.set_policy("user", "--rollout", "off")
        version = self.write(1)
        self.server.invalidate(keys=[{"policy": "user", "entity": "1"}])
        self.set_policy("user", "--rollout", "on")
        self.assertEqual(self.server.read(1)[0]["version"], version)


class BrokenStore(Case):
    def test_a_damaged_file_is_set_aside(self):
        self.standard()
        data = self.folder / "data"
        data.mkdir()
        (data / "store.sqlite").write_bytes(b"this was a database once" * 1000)
        server = self.serve()
        server.read(1)
        self.assertTrue(server.read(1)[1])
        self.wait_stored(server, 1)
        self.assertGreater(len(list(data.iterdir())), 1, "the damaged file is still there")
        self.assertIn("store:", server.log())

    def test_a_full_disk_costs_only_hits(self):
        self.standard()

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

        # The log is a file as well, but a short one.
        server = self.serve(preexec_fn=small_files, restore_signals=False)
        for entity in range(100):
            for _ in range(20):
                self.assertEqual(server.read(entity)[0]["id"], entity)
            version = self.write(entity)
            server.invalidate(tags=[f"user:{entity}"])
            self.assertEqual(server.read(entity)[0]["version"], version)


if __name__ == "__main__":
    unittest.main()
