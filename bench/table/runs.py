"""How every part of the table runs programs: with progress on standard error, and clear faults."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = ROOT / "build" / "release"
FOLDER = ROOT / "build" / "bench"  # Raw results and whatever is made for a measurement.
SECONDS_MAX = 1800  # The longest that one program may take.


class Missing(Exception):
    """A part cannot be measured here; the text says what it takes."""


class Progress:
    """One line on standard error for each step: how many there are, which, and since when."""

    def __init__(self, steps, out=None):
        self.steps, self.done, self.began = steps, 0, time.monotonic()
        self.out = out or sys.stderr

    def step(self, what):
        self.done += 1
        elapsed = int(time.monotonic() - self.began)
        print(f"[{self.done:3}/{self.steps}] {elapsed // 60:2}:{elapsed % 60:02}  {what}",
              file=self.out, flush=True)

    def note(self, what):
        print(f"          {what}", file=self.out, flush=True)


def need(program, package):
    found = shutil.which(program)
    if not found:
        raise Missing(f"{program} is missing; Debian's package {package} has it")
    return found


def built(path):
    program = RELEASE / path
    if not program.exists():
        raise Missing(f"build/release/{path} has not been built")
    return str(program)


def output(command, **options):
    """What a command prints; its own complaint if it fails."""
    words = [str(word) for word in command]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, check=False,
                               timeout=SECONDS_MAX, **options)
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{words[0]} has not ended within {SECONDS_MAX} s") from error
    if ended.returncode != 0:
        said = (ended.stderr.strip() or ended.stdout.strip() or "nothing")[-2000:]
        raise Missing(f"{' '.join(words)} ended with {ended.returncode}: {said}")
    return ended.stdout


def json_of(command, **options):
    return json.loads(output(command, **options))


def cores():
    """The cores that this process may use, lowest first."""
    return sorted(os.sched_getaffinity(0))
