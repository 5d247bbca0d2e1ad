"""Two servers in turn: each on one core, the load on another, so that they see the same machine.

Rounds are short and many: this way a moment in which the machine is busy with something else spoils
few of them, and the two of a round are close together.  Rates alone would say how fast the loader
is where the server is faster: so each round says as well what of its processor the server has used
for a request.
"""

import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import time

SERVER_CORE, LOAD_CORE = "0", "1"
START_SECONDS_MAX = 30
CONNECTIONS = 50
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    """User and system time of a process so far."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


@contextlib.contextmanager
def running(command, folder, port):
    """A server on its core, once it takes connections; yields its process id."""
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
        yield process.pid
    finally:
        process.terminate()
        process.wait()


class Target:
    """A server that runs, and what it is asked."""

    def __init__(self, loader, pid, port, request, expected):
        self.loader, self.pid, self.port = loader, pid, port
        self.request, self.expected = request, expected

    def load(self, requests, depth=1, rate=0):
        """The figures of bench/load, and cpu_us: the server's processor time for a request."""
        before = cpu_seconds(self.pid)
        done = subprocess.run(
            ["taskset", "-c", LOAD_CORE, str(self.loader), str(self.port), self.request,
             self.expected, "--connections", str(CONNECTIONS), "--depth", str(depth),
             "--requests", str(requests), "--rate", str(rate)],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(done.stderr)
        figures = json.loads(done.stdout)
        figures["cpu_us"] = (cpu_seconds(self.pid) - before) * 1e6 / requests
        return figures


def rounds(targets, count, requests, depth):
    """Closed loops in turn.  Prints their figures and their ratios, the first beside the second."""
    name, peer = targets
    taken = {each: [] for each in targets}
    for number in range(count):
        # Who goes first changes, for the machine is not the same from minute to minute.
        for each in sorted(targets, reverse=number % 2 == 1):
            taken[each].append(targets[each].load(requests, depth))
        said = "  ".join(f"{each} {taken[each][-1]['per_second']:9.0f}/s"
                         f" {taken[each][-1]['cpu_us']:5.2f} us" for each in targets)
        print(f"pipeline {depth:2}: {said}  ratio {_ratios(taken, name, peer)[-1]:.2f}", flush=True)
    ratios = _ratios(taken, name, peer)
    cpu = [theirs["cpu_us"] / ours["cpu_us"] for ours, theirs in zip(taken[name], taken[peer])]
    print(f"pipeline {depth:2}: ratio {spread(ratios)}; by processor time a request {spread(cpu)}",
          flush=True)


def spread(figures):
    """The median, and between what the middle half of them lie."""
    low, middle, high = statistics.quantiles(figures, n=4, method="inclusive")
    return f"{middle:.2f} [{low:.2f} to {high:.2f}]"


def _ratios(taken, name, peer):
    return [ours["per_second"] / theirs["per_second"]
            for ours, theirs in zip(taken[name], taken[peer])]
