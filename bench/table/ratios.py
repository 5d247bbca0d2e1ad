"""Hit ratios on real traces, and with keys that live short, by the program hit_ratio."""

import json
import pathlib

import runs
import traces

# Sizes, in thousandths of a trace's different keys.
PERMILLE = (10, 100, 200, 400)
READS_MAX = 2_000_000  # Of a trace; what comes after is not played.


def lines(command):
    return [json.loads(line) for line in runs.output(command).splitlines()]


def steps(folder):
    folder = pathlib.Path(folder)
    found = folder.iterdir() if folder.is_dir() else ()
    return 1 + sum(1 for path in found if traces.name_and_format(path))


def measure(folder, progress):
    """{"points": [...], "lives": [...]}, each row as hit_ratio prints it, with its trace's name."""
    program = runs.built("bench/hit_ratio")
    plain = runs.FOLDER / f"traces-{READS_MAX}"
    points = []
    try:
        for name in traces.convert(folder, plain, READS_MAX):
            progress.step(f"hit ratio: {name}")
            file = plain / f"{name}.u64"
            for row in lines([program, "trace", file, READS_MAX, *PERMILLE]):
                points.append({"trace": name, **row})
    except traces.Unreadable as why:
        raise runs.Missing(str(why)) from why
    if not points:
        raise runs.Missing(f"{folder} holds no trace that can be read")
    progress.step("hit ratio: keys that live short")
    return {"points": points, "lives": lines([program, "lives"])}
