"""Memory hits: Headrace, maps behind locks, and Caffeine, in rounds, on one thread and on two."""

import json

import runs

KEYS = 1_000_000
THREADS = (1, 2)
# Name in the results, name of the benchmark in hit_bench.
NATIVE = {
    "headrace": "headrace_hit",
    "mutex_16": "mutex_map_16_shards",
    "mutex_64": "mutex_map_64_shards",
    "shared_mutex": "shared_mutex_map",
    "tbb": "tbb_concurrent_hash_map",
}
PEERS = (*NATIVE, "caffeine")


def native(name, threads, seconds):
    """Reads per second of one structure, in a process of its own."""
    wanted = f"^{NATIVE[name]}/{KEYS}/real_time/threads:{threads}$"
    said = runs.output([runs.built("bench/hit_bench"), f"--benchmark_filter={wanted}",
                        f"--benchmark_min_time={seconds}", "--benchmark_format=json"])
    if not said.strip():  # It matched nothing, which it takes for success.
        raise runs.Missing(f"hit_bench was built without {NATIVE[name]}")
    return json.loads(said)["benchmarks"][0]["items_per_second"]


class Caffeine:
    """The Maven project in bench/caffeine, built into the build folder."""

    def __init__(self):
        maven, self.java = runs.need("mvn", "maven"), runs.need("java", "default-jdk-headless")
        self.folder = runs.FOLDER / "caffeine"
        runs.output([maven, "-q", "-B", f"-Dheadrace.build={self.folder}", "package"],
                    cwd=runs.ROOT / "bench" / "caffeine")
        jars = sorted((self.folder / "libraries").glob("caffeine-*.jar"))
        self.version = jars[-1].stem.removeprefix("caffeine-")
        self.draws = [runs.FOLDER / f"draws{seed}.u32" for seed in (1, 2)]
        for seed, path in enumerate(self.draws, 1):
            runs.output([runs.built("bench/draws"), path, KEYS, seed])

    def measure(self, threads, seconds):
        results = runs.FOLDER / "jmh.json"
        runs.output(
            [self.java, f"-Dheadrace.draws={','.join(map(str, self.draws))}", "-cp",
             f"{self.folder}/caffeine-1.jar:{self.folder}/libraries/*", "org.openjdk.jmh.Main",
             "HitBench", "-bm", "thrpt", "-tu", "s", "-t", threads, "-f", 1, "-wi", 5, "-w",
             f"{max(1, seconds)}s", "-i", 3, "-r", f"{max(1, seconds)}s", "-rf", "json", "-rff",
             results])
        return json.loads(results.read_text())[0]["primaryMetric"]["score"]


def prepare(missing):
    """Name -> measure(threads, seconds) of everything that can run here."""
    peers = {name: (lambda threads, seconds, name=name: native(name, threads, seconds))
             for name in NATIVE}
    versions = {}
    try:
        caffeine = Caffeine()
        peers["caffeine"] = caffeine.measure
        versions["Caffeine"] = caffeine.version
    except runs.Missing as why:
        missing["caffeine"] = str(why)
    return peers, versions


def steps(rounds):
    return rounds * len(THREADS) * len(PEERS)


def measure(rounds, seconds, progress, missing):
    """{"rows": {name: {"1": [reads/s of each round], "2": [...]}}, "versions": {...}}"""
    peers, versions = prepare(missing)
    rows = {name: {str(threads): [] for threads in THREADS} for name in peers}
    for turn in range(rounds):
        for threads in THREADS:
            for name, run in peers.items():
                if name in missing:
                    continue
                progress.step(f"memory hit: {name}, {threads} thread(s), round {turn + 1}")
                try:
                    rows[name][str(threads)].append(run(threads, seconds))
                except runs.Missing as why:
                    if name == "headrace":
                        raise
                    missing[name] = str(why)
                    progress.note(str(why))
    return {"rows": {name: row for name, row in rows.items() if name not in missing},
            "versions": versions}
