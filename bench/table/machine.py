"""What was measured on: the machine, the versions, and the state of the tree."""

import os
import pathlib
import platform
import re
import subprocess
import time

import runs

LOOK_SECONDS = 3


def _field(path, name):
    found = re.search(rf"^{name}\s*:\s*(.+)$", pathlib.Path(path).read_text(), re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def _said(*command):
    """The first line that a program prints, on whichever stream; "missing" if it is not there."""
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "missing"
    return ((ended.stdout.strip() or ended.stderr.strip()).splitlines() or ["unknown"])[0]


def machine():
    kibibytes = int(_field("/proc/meminfo", "MemTotal").split()[0])
    return {"processor": _field("/proc/cpuinfo", "model name"),
            "cores": len(runs.cores()),
            "memory": f"{kibibytes / (1 << 20):.0f} GiB",
            "kernel": f"{platform.system()} {platform.release()}"}


def versions():
    java = re.search(r'"([^"]+)"', _said("java", "-version"))
    tbb = _said("dpkg-query", "-W", "-f", "${Version}", "libtbb-dev")
    return {"compiler": _said("clang++-19", "--version"),
            "JDK": java.group(1) if java else "missing",
            "TBB": tbb if re.match(r"\d", tbb) else "missing",
            "Headrace": _said("git", "-C", str(runs.ROOT), "describe", "--always", "--dirty",
                              "--abbrev=10")}


def load():
    """How many cores others keep busy, while nothing of ours runs."""
    def busy_seconds():
        first = pathlib.Path("/proc/stat").read_text().splitlines()[0]
        times = [int(word) for word in first.split()[1:9]]
        idle, waiting = times[3:5]
        return (sum(times) - idle - waiting) / os.sysconf("SC_CLK_TCK")

    before, begin = busy_seconds(), time.monotonic()
    time.sleep(LOOK_SECONDS)
    return (busy_seconds() - before) / (time.monotonic() - begin)
