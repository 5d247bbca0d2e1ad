"""What a store and a bus on a Valkey of the measurement's own cost: bench/shared_store.cc."""

import contextlib
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import runs

START_SECONDS_MAX = 10
ASKED = ("hit", "notice", "tag")


def steps(rounds):
    return rounds * len(ASKED)


@contextlib.contextmanager
def valkey():
    """The address of a server that keeps nothing on disk."""
    program = runs.ROOT / ".cache/servers/bin/valkey-server"
    if not program.exists():
        raise runs.Missing(f"{program} is not there; ./dev setup fetches it, or says why not")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="headrace-bench-"))
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
         "--appendonly", "no"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if server.poll() is not None or time.monotonic() > deadline:
                raise runs.Missing("valkey-server does not start")
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def measure(rounds, seconds, progress, missing):
    """{"hit": [...], "notice": [...], "tag": [...]}, one object a round, as shared_store prints."""
    del missing
    program = runs.built("bench/shared_store")
    found = {what: [] for what in ASKED}
    with valkey() as address:
        for turn in range(rounds):
            for what in ASKED:
                progress.step(f"shared: {what}, round {turn + 1}")
                words = [program, what, address] + ([3 * seconds] if what == "notice" else [])
                found[what].append(runs.json_of(words))
    return found
