#!/usr/bin/env python3
"""Measures Headrace beside its peers and writes docs/performance.md: `./dev bench --table`.

Raw results stand in build/bench/raw.json; parts that are not measured again keep theirs.
"""

import argparse
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True

import costs
import hits
import machine
import ratios
import report
import runs
import serving
import sharing

DOCUMENT = runs.ROOT / "docs" / "performance.md"
TRACES = runs.ROOT.parent / "shared" / "traces"

# Part -> (how many steps, what measures it).
PARTS = {
    "hit": (lambda told: hits.steps(told.rounds), hits.measure),
    "http": (lambda told: serving.steps(told.rounds), serving.measure),
    "ratio": (lambda told: ratios.steps(told.traces), None),
    "memory": (lambda told: costs.memory_steps(told.rounds), costs.memory),
    "tag": (lambda told: costs.tag_steps(told.rounds), costs.tag),
    "shared": (lambda told: sharing.steps(told.rounds), sharing.measure),
    "micro": (lambda told: costs.micro_steps(told.rounds), costs.micro),
}


def positive(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def part_list(text):
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in PARTS]
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"there is no part {', '.join(unknown) or repr(text)}; there are: {', '.join(PARTS)}")
    return names


def options(words):
    parser = argparse.ArgumentParser(prog="./dev bench --table", description=__doc__)
    parser.add_argument("--only", type=part_list, default=list(PARTS), metavar="PART,...",
                        help="measure these alone: " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=positive, default=5, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=positive, default=3, help="of one measurement (3)")
    parser.add_argument("--traces", type=pathlib.Path, default=TRACES, metavar="DIR",
                        help="real traces (default: ../shared/traces)")
    parser.add_argument("--document", type=pathlib.Path, default=DOCUMENT,
                        help="where the tables go")
    return parser.parse_args(words)


def measured(name, told, progress, missing):
    if name == "ratio":
        return ratios.measure(told.traces, progress)
    return PARTS[name][1](told.rounds, told.seconds, progress, missing)


def kept(path):
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


def shown_command(told):
    words = ["./dev bench --table"]
    if told.only != list(PARTS):
        words.append("--only " + ",".join(told.only))
    return " ".join(words + [f"--rounds {told.rounds}", f"--seconds {told.seconds}"])


def main(words):
    told = options(words)
    runs.FOLDER.mkdir(parents=True, exist_ok=True)
    path = runs.FOLDER / "raw.json"
    raw = kept(path)
    raw["machine"], raw["versions"] = machine.machine(), machine.versions()
    raw.setdefault("missing", {})
    progress = runs.Progress(sum(PARTS[name][0](told) for name in told.only))
    status = 0
    for name in told.only:
        run = {"headrace": raw["versions"]["Headrace"], "command": shown_command(told),
               "rounds": 1 if name == "ratio" else told.rounds, "load": machine.load(),
               "cores": raw["machine"]["cores"]}
        missing = {}
        try:
            raw[name] = {**measured(name, told, progress, missing), "run": run}
            raw["missing"].pop(name, None)
        except runs.Missing as why:
            missing[name] = str(why)
            raw.pop(name, None)
            status = 1
        if name == "hit":
            raw["missing"] = {k: v for k, v in raw["missing"].items() if k not in hits.PEERS}
        raw["missing"].update(missing)
        for part, why in missing.items():
            progress.note(f"not measured: {part}: {why}")
        path.write_text(json.dumps(raw, indent=1) + "\n")
    told.document.write_text(report.placed(told.document.read_text(), report.generated(raw)))
    print(report.goals_text(raw))
    progress.note(f"raw results in {os.path.relpath(path)}, tables in "
                  f"{os.path.relpath(told.document)}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
