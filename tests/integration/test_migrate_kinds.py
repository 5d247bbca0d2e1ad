"""Fleets move between stores of different kinds, each real, under reads and writes."""

import json
import unittest

from free_port import free_port
from harness import Traffic
from moving import Judge, MovingKinds
from test_shared import SERVERS, Memcached, Valkey

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


@unittest.skipUnless((SERVERS / "valkey-server").exists(), "there is no Valkey here")
class Kinds(MovingKinds):
    def memcached(self):
        memcached = Memcached(self.folder)
        self.addCleanup(memcached.kill)
        return memcached

    def cluster(self):
        cluster = Cluster([self.valkey(f"node{i}", Node) for i in range(3)])
        self.wait_until(cluster.is_whole, "a cluster")
        return cluster

    def test_to_a_cluster(self):
        self.moves(self.valkey("old"), self.cluster())

    def test_from_a_cluster(self):
        self.moves(self.cluster(), self.valkey("new"))

    def test_to_memcached(self):
        self.moves(self.valkey("old"), self.memcached(), seconds=MEMCACHED_SECONDS, lists=False)

    def fill_anew(self, server):
        for first in range(0, self.quiet, self.batch):
            keys = [{"policy": "user", "entity": str(i)}
                    for i in range(first, first + self.batch)]
            self.wait_until(lambda named=keys: server.invalidate(keys=named) == 200,
                            "both stores")
            self.wait_until(lambda begin=first: self.are_kept(server, begin), "a batch")
        self.wait_until(lambda: self.slots_in_new() >= self.quiet, "copies of what was filled")

    def slots_in_new(self):
        with self.new.connect() as connection:
            connection.sendall(b'EVAL "return #redis.call(\'KEYS\', ARGV[1])" 0 headrace:{*}\r\n')
            return int(connection.recv(100)[1:])

    def test_from_memcached_nothing_is_copied_but_fills(self):
        servers = self.filled_in_dual(self.memcached(), self.valkey("new"))
        judge = Judge(self, servers, self.quiet, self.entries - 1)
        with Traffic(judge.work, threads=2) as traffic:
            code, _, complaint = self.migrate("run", servers)
            self.assertNotEqual(code, 0)
            self.assertIn("cut-over --unverified", complaint)
            self.fill_anew(servers[0])
            self.taken_over(servers, "--unverified")
            self.nearly_all_are_hits(servers[1], range(0, self.quiet, 10))
            judge.goes_on()
        self.assertEqual(traffic.faults, [])


if __name__ == "__main__":
    unittest.main()
