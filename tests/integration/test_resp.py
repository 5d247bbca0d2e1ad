"""The Redis protocol: clients that people have, unchanged, and Redis itself as the judge."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import resp_script
from free_port import free_port
from harness import SECONDS_MAX, Case

SERVERS = pathlib.Path(os.environ.get("HEADRACE_SERVERS") or "/nonexistent")
CLIENTS = pathlib.Path(os.environ.get("HEADRACE_CLIENTS") or "/nonexistent")
FOLDER = pathlib.Path(__file__).parent

CONFIG = """
listen = "tcp://127.0.0.1:0"
data_dir = "data"
resp_listen = "tcp://127.0.0.1:{port}"
[service]
"""


class Wire:
    """A connection on which replies are read as the bytes that they are."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS_MAX)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, words):
        parts = [b"*%d\r\n" % len(words)]
        for word in words:
            raw = word if isinstance(word, bytes) else word.encode()
            parts.append(b"$%d\r\n%s\r\n" % (len(raw), raw))
        self.socket.sendall(b"".join(parts))

    def reply(self):
        line = self.file.readline()
        if not line:
            return b"(ended)"
        kind, text = line[:1], line[1:-2]
        if kind in b"$=" and text != b"-1":
            return line + self.file.read(int(text) + 2)
        if kind in b"*~>" and text != b"-1":
            return line + b"".join(self.reply() for _ in range(int(text)))
        if kind == b"%":
            return line + b"".join(self.reply() for _ in range(2 * int(text)))
        return line

    def ask(self, *words):
        self.send(words)
        return self.reply()


def replies_to(words):
    """How many replies the command has, where it is not one."""
    name = words[0].upper()
    return max(1, len(words) - 1) if name in ("UNSUBSCRIBE", "PUNSUBSCRIBE") else 1


# What differs on purpose: a command's beginning, and why.  Nothing else may.
DIFFERENCES = {
    "MEMORY USAGE": "Bytes that a record counts in its quota, and not those of an allocator.",
    "HELLO": "Says headrace_version besides.",
    "INFO": "Says less, and what is the tenant's own.",
    "CLIENT HELP": "Has other subcommands.",
    "CLIENT LIST": "Has fewer fields.",
    "CLIENT INFO": "Has fewer fields.",
    "SELECT 100": "There is one database.",
    "SUBSCRIBE": "Channels tell of invalidations alone.",
    "CONFIG RESETSTAT": "",
    "TIME": "A moment later.",
    "ACL WHOAMI": "The tenant.",
}


