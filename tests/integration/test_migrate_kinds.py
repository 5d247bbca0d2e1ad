"""Fleets move between stores of different kinds, each real, under reads and writes."""

import json
import unittest

from firestore_emulator import Emulator, EmulatorMissing, free_port
from harness import Traffic
from moving import Judge, Moving
from test_shared import SERVERS, Memcached, Valkey

ENTRIES = 400
BATCH = 50
SLOTS = 16384
MEMCACHED_SECONDS = 6  # It counts whole ones, and entries as up to 5 s older than they are.


class Node(Valkey):
    """One of a cluster."""

    def __init__(self, folder):
        self.cluster_port = free_port()
        super().__init__(folder)

    def command(self):
        return [*super().command(), "--cluster-enabled", "yes", "--cluster-port",
                str(self.cluster_port)]

    def says_of(self, command):
        with self.connect() as connection:
            connection.sendall(command.encode() + b"\r\n")
            return connection.recv(4096).decode()


class Cluster:
    """Three nodes, with a third of the slots each."""

    def __init__(self, nodes):
        self.nodes = nodes
        share = SLOTS // len(nodes) + 1
        for i, node in enumerate(nodes):
            last = min((i + 1) * share, SLOTS) - 1
            self.told(node, f"CLUSTER ADDSLOTSRANGE {i * share} {last}")
            self.told(node, f"CLUSTER MEET 127.0.0.1 {nodes[0].port} {nodes[0].cluster_port}")

    @staticmethod
    def told(node, command):
        said = node.says_of(command)
        if said != "+OK\r\n":
            raise AssertionError(f"{command}: {said}")

    def is_whole(self):
        states = [node.says_of("CLUSTER INFO") for node in self.nodes]
        return all("cluster_state:ok" in state and f"cluster_known_nodes:{len(self.nodes)}" in state
                   for state in states)

    @property
    def says(self):
        addresses = [f"127.0.0.1:{node.port}" for node in self.nodes]
        return f'kind = "valkey"\ncluster = {json.dumps(addresses)}\n'


class Collection:
    def __init__(self, emulator):
        self.says = (f'kind = "firestore"\nproject = "moving"\ncollection = "shared"\n'
                     f'emulator = "{emulator.address}"\n')


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Kinds(Moving):
    entries = ENTRIES

    def setUp(self):
        super().setUp()
        self.bus = f'[bus]\naddress = "127.0.0.1:{self.valkey("bus").port}"\n'

    def memcached(self):
        memcached = Memcached(self.folder)
        self.addCleanup(memcached.kill)
        return memcached

    def cluster(self):
        cluster = Cluster([self.valkey(f"node{i}", Node) for i in range(3)])
        self.wait_until(cluster.is_whole, "a cluster")
        return cluster

    def firestore(self):
        try:
            emulator = Emulator(self.folder)
        except EmulatorMissing as missing:
            self.skipTest(str(missing))
        self.addCleanup(emulator.kill)
        emulator.start()
        return Collection(emulator)

    def filled_in_dual(self, old, new):
        self.old, self.new = old, new
        self.on_stores(self.migrating("dual"))
        servers = [self.serve(), self.serve()]
        # A cold server takes longer for its first answers than a store is waited for.
        for server in servers:
            self.wait_until(lambda asked=server: asked.read(0)[1], "a store that answers")
        for begin in range(0, ENTRIES, BATCH):
            self.wait_until(lambda first=begin: self.are_kept(servers[0], first), "a batch")
        return servers

    def are_kept(self, server, first):
        entities = [str(i) for i in range(first, first + BATCH)]
        return self.are_read(server, entities) and all(
            self.is_stored(server, entity) for entity in entities)

    def taken_over(self, servers, *more):
        code, ended, complaint = self.migrate("cut-over", servers, *more)
        self.assertEqual(code, 0, (ended, complaint))
        self.assertEqual(self.phases(servers), ["new", "new"])
        return ended

    def moves(self, old, new, **limits):
        """There and back, under traffic on the last quarter."""
        servers = self.filled_in_dual(old, new)
        judge = Judge(self, servers, ENTRIES * 3 // 4, ENTRIES - 1)
        with Traffic(judge.work, threads=2) as traffic:
            code, ended, complaint = self.migrate("run", servers)
            self.assertEqual(code, 0, (ended, complaint))
            self.no_faults(ended["verify"], **limits)
            self.no_faults(self.taken_over(servers)["verify"], **limits)
            self.nearly_all_are_hits(servers[1], range(0, ENTRIES * 3 // 4, 10))
            judge.goes_on()
            code, ended, complaint = self.migrate("roll-back", servers)
            self.assertEqual(code, 0, (ended, complaint))
            judge.goes_on()
        self.assertEqual(traffic.faults, [])
        self.alone_has_it()

    def alone_has_it(self):
        """Who knows the new store alone finds what was moved."""
        self.on_stores(self.on(self.new) + self.bus)
        alone = self.serve()
        self.wait_until(lambda: alone.read(0)[1], "trust in the store")
        self.nearly_all_are_hits(alone, range(1, ENTRIES * 3 // 4, 10))

    def test_to_a_cluster(self):
        self.moves(self.valkey("old"), self.cluster())

    def test_from_a_cluster(self):
        self.moves(self.cluster(), self.valkey("new"))

    def test_to_memcached(self):
        self.moves(self.valkey("old"), self.memcached(), seconds=MEMCACHED_SECONDS, lists=False)

    def test_from_memcached_nothing_is_copied_but_fills(self):
        servers = self.filled_in_dual(self.memcached(), self.valkey("new"))
        judge = Judge(self, servers, 0, ENTRIES - 1)
        with Traffic(judge.work, threads=2) as traffic:
            code, _, complaint = self.migrate("run", servers)
            self.assertNotEqual(code, 0)
            self.assertIn("cut-over --unverified", complaint)
            self.taken_over(servers, "--unverified")
            judge.goes_on()
        self.assertEqual(traffic.faults, [])

    def test_to_firestore(self):
        self.moves(self.valkey("old"), self.firestore())

    def test_from_firestore(self):
        self.moves(self.firestore(), self.valkey("new"))


if __name__ == "__main__":
    unittest.main()
