#!/usr/bin/env python3
"""What a session costs a request of Flask, over the loopback, with one caller.

    PYTHONPATH=clients/python/src python3 bench/flask_sessions.py --binary .../headrace

Flask must be there.  Three figures, at the median and at the 99th percentile: a read by the client
alone, a request of a view that reads its session, and the same view without one.  These are taken
in turns, so that whatever else the machine does meets all of them; the cookie is sent with each, as
taking it apart is Flask's own work.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile
import time

from flask import Flask, session
from headrace import Endpoint, SessionClient
from headrace.flask import HeadraceSessionInterface

ORIGIN = "https://app.example"


def times_us(rounds, *works):
    """Of each work, sorted, without the first tenth."""
    took = [[] for _ in works]
    for _ in range(rounds):
        for work, times in zip(works, took):
            began = time.perf_counter_ns()
            work()
            times.append((time.perf_counter_ns() - began) / 1000)
    return [sorted(times[rounds // 10:]) for times in took]


def at(times, share):
    return times[int(len(times) * share)]


def app_with(interface):
    app = Flask("bench")
    if interface:
        app.session_interface = interface

    @app.post("/login")
    def login():
        session.update(user="ada", roles=["reader", "writer"], cart={"items": [1, 2, 3]})
        return ""

    @app.get("/read")
    def read():
        return session["user"]

    @app.get("/plain")
    def plain():
        return "ada"

    return app


def measure(url, rounds):
    client = SessionClient(Endpoint(url, timeout=10), "bench")
    app = app_with(HeadraceSessionInterface(client))
    given = app.test_client().post("/login", base_url=ORIGIN).headers["Set-Cookie"]
    session_id = re.search(r"=([\w-]{43});", given).group(1)
    headers = {"Cookie": given.split(";")[0]}
    views = [(one.test_client(use_cookies=False), path)
             for one, path in ((app, "/read"), (app_with(None), "/plain"))]

    def view_of(browser, path):
        return lambda: browser.get(path, base_url=ORIGIN, headers=headers)

    works = [lambda: client.read(session_id)] + [view_of(*view) for view in views]
    assert [work().text for work in works[1:]] == ["ada", "ada"]
    took = times_us(rounds, *works)
    print(f"{'microseconds':30} {'p50':>7} {'p99':>7}")
    for name, times in zip(("read by the client", "request that reads its session",
                            "the same without one"), took):
        print(f"{name:30} {at(times, 0.5):7.0f} {at(times, 0.99):7.0f}")
    adds = at(took[1], 0.5) - at(took[2], 0.5)
    print(f"a session adds {adds / 1000:.3f} ms at the median; the limit is 0.5 ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--rounds", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = pathlib.Path(folder) / "headrace.toml"
        config.write_text('listen = "tcp://127.0.0.1:0"\ndata_dir = "data"\n[service]\n',
                          encoding="utf-8")
        with open(pathlib.Path(folder) / "log", "wb") as log:
            server = subprocess.Popen([options.binary, "serve", "--config", config], text=True,
                                      stdout=subprocess.PIPE, stderr=log)
        try:
            line = server.stdout.readline()
            measure(re.search(r"http://[\d.]+:\d+", line).group(), options.rounds)
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
