#!/usr/bin/env python3
"""How fast GET is over the Redis protocol, beside Valkey 8: one thread of a server on one core,
the load on another, rounds in turn.

  bench/resp_ratio.py build/release/apps/headrace/headrace [--rounds 40] [--requests 40000]

Prints the requests a second of each round and the server's microseconds of processor time for each,
and for each depth of pipeline the median and the middle half of the ratios of all rounds, of which
there are at least two.
HEADRACE_SERVERS names the folder of tools/servers.sh, --loader the program of bench/load.
"""

import argparse
import os
import pathlib
import socket
import tempfile

import turns

SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS", ".cache/servers"))
VALUE_BYTES, DEPTHS = 100, (1, 16)
REQUEST = "*2\r\n$3\r\nGET\r\n$9\r\nbench:key\r\n"


def say(port, *words):
    """One command as a line of its own; the first line of its reply."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(" ".join(words).encode() + b"\r\n")
        return client.recv(4096)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("headrace", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--loader", type=pathlib.Path, default="build/release/bench/load")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: the middle half wants at least two")
    ports = {"headrace": turns.free_port(), "valkey": turns.free_port()}
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "headrace.toml"
        config.write_text(f'listen = "tcp://127.0.0.1:0"\ndata_dir = "data"\nthreads = 1\n'
                          f'resp_listen = "tcp://127.0.0.1:{ports["headrace"]}"\n[service]\n',
                          encoding="utf-8")
        ours = [arguments.headrace.resolve(), "serve", "--config", config]
        theirs = [(SERVERS / "bin/valkey-server").resolve(), "--port", ports["valkey"], "--save",
                  "''", "--appendonly", "no"]
        with turns.running(ours, folder, ports["headrace"]) as headrace, \
             turns.running(theirs, folder, ports["valkey"]) as valkey:
            for port in ports.values():
                assert say(port, "SET", "bench:key", "x" * VALUE_BYTES) == b"+OK\r\n"
            targets = {name: turns.Target(arguments.loader, pid, ports[name], REQUEST,
                                          f"${VALUE_BYTES}\r\n")
                       for name, pid in (("headrace", headrace), ("valkey", valkey))}
            for depth in DEPTHS:
                turns.rounds(targets, arguments.rounds, arguments.requests * min(depth, 4), depth)


if __name__ == "__main__":
    main()
