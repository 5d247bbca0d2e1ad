#!/usr/bin/env python3
"""Whether idle and slow clients slow the others: the 99th percentile of requests beside a crowd.

  bench/crowd.py build/release/apps/headrace/headrace [--idle 10000] [--slow 200] [--rounds 5]

Rounds without and with the crowd take turns on one server; idle clients have connected and say
nothing, slow ones send a request byte by byte.  Prints each round's percentiles and the ratio of
the medians of those with and without the crowd.
"""

import argparse
import os
import resource
import socket
import statistics
import subprocess
import tempfile
import threading
import time

CONFIG = """listen = "tcp://127.0.0.1:{port}"
[service]
records = "memory"
[limits]
connections_max = 20000
"""
REQUEST = b"GET /v1/kv/web/key HTTP/1.1\r\nHost: bench\r\n\r\n"
REQUESTS, CLIENTS, START_SECONDS_MAX = 20_000, 8, 30


def connect(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def measure(port):
    """Seconds that each of many requests took, of a few clients that ask one after the other."""
    took = []

    def work():
        own = []
        with connect(port) as client:
            for _ in range(REQUESTS // CLIENTS):
                began = time.perf_counter()
                client.sendall(REQUEST)
                client.recv(4096)
                own.append(time.perf_counter() - began)
        took.extend(own)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statistics.quantiles(took, n=100)


class Crowd:
    """Idle connections, and slow ones that are fed a byte now and then."""

    def __init__(self, port, idle, slow):
        self.port = port
        self.idle = [connect(port) for _ in range(idle)]
        self.slow = [connect(port) for _ in range(slow)]
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.feed)
        self.thread.start()

    def feed(self):
        at = 0
        while not self.stop.wait(0.2):
            for n, client in enumerate(self.slow):
                try:
                    client.send(REQUEST[at % 20:at % 20 + 1])
                except OSError:  # Its time was up.
                    client.close()
                    self.slow[n] = connect(self.port)
            at += 1

    def leave(self):
        self.stop.set()
        self.thread.join()
        for client in self.idle + self.slow:
            client.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--idle", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    program = os.path.abspath(wanted.program)
    files = wanted.idle + wanted.slow + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(
        files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/h.toml", "w", encoding="utf-8") as config:
            config.write(CONFIG.format(port=port))
        server = subprocess.Popen([program, "serve", "--config", "h.toml"], cwd=folder,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            rounds(port, wanted)
        finally:
            server.terminate()
            server.wait()


def rounds(port, wanted):
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            client = connect(port)
            break
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit("the server did not start") from None
            time.sleep(0.05)
    client.sendall(b"PUT /v1/kv/web/key HTTP/1.1\r\nHost: bench\r\nContent-Length: 100\r\n\r\n" +
                   b"x" * 100)
    client.recv(4096)
    measure(port)  # To warm up.
    percentiles = {"alone": [], "beside the crowd": []}
    for _ in range(wanted.rounds):
        for kind, found in percentiles.items():
            crowd = Crowd(port, wanted.idle, wanted.slow) if kind != "alone" else None
            took = measure(port)
            if crowd:
                crowd.leave()
            found.append(took[98])
            print(f"{kind}: p50 {took[49] * 1e6:.0f} us, p99 {took[98] * 1e6:.0f} us", flush=True)
    ratio = (statistics.median(percentiles["beside the crowd"]) /
             statistics.median(percentiles["alone"]))
    print(f"p99 beside {wanted.idle} idle and {wanted.slow} slow clients: {ratio:.2f} of alone")


if __name__ == "__main__":
    main()
