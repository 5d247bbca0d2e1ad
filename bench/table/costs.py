"""What entries cost in memory, what a tag's invalidation costs, and the small benches."""

import runs

MICRO = ("miss_bench", "invalidate_bench", "key_bench", "envelope_bench")
TAG_REFILLS = 4  # Of a million entries, each round.


def memory_steps(rounds):
    return 3 * rounds


def memory(rounds, seconds, progress, missing):
    """{"entries": [one object a round], "strings": [...], "resident": [...]}, of memory_cost."""
    del seconds, missing
    program = runs.built("bench/memory_cost")
    found = {"entries": [], "strings": [], "resident": []}
    for turn in range(rounds):
        for what, rows in found.items():
            progress.step(f"memory: {what}, round {turn + 1}")
            rows.append(runs.json_of([program, what]))
    return found


def tag_steps(rounds):
    return rounds


def tag(rounds, seconds, progress, missing):
    """{"rounds": [one object a round]}, as tag_cost prints them."""
    del seconds, missing
    found = []
    for turn in range(rounds):
        progress.step(f"tags: {TAG_REFILLS} times 1,000,000 entries, round {turn + 1}")
        found.append(runs.json_of([runs.built("bench/tag_cost"), TAG_REFILLS]))
    return {"rounds": found}


def micro_steps(rounds):
    return rounds * len(MICRO)


def micro(rounds, seconds, progress, missing):
    """{"rows": {benchmark: [ns of each round]}}"""
    del missing
    rows = {}
    for turn in range(rounds):
        for name in MICRO:
            progress.step(f"micro: {name}, round {turn + 1}")
            said = runs.json_of([runs.built(f"bench/{name}"), "--benchmark_format=json",
                                 f"--benchmark_min_time={min(1, seconds)}"])
            for row in said["benchmarks"]:
                label = row["name"].partition("/iterations:")[0]
                rows.setdefault(label, []).append(row["real_time"])
    return {"rows": rows}
