"""A server of the cache service that speaks RESP, or a real Redis in its place, for reference."""

import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

import harness
from free_port import free_port

CLIENTS = pathlib.Path(os.environ.get("HEADRACE_CLIENTS", ""))
PYTHON = CLIENTS / "python" / "bin" / "python"
NODE_MODULES = CLIENTS / "node" / "node_modules"
SUITES = CLIENTS / "suites"
# Set to the path of a redis-server to learn what that makes of a suite.
REFERENCE = os.environ.get("HEADRACE_SUITES_ON", "")


def need(*names):
    """Skips the test where a part of .cache/clients could not be had, and says why."""
    for name in names:
        if not list(CLIENTS.glob(f"{name}.[0-9]*")):
            missing = CLIENTS / f"{name}.missing"
            why = missing.read_text(encoding="utf-8").strip() if missing.exists() else "no set-up"
            raise unittest.SkipTest(f"there is no {name} part of .cache/clients: {why}")


class RespCase(harness.Case):
    """Starts a server with records in a folder, and RESP on a port of its own."""

    service = ""  # Further keys of [service].

    def start(self, port=0):
        if REFERENCE:
            return self._start_reference(port or free_port())
        self.configure(self.listen + f'data_dir = "data"\nresp_listen = "tcp://127.0.0.1:{port}"\n'
                       f"[service]\n{self.service}")
        server = self.serve()
        self.resp_port = server.resp_port
        return server

    def _start_reference(self, port):
        log = open(self.folder / "reference.log", "wb")
        self.addCleanup(log.close)
        process = subprocess.Popen([REFERENCE, "--port", str(port), "--save", "", "--dir",
                                    str(self.folder)], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.resp_port = port
        self.wait_until(lambda: harness.is_listening(port), "the reference listens")
        return process

    def run_to_the_end(self, command, cwd, seconds=240, **environment):
        """What a suite printed, and its exit code; its words go into the test's own output."""
        began = time.monotonic()
        done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True,
                              text=True, timeout=seconds, check=False,
                              env=harness.clean_environment() | environment)
        said = done.stdout + done.stderr
        last = [line for line in said.splitlines() if line.strip()][-3:]
        print(f"{self.id().rsplit('.', 1)[1]}: {time.monotonic() - began:.1f} s:", *last,
              sep="\n  ", file=sys.stderr)
        return done.returncode, said

    def skips_of_pytest(self, said):
        """The reasons that `pytest -rs` gives, without the places."""
        return sorted(re.sub(r"^SKIPPED \[\d+\] \S+ ", "", line) for line in said.splitlines()
                      if line.startswith("SKIPPED"))
