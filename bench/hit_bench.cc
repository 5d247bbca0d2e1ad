// What a memory hit through get_or_fetch costs, beside look-ups of the same string keys in maps
// behind locks, in one run: 24-byte keys, values of 100 bytes in one piece, Zipf 0.99. The column
// `allocations` counts calls of operator new per read.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>

#include "peers.h"
#include "warm.h"

namespace {

// Volatile, for a compiler may take operator new to touch nothing that it can see.
thread_local volatile std::uint64_t allocations = 0;

}  // namespace

void* operator new(std::size_t size) {
  allocations = allocations + 1;
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

class Headrace {
 public:
  explicit Headrace(const Keys& keys) { warm_.load_all(keys); }
  [[nodiscard]] auto find(std::string_view key) const {
    auto lookup = warm_.cache.get_or_fetch(key, [](Fetch) { return Found(Flat()); });
    if (!lookup.await_ready()) std::abort();
    return *lookup.await_resume();
  }

 private:
  WarmOf<Flat> warm_;
};

// The one holder of this kind that is filled; made by the first thread that comes.
template <class Map>
Map& filled(std::size_t count) {
  static std::mutex making;
  const std::scoped_lock lock(making);
  runtime();  // Made before the engines that borrow it, so it ends after them.
  static std::map<std::size_t, Map> all;
  return all.try_emplace(count, keys(count)).first->second;
}

template <class Map>
void hit(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Map& map = filled<Map>(count);
  const auto& all = keys(count).all;
  const auto& order = keys(count).order[state.thread_index() & 1];
  std::size_t at = 0;
  std::uint64_t sum = 0;
  std::uint64_t before = 0;
  for (auto _ : state) {
    if (at == 0 && sum == 0) before = allocations;  // The first turn: the loop itself is set up.
    const auto found = map.find(all[order[at]]);
    sum += static_cast<std::uint64_t>(found->front());
    at = (at + 1) & (draws - 1);
  }
  const std::uint64_t made = allocations - before;
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
  state.counters["allocations"] =
      benchmark::Counter(static_cast<double>(made), benchmark::Counter::kAvgIterations);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Arg(1 << 10)->Arg(64 << 10)->Arg(1'000'000)->ThreadRange(1, 2)->UseRealTime();
}

BENCHMARK(hit<Headrace>)->Name("headrace_hit")->Apply(sizes);
BENCHMARK(hit<SharedMutexMap>)->Name("shared_mutex_map")->Apply(sizes);
BENCHMARK(hit<ShardedMap<16>>)->Name("mutex_map_16_shards")->Apply(sizes);
BENCHMARK(hit<ShardedMap<64>>)->Name("mutex_map_64_shards")->Apply(sizes);
#ifdef HEADRACE_BENCH_TBB
BENCHMARK(hit<TbbMap>)->Name("tbb_concurrent_hash_map")->Apply(sizes);
#endif

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
