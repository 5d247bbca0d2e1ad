#!/usr/bin/env python3
"""What a session costs a request of Flask: medians over the loopback, one caller.

    PYTHONPATH=clients/python/src python3 bench/flask_sessions.py --binary .../headrace

Flask must be there.  Three figures: a read by the client alone, a request of a view that reads its
session, and the same view without one.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

from flask import Flask, session
from headrace import Endpoint, SessionClient
from headrace.flask import HeadraceSessionInterface

ORIGIN = "https://app.example"


def median_us(work, rounds):
    took = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        work()
        took.append(time.perf_counter_ns() - began)
    return statistics.median(took[rounds // 10:]) / 1000


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
    begun = client.create({"user": "ada", "roles": ["reader", "writer"]})
    read = median_us(lambda: client.read(begun.id), rounds)
    print(f"read by the client:          {read:7.0f} us")
    browser = app_with(HeadraceSessionInterface(client)).test_client()
    browser.post("/login", base_url=ORIGIN)
    with_session = median_us(lambda: browser.get("/read", base_url=ORIGIN), rounds)
    plain = app_with(None).test_client()
    without = median_us(lambda: plain.get("/plain", base_url=ORIGIN), rounds)
    print(f"request that reads it:       {with_session:7.0f} us")
    print(f"the same without a session:  {without:7.0f} us")
    print(f"a session costs a request:   {with_session - without:7.0f} us")


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
