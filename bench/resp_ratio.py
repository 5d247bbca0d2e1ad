#!/usr/bin/env python3
"""How fast GET is over the Redis protocol, beside Valkey 8: one thread of a server on one core,
the load on another, rounds in turn.

  bench/resp_ratio.py build/release/apps/headrace/headrace [--rounds 5] [--requests 200000]

Prints the requests a second of each round, and for each depth of pipeline the median of the ratios
of rounds that stood side by side.  HEADRACE_SERVERS names the folder of tools/servers.sh.
"""

import argparse
import contextlib
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import time

SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS", ".cache/servers"))
SERVER_CORE, LOAD_CORE = "0", "1"
START_SECONDS_MAX = 30
CONNECTIONS, VALUE_BYTES, DEPTHS = 50, 100, (1, 16)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def running(command, folder, port):
    # The program refuses settings that it does not know.
    clean = {k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}
    process = subprocess.Popen(["taskset", "-c", SERVER_CORE, *map(str, command)], cwd=folder,
                               env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            if time.monotonic() > deadline or process.poll() is not None:
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait()


def say(port, *words):
    """One command as a line of its own; the first line of its reply."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(" ".join(words).encode() + b"\r\n")
        return client.recv(4096)


def load(port, requests, depth):
    """Requests a second, as the benchmark program of Valkey counts them."""
    program = SERVERS / "backports/usr/bin/valkey-benchmark"
    libraries = ":".join(str(each) for each in SERVERS.glob("*/usr/lib/*-linux-gnu")
                         if "newest" not in each.parts)
    done = subprocess.run(
        ["taskset", "-c", LOAD_CORE, str(program), "-p", str(port), "-c", str(CONNECTIONS), "-n",
         str(requests), "-P", str(depth), "-q", "--csv", "GET", "bench:key"],
        capture_output=True, text=True, check=True,
        env=dict(os.environ) | {"LD_LIBRARY_PATH": libraries})
    return float(re.findall(r'"([0-9.]+)"', done.stdout.splitlines()[-1])[0])


def measure(ports, arguments):
    for depth in DEPTHS:
        ratios = []
        for round_number in range(arguments.rounds):
            # Who goes first changes, for the machine is not the same from minute to minute.
            order = sorted(ports, reverse=round_number % 2 == 1)
            rates = {name: load(ports[name], arguments.requests * min(depth, 4), depth)
                     for name in order}
            ratios.append(rates["headrace"] / rates["valkey"])
            print(f"pipeline {depth:2}: headrace {rates['headrace']:9.0f}/s  "
                  f"valkey {rates['valkey']:9.0f}/s  ratio {ratios[-1]:.2f}", flush=True)
        print(f"pipeline {depth:2}: median ratio {statistics.median(ratios):.2f}, "
              f"from {min(ratios):.2f} to {max(ratios):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("headrace", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=200_000)
    arguments = parser.parse_args()
    ports = {"headrace": free_port(), "valkey": free_port()}
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "headrace.toml"
        config.write_text(f'listen = "tcp://127.0.0.1:0"\ndata_dir = "data"\nthreads = 1\n'
                          f'resp_listen = "tcp://127.0.0.1:{ports["headrace"]}"\n[service]\n',
                          encoding="utf-8")
        ours = [arguments.headrace.resolve(), "serve", "--config", config]
        theirs = [(SERVERS / "bin/valkey-server").resolve(), "--port", ports["valkey"], "--save",
                  "''", "--appendonly", "no"]
        with running(ours, folder, ports["headrace"]), running(theirs, folder, ports["valkey"]):
            for port in ports.values():
                assert say(port, "SET", "bench:key", "x" * VALUE_BYTES) == b"+OK\r\n"
            measure(ports, arguments)


if __name__ == "__main__":
    main()
