#!/usr/bin/env python3
"""How fast a value is over HTTP, beside nginx with a file of as many bytes: one thread of a server
on one core, the load on another, rounds in turn.

  bench/http_ratio.py build/release/apps/headrace/headrace [--rounds 40] [--requests 40000]
                      [--path /cache/key]

Prints what bench/resp_ratio.py prints, and then how long requests take that are due at even times,
at 70 % of the rate that each server has reached.  nginx is the system's, or the one that
`./dev bench` has unpacked; --loader is the program of bench/load.
"""

import argparse
import contextlib
import http.client
import pathlib
import tempfile

import nginx
import turns

VALUE_BYTES, DEPTHS = 100, (1, 16)
SHARE = 0.7  # Of the peak, for the latencies.
BENCH_FOLDER = pathlib.Path("build/bench")

HEADRACE = """
listen = "tcp://127.0.0.1:{port}"
data_dir = "data"
threads = 1
[service]
"""


@contextlib.contextmanager
def static_file(loader, folder):
    folder = pathlib.Path(folder) / "nginx"
    program = nginx.program(BENCH_FOLDER)
    if not program:
        raise SystemExit(nginx.MISSING)
    port = turns.free_port()
    options = nginx.prepare(folder, port, "worker_processes 1;", "file", "x" * VALUE_BYTES)
    with turns.running([program, *options], folder, port) as pid:
        worker, = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()
        yield target(loader, worker, port, "/file")


@contextlib.contextmanager
def headrace(loader, folder, program, path):
    port = turns.free_port()
    config = pathlib.Path(folder) / "headrace.toml"
    config.write_text(HEADRACE.format(port=port), encoding="utf-8")
    with turns.running([program.resolve(), "serve", "--config", config], folder, port) as pid:
        if path.startswith("/cache/"):
            body, kind = '{"value":"' + "x" * VALUE_BYTES + '"}', "application/json"
        else:
            body, kind = "x" * VALUE_BYTES, "text/plain"
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("PUT", path, body, {"Content-Type": kind})
        said = client.getresponse()
        if said.status not in (200, 201, 204):
            raise SystemExit(f"headrace does not keep the value: {said.status} {said.read()}")
        client.close()
        yield target(loader, pid, port, path)


def target(loader, pid, port, path):
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    return turns.Target(loader, pid, port, request, "HTTP/1.1 200 OK\r\n")


def measure_latencies(targets, arguments):
    """Each at its share of what it has reached the moment before, as the machine changes."""
    taken = {name: [] for name in targets}
    for _ in range(arguments.rounds):
        for name, each in targets.items():
            rate = SHARE * each.load(arguments.requests)["per_second"]
            took = each.load(arguments.requests, rate=rate)
            taken[name].append(took["p99_us"] / took["p50_us"])
            print(f"at {rate:6.0f}/s: {name:8} p50 {took['p50_us']:.1f} us  "
                  f"p99 {took['p99_us']:.1f} us  p99.9 {took['p999_us']:.1f} us  "
                  f"p99/p50 {taken[name][-1]:.2f}", flush=True)
    for name, ratios in taken.items():
        print(f"{name} at 70 %: p99/p50 {turns.spread(ratios)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("headrace", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=40_000)
    parser.add_argument("--path", default="/cache/key")
    parser.add_argument("--loader", type=pathlib.Path, default="build/release/bench/load")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds: the middle half wants at least two")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        with headrace(arguments.loader, folder, arguments.headrace, arguments.path) as ours, \
             static_file(arguments.loader, folder) as theirs:
            targets = {"headrace": ours, "nginx": theirs}
            for depth in DEPTHS:
                turns.rounds(targets, arguments.rounds, arguments.requests * min(depth, 4), depth)
            measure_latencies(targets, arguments)


if __name__ == "__main__":
    main()
