"""What the integration tests share: a folder, a SQLite source, and the real program.

Every server listens on a free loopback port, is polled until it answers, and is killed at the end
of its test, on failure too.  Nothing waits for a fixed time: conditions are polled with a deadline.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import selectors
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

BINARY = os.environ.get("HEADRACE_TEST_BINARY", "headrace")
SECONDS_MAX = 30  # The longest that anything is waited for.

SOURCE = """
[sources.db]
kind = "sqlite"
path = "source.sqlite"
never_cache = ["password_hash"]
"""

POLICY = """
[policies.{name}]
source = "db"
table = "users"
fields = ["id", "name", "version"]
tags = ["user:{{entity}}"]
rollout = "on"
fresh_for = "5m"
absent_for = "1m"
{more}
"""


def policy(name="user", more=""):
    return POLICY.format(name=name, more=more)


def clean_environment():
    """The environment without what would steer the program, and the test's runner."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith("HEADRACE_") and k not in ("PORT", "NOTIFY_SOCKET")}


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Server:
    def __init__(self, folder, config, notify=None, **popen):
        self.folder = folder
        self.log_path = folder / "serve.log"
        with open(self.log_path, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--config", config], text=True, stdout=subprocess.PIPE,
                stderr=log, env=clean_environment() | ({"NOTIFY_SOCKET": notify} if notify else {}),
                start_new_session=True, **popen)
        self.resp_port = None  # Where it speaks RESP, if it does.
        self.port = self._port()

    def _port(self):
        """The port that the first line names; that of RESP stands behind it."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(SECONDS_MAX)
        line = self.process.stdout.readline() if ready else ""
        found = re.search(r"listens on https?://127\.0\.0\.1:(\d+)", line)
        if not found:
            self.kill()
            raise AssertionError(f"the server did not start: {line!r}\n{self.log()}")
        resp = re.search(r"redis://127\.0\.0\.1:(\d+)", line)
        self.resp_port = int(resp.group(1)) if resp else None
        return int(found.group(1))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def log(self):
        return self.log_path.read_text(encoding="utf-8")

    def ask(self, method, path, body=None, headers=None, is_text=False):
        """One request on a connection of its own: status, headers, body; a text goes as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
        with contextlib.closing(connection):
            sent = dict(headers or {})
            if body is not None:
                sent.setdefault("Content-Type", "application/json")
                body = body.encode() if is_text else json.dumps(body)
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def read(self, entity, policy_name="user"):
        """The value that a read answers (None: absent), and whether it was a hit."""
        entity = urllib.parse.quote(str(entity), safe="")
        status, headers, body = self.ask("GET", f"/v1/read/{policy_name}/{entity}")
        if status not in (200, 404) or "Cache-Status" not in headers:
            raise AssertionError(f"a read ended with {status}: {body!r}")
        hit = "; hit" in headers["Cache-Status"]
        return (json.loads(body) if status == 200 else None), hit

    def invalidate(self, **what):
        status, _, body = self.ask("POST", "/v1/invalidate", what)
        if status not in (200, 202, 204):
            raise AssertionError(f"an invalidation ended with {status}: {body!r}")
        return status

    def source_reads(self, policy_name="user"):
        _, _, body = self.ask("GET", "/metrics")
        pattern = r'headrace_source_reads_total\{[^}]*policy="' + policy_name + r'"[^}]*\} (\d+)'
        return sum(int(count) for count in re.findall(pattern, body.decode()))

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As a crash: nothing is written, nothing is closed."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ended(self):
        """The exit code, once the program has ended by itself."""
        code = self.process.wait(SECONDS_MAX)
        self.process.stdout.close()
        return code


class Case(unittest.TestCase):
    """A test with a folder, a source of 100 users, and servers that do not outlive it."""

    listen = 'listen = "tcp://127.0.0.1:0"\n'

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="headrace-test-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.config = self.folder / "headrace.toml"
        self.database = sqlite3.connect(self.folder / "source.sqlite", isolation_level=None,
                                        check_same_thread=False, timeout=SECONDS_MAX)
        self.addCleanup(self.database.close)
        self.database.execute("PRAGMA journal_mode = WAL")
        self.database.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT,"
                              " password_hash TEXT, version INTEGER)")
        self.database.executemany("INSERT INTO users VALUES (?, ?, 'secret', 1)",
                                  [(i, f"User {i}") for i in range(100)])

    def configure(self, text):
        """Writes the configuration in one step, as an editor does."""
        new = self.folder / "new.toml"
        new.write_text(text, encoding="utf-8")
        new.replace(self.config)

    def standard(self, *, top="", data=True, source=SOURCE, policies=None):
        self.configure(self.listen + ('data_dir = "data"\n' if data else "") + top + source +
                       (policy() if policies is None else policies))

    def serve(self, **popen):
        server = Server(self.folder, self.config, **popen)
        self.addCleanup(server.kill)
        return server

    def write(self, entity):
        """Commits the next version of a user to the source, and returns it."""
        row = self.database.execute("UPDATE users SET version = version + 1 WHERE id = ?"
                                    " RETURNING version", (entity,)).fetchone()
        return row[0]

    def run_headrace(self, *args, url=None):
        """Runs a command to its end."""
        environment = clean_environment()
        if url:
            environment["HEADRACE_URL"] = url
        return subprocess.run([BINARY, *map(str, args)], capture_output=True, text=True,
                              env=environment, timeout=SECONDS_MAX * 2, check=False)

    def wait_until(self, condition, what):
        """Polls until `condition()` is true; fails with `what` after the deadline."""
        deadline = time.monotonic() + SECONDS_MAX
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"this never happened: {what}")
            time.sleep(0.01)

    @staticmethod
    def is_stored(server, entity):
        _, _, body = server.ask("GET", f"/v1/explain/user/{entity}")
        return json.loads(body).get("store", {}).get("present", False)

    def wait_stored(self, server, entity):
        """Until the store holds the entry: an answer does not wait for that."""
        self.wait_until(lambda: self.is_stored(server, entity), f"user {entity} in the store")


class Traffic:
    """Threads that call `work` again and again until the block is left; faults are kept."""

    def __init__(self, work, threads=3):
        self.work = work
        self.faults = []
        self.rounds = 0
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def _run(self):
        while not self.stop.is_set():
            try:
                self.work()
                self.rounds += 1
            except Exception as fault:  # What it was is for the test to judge.
                self.faults.append(fault)
                if len(self.faults) > 100:
                    return

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


SIGHUP, SIGTERM, SIGKILL = signal.SIGHUP, signal.SIGTERM, signal.SIGKILL
