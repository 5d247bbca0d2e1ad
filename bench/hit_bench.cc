// What a memory hit through get_or_fetch costs, beside a look-up of the same string keys in a
// std::unordered_map behind a std::shared_mutex, in one run: 24-byte keys, 100-byte values, Zipf
// 0.99. The column `allocations` counts calls of operator new per read.
#include <benchmark/benchmark.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "headrace/cache.h"
#include "headrace/runtime.h"
#include "zipf.h"

namespace {

thread_local std::uint64_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace headrace::bench {
namespace {

constexpr std::size_t draws = 1 << 20;

std::string key_of(std::size_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "user:%019zu", i * 2654435761u);
  return text;  // 24 bytes.
}

struct Keys {
  explicit Keys(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) all.push_back(key_of(i));
    for (std::size_t t = 0; t < 2; ++t) order[t] = zipf(count, draws, 0.99, t + 1);
  }
  std::vector<std::string> all;
  std::vector<std::uint32_t> order[2];
};

const Keys& keys(std::size_t count) {
  static const Keys tiny(1 << 10);
  static const Keys small(64 << 10);
  static const Keys large(1'000'000);
  if (count == tiny.all.size()) return tiny;
  return count == small.all.size() ? small : large;
}

Runtime& runtime() {
  static Runtime instance(Runtime::Options{.threads = 1});
  return instance;
}

struct Warm {
  explicit Warm(const Keys& keys)
      : engine({.bytes_max = std::size_t{2} << 30}, {runtime(), runtime(), runtime()}),
        cache(*Cache<std::string>::open(
            engine, {.name = "bench", .fresh_for = std::chrono::hours(24), .jitter = 0})) {
    for (const std::string& key : keys.all) {
      auto lookup = cache.get_or_fetch(key, [](Fetch) { return Found(std::string(100, 'v')); });
      if (!lookup.await_ready()) lookup.await_suspend(std::noop_coroutine());
    }
  }
  Engine engine;
  Cache<std::string> cache;
};

// Made by the first thread that comes.
Cache<std::string>& warm(std::size_t count) {
  static std::mutex making;
  const std::scoped_lock lock(making);
  static std::map<std::size_t, Warm> all;
  return all.try_emplace(count, keys(count)).first->second.cache;
}

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view key) const noexcept {
    return std::hash<std::string_view>{}(key);
  }
};

struct LockedMap {
  explicit LockedMap(const Keys& keys) {
    for (const std::string& key : keys.all) {
      map.emplace(key, std::make_shared<const std::string>(100, 'v'));
    }
  }
  std::shared_mutex mutex;
  std::unordered_map<std::string, std::shared_ptr<const std::string>, Hash, std::equal_to<>> map;
};

LockedMap& locked_map(std::size_t count) {
  static std::mutex making;
  const std::scoped_lock lock(making);
  static std::map<std::size_t, LockedMap> all;
  return all.try_emplace(count, keys(count)).first->second;
}

template <class Read>
void run(benchmark::State& state, Read read) {
  const auto& all = keys(static_cast<std::size_t>(state.range(0))).all;
  const auto& order =
      keys(static_cast<std::size_t>(state.range(0))).order[state.thread_index() & 1];
  std::size_t at = 0;
  std::uint64_t sum = 0;
  std::uint64_t before = 0;
  for (auto _ : state) {
    if (at == 0 && sum == 0) before = allocations;  // The first turn: the loop itself is set up.
    sum += read(all[order[at]]);
    at = (at + 1) & (draws - 1);
  }
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
  state.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations - before),
                                                     benchmark::Counter::kAvgIterations);
}

void headrace_hit(benchmark::State& state) {
  Cache<std::string>& cache = warm(static_cast<std::size_t>(state.range(0)));
  run(state, [&](const std::string& key) {
    auto lookup = cache.get_or_fetch(key, [](Fetch) { return Found(std::string()); });
    if (!lookup.await_ready()) std::abort();
    return static_cast<std::uint64_t>((*lookup.await_resume())->front());
  });
}

void shared_mutex_map(benchmark::State& state) {
  LockedMap& peer = locked_map(static_cast<std::size_t>(state.range(0)));
  run(state, [&](const std::string& key) {
    std::shared_ptr<const std::string> value;
    {
      const std::shared_lock lock(peer.mutex);
      value = peer.map.find(std::string_view(key))->second;
    }
    return static_cast<std::uint64_t>(value->front());
  });
}

BENCHMARK(headrace_hit)
    ->Arg(1 << 10)
    ->Arg(64 << 10)
    ->Arg(1'000'000)
    ->ThreadRange(1, 2)
    ->UseRealTime();
BENCHMARK(shared_mutex_map)
    ->Arg(1 << 10)
    ->Arg(64 << 10)
    ->Arg(1'000'000)
    ->ThreadRange(1, 2)
    ->UseRealTime();

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
