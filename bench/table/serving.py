"""HTTP: `headrace serve` beside nginx with a static file, one core each, wrk on the other."""

import contextlib
import os
import pathlib
import re
import selectors
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import runs

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))
import nginx  # What all measurements share is a folder above.
import turns

BODY_BYTES = 100
WAIT_SECONDS_MAX = 30

CONFIG = """
listen = "tcp://127.0.0.1:0"
threads = 1
[sources.db]
kind = "sqlite"
path = "source.sqlite"
[policies.user]
source = "db"
table = "users"
fields = ["id", "name"]
fresh_for = "1h"
"""


def nginx_program():
    found = nginx.program(runs.FOLDER)
    if not found:
        raise runs.Missing(nginx.MISSING)
    return found


def exchange(port, path):
    """One request over a socket of its own: (bytes of the whole reply, bytes of its body)."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        raw = b""
        while True:
            head, found, body = raw.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if found and length and len(body) >= int(length.group(1)):
                break
            more = client.recv(65536)
            if not more:
                raise runs.Missing(f"port {port} closed the connection: {raw[:200]!r}")
            raw += more
    if not head.startswith(b"HTTP/1.1 200"):
        raise runs.Missing(f"{path} was answered with {head.splitlines()[0].decode()}")
    return len(raw), body


def end(process):
    process.terminate()
    try:
        process.wait(WAIT_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def headrace(folder, core):
    """Serves a row whose JSON has BODY_BYTES bytes; yields (pid, port, path)."""
    database = sqlite3.connect(folder / "source.sqlite")
    database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
    database.execute("INSERT INTO users VALUES (10, 'x')")
    database.commit()
    (folder / "headrace.toml").write_text(CONFIG)
    environment = {k: v for k, v in os.environ.items()
                   if not k.startswith("HEADRACE_") and k != "PORT"}
    with open(folder / "serve.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), runs.built("apps/headrace/headrace"), "serve", "--config",
             str(folder / "headrace.toml")],
            stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline() if selector.select(WAIT_SECONDS_MAX) else ""
        found = re.search(r"listens on http://127\.0\.0\.1:(\d+)", line)
        if not found:
            raise runs.Missing(f"headrace did not start: {(folder / 'serve.log').read_text()}")
        port = int(found.group(1))
        _, body = exchange(port, "/v1/read/user/10")
        name = "x" * (BODY_BYTES - len(body) + 1)
        database.execute("INSERT INTO users VALUES (42, ?)", (name,))
        database.commit()
        yield process.pid, port, "/v1/read/user/42"
    finally:
        end(process)
        process.stdout.close()
        database.close()


@contextlib.contextmanager
def static_file(folder, core):
    """Serves a file of BODY_BYTES bytes; yields (pid, port, path)."""
    port = turns.free_port()
    options = nginx.prepare(folder, port, "master_process off;", "file.json",
                            '"' + "x" * (BODY_BYTES - 2) + '"')
    process = subprocess.Popen(
        ["taskset", "-c", str(core), nginx_program(), *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while True:
            if process.poll() is not None or time.monotonic() > deadline:
                raise runs.Missing(f"nginx did not start: {(folder / 'error.log').read_text()}")
            try:
                exchange(port, "/file.json")
                break
            except ConnectionRefusedError:
                continue
        yield process.pid, port, "/file.json"
    finally:
        end(process)


def load(server, core, seconds):
    """One run of wrk: requests per second and the server's microseconds of CPU for each."""
    pid, port, path = server
    before = turns.cpu_seconds(pid)
    said = runs.output(["taskset", "-c", core, runs.need("wrk", "wrk"), "-t1",
                        f"-c{turns.CONNECTIONS}", f"-d{seconds}s",
                        f"http://127.0.0.1:{port}{path}"])
    spent = turns.cpu_seconds(pid) - before
    return parsed(said, spent)


def parsed(said, cpu):
    """The figures in what wrk prints; it must have had nothing but good answers."""
    for fault in ("Non-2xx or 3xx responses", "Socket errors"):
        if fault in said:
            raise runs.Missing(f"wrk reports: {said}")
    rate = re.search(r"^Requests/sec:\s*([\d.]+)", said, re.MULTILINE)
    count = re.search(r"^\s*(\d+) requests in", said, re.MULTILINE)
    if not rate or not count or int(count.group(1)) == 0:
        raise runs.Missing(f"wrk says nothing that can be read: {said}")
    return {"per_second": float(rate.group(1)), "cpu_us": cpu * 1e6 / int(count.group(1))}


def steps(rounds):
    return rounds * 2


def measure(rounds, seconds, progress, missing):
    """{"rows": {server: {"per_second": [...], "cpu_us": [...], "reply_bytes": n}}}"""
    del missing  # Without its peer this part says nothing, so nothing of it is left out.
    cores = runs.cores()
    if len(cores) < 2:
        raise runs.Missing("HTTP needs two cores: one for the server and one for wrk")
    nginx_program()
    with contextlib.ExitStack() as stack:
        servers, rows = {}, {}
        for name, serve in (("headrace", headrace), ("nginx", static_file)):
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            servers[name] = stack.enter_context(serve(folder, cores[0]))
            _, port, path = servers[name]
            exchange(port, path)  # The first one fills the cache.
            reply, body = exchange(port, path)
            if len(body) != BODY_BYTES:
                raise runs.Missing(f"{name} serves {len(body)} bytes, not {BODY_BYTES}")
            rows[name] = {"per_second": [], "cpu_us": [], "reply_bytes": reply}
        for name in servers:
            load(servers[name], cores[1], 1)
        for turn in range(rounds):
            for name in servers:
                progress.step(f"HTTP: {name}, round {turn + 1}")
                for key, figure in load(servers[name], cores[1], seconds).items():
                    rows[name][key].append(figure)
    versions = {"nginx": runs_version(nginx_program(), "-v"), "wrk": runs_version("wrk", "-v")}
    return {"rows": rows, "versions": versions}


def runs_version(program, option):
    """The first number in what a program says of itself, which may be on either stream."""
    ended = subprocess.run([program, option], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+\.[\d.]+\d)", ended.stdout + ended.stderr)
    return found.group(1) if found else "unknown"