class Redis:
    """The Redis of Debian 12, as the judge."""

    def __init__(self, folder):
        self.port = free_port()
        self.process = subprocess.Popen(
            [SERVERS / "bin/redis-server", "--port", str(self.port), "--save", "", "--bind",
             "127.0.0.1", "--daemonize", "no"], cwd=folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()


class RespCase(Case):
    def start(self, more=""):
        self.resp_port = free_port()
        self.configure(CONFIG.format(port=self.resp_port) + more)
        return self.serve()

    def wire(self, port=None):
        wire = Wire(port or self.resp_port)
        self.addCleanup(wire.close)
        return wire


@unittest.skipUnless((SERVERS / "bin/redis-server").exists(), "there is no redis-server")
class SameAsRedis(RespCase):
    def compare(self, version):
        self.start()
        judge = Redis(self.folder)
        self.addCleanup(judge.kill)
        ours, theirs = self.wire(), self.wire(judge.port)
        for each in (ours, theirs):
            each.ask("HELLO", version)
        count, faults = 0, []
        for words in resp_script.script():
            if not words:
                for each in (ours, theirs):
                    each.ask("DISCARD")
                    each.ask("FLUSHALL")
                continue
            count += 1
            for each in (ours, theirs):
                each.send(words)
            for _ in range(replies_to(words)):
                said, expected = ours.reply(), theirs.reply()
                line = " ".join(words).upper()
                if said != expected and not any(line.startswith(known) for known in DIFFERENCES):
                    faults.append(f"{shlex.join(words)}\n   Redis {expected!r}\n   ours  {said!r}")
        self.assertEqual(faults, [], f"of {count} commands:\n" + "\n".join(faults))
        self.assertGreater(count, 900)

    def test_version_2(self):
        self.compare("2")

    def test_version_3(self):
        self.compare("3")


class Faults(RespCase):
    """What is no command ends the connection with the words that Redis has for it."""

    CASES = (b"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", b"*-10\r\nPING\r\n", b"*abc\r\n",
             b"*2000000000000\r\n", b"*1\r\n$abc\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$2000000000\r\n",
             b'SET x "unbalanced\r\n', b"PING\r\n", b"\r\nPING\r\n", b"*0\r\nPING\r\n")

    @unittest.skipUnless((SERVERS / "bin/redis-server").exists(), "there is no redis-server")
    def test_same_as_redis(self):
        self.start()
        judge = Redis(self.folder)
        self.addCleanup(judge.kill)
        for case in self.CASES:
            said = []
            for port in (self.resp_port, judge.port):
                wire = self.wire(port)
                wire.socket.sendall(case)
                said.append(wire.reply())
                if said[-1].startswith(b"-ERR Protocol"):
                    said.append(wire.file.read())
            half = len(said) // 2
            self.assertEqual(said[:half], said[half:], case)


class Service(RespCase):
    def test_survives_a_restart(self):
        server = self.start()
        wire = self.wire()
        self.assertEqual(wire.ask("SET", "k", b"\x00\xff\r\n"), b"+OK\r\n")
        self.assertEqual(wire.ask("HSET", "h", "f", "v"), b":1\r\n")
        server.signal(signal.SIGTERM)
        self.assertEqual(server.ended(), 0)
        self.serve()
        wire = self.wire()
        self.assertEqual(wire.ask("GET", "k"), b"$4\r\n\x00\xff\r\n\r\n")
        self.assertEqual(wire.ask("HGETALL", "h"), b"*2\r\n$1\r\nf\r\n$1\r\nv\r\n")

    def test_a_pipeline_is_committed_together(self):
        """As one: 10,000 changes would else be 10,000 commits."""
        self.start()
        wire = self.wire()
        command = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
        wire.socket.sendall(command * 10_000)
        for i in range(1, 10_001):
            self.assertEqual(wire.reply(), b":%d\r\n" % i)

    def test_two_transactions_at_once_lose_nothing(self):
        self.start()
        rounds, wires = 20, [self.wire() for _ in range(3)]
        for wire in wires:
            wire.done = 0
        for _ in range(rounds):
            for wire in wires:
                wire.ask("WATCH", "n")
                value = wire.ask("GET", "n")
                wire.number = 0 if value == b"$-1\r\n" else int(value.split(b"\r\n")[1])
            for wire in wires:
                wire.ask("MULTI")
                wire.ask("SET", "n", str(wire.number + 1))
                wire.done += wire.ask("EXEC") != b"*-1\r\n"
        total = sum(wire.done for wire in wires)
        self.assertEqual(total, rounds)  # Of those that stood side by side one was made.
        self.assertEqual(wires[0].ask("GET", "n").split(b"\r\n")[1], b"%d" % total)

    def test_is_heard_of_what_is_invalidated(self):
        server = self.start()
        wire = self.wire()
        wire.ask("SUBSCRIBE", "headrace:invalidations")
        server.invalidate(keys=[{"policy": "user", "entity": "42"}])
        self.assertIn(b'{"keys":[{"policy":"user","entity":"42"}]}', wire.reply())


class Documents(RespCase):
    def test_the_table_of_commands_is_what_the_program_says(self):
        self.start()
        wire = self.wire()
        rows = []
        for name in re.findall(rb"\r\n\$\d+\r\n([a-z|.-]+)", wire.ask("COMMAND", "LIST", "FILTERBY",
                                                                    "PATTERN", "*")):
            docs = wire.ask("COMMAND", "DOCS", name)
            summary, group = (re.search(field + rb"\r\n\$\d+\r\n([^\r]*)", docs).group(1).decode()
                              for field in (b"summary", b"group"))
            if b"subcommands" not in docs or name == b"command":
                shown = name.decode().upper().replace("|", " ")
                rows.append((group, f"| `{shown}` | {summary} |"))
        text = (FOLDER.parent.parent / "docs/resp.md").read_text(encoding="utf-8")
        missing = [row for _, row in sorted(rows) if row not in text]
        self.assertEqual(missing, [], "\n".join(missing))
        self.assertEqual(len(re.findall(r"^\| `[A-Z]", text, re.MULTILINE)), len(rows))


class Clients(RespCase):
    """Programs and libraries as their authors publish them."""

    def run_client(self, *command, text=None, environment=None):
        done = subprocess.run([str(each) for each in command], input=text, capture_output=True,
                              text=True, timeout=SECONDS_MAX * 4, check=False, cwd=self.folder,
                              env=dict(os.environ) | (environment or {}))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def tool(self, name):
        folder = SERVERS / "debian/usr"
        program = folder / "bin" / name
        if not program.exists():
            self.skipTest(f"there is no {name}")
        libraries = ":".join(str(each) for each in (folder / "lib").glob("*-linux-gnu*"))
        return lambda *args, **more: self.run_client(
            program, "-p", self.resp_port, *args,
            environment={"LD_LIBRARY_PATH": libraries}, **more)

    def test_redis_cli(self):
        cli = self.tool("redis-cli")
        self.start()
        self.assertEqual(cli(text="set k v\nget k\nincr n\nhset h f v\nhgetall h\n"),
                         'OK\nv\n1\n1\nf\nv\n')
        self.assertEqual(cli("-3", "hgetall", "h"), "f v\n")
        self.assertIn("Sampled 3 keys", cli("--bigkeys"))
        self.assertEqual(cli("--scan", "--pattern", "k*"), "k\n")
        self.assertIn("db0:keys=3", cli("info", "keyspace"))
        many = "".join(f"SET key:{i} {i}\r\n" for i in range(1000))
        self.assertIn("replies: 1000", cli("--pipe", text=many))

    def test_redis_benchmark(self):
        benchmark = self.tool("redis-benchmark")
        self.start()
        said = benchmark("-n", "2000", "-c", "10", "-P", "4", "-q", "-t",
                         "ping,set,get,incr,mset,hset")
        self.assertEqual(len(re.findall(r"requests per second", said)), 7, said)

    def test_redis_py(self):
        python = CLIENTS / "python/bin/python"
        if not python.exists():
            self.skipTest("there is no redis-py")
        self.start()
        said = self.run_client(python, FOLDER / "resp_clients.py", self.resp_port)
        self.assertEqual(said, "ok\n")

    def run_node(self, script):
        modules = CLIENTS / "node/node_modules"
        if not modules.exists() or not shutil.which("node"):
            self.skipTest("there are no client libraries of node")
        self.start()
        shutil.copy(FOLDER / script, self.folder)
        (self.folder / "node_modules").symlink_to(modules)
        self.assertEqual(self.run_client("node", script, self.resp_port), "ok\n")

    def test_ioredis(self):
        self.run_node("resp_ioredis.cjs")

    def test_node_redis(self):
        self.run_node("resp_node_redis.cjs")


if __name__ == "__main__":
    sys.exit(unittest.main())
