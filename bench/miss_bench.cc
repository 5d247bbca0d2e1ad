// What a miss through get_or_fetch costs over its fetch, which answers at once: into a tier with
// room, and into a full one, where another entry has to go first.
#include <benchmark/benchmark.h>

#include <memory>
#include <optional>

#include "warm.h"

namespace headrace::bench {
namespace {

constexpr std::size_t loads = 400'000;

void miss_kept(benchmark::State& state) {
  const Keys& all = keys(loads);
  std::optional<Warm> warm(std::in_place);
  std::size_t at = 0;
  for (auto _ : state) warm->load(all.all[at++]);
  require(warm->engine.stats().memory.entries == at, "a miss has kept nothing");
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(miss_kept)->Iterations(loads);

void miss_into_a_full_tier(benchmark::State& state) {
  const Keys& all = keys(loads);
  Warm warm(16 << 20);
  for (std::size_t i = 0; i < loads / 2; ++i) warm.load(all.all[i]);
  const std::uint64_t before = warm.engine.stats().memory.evicted_total;
  require(before > 0, "the tier is not full");
  std::size_t at = loads / 2;
  for (auto _ : state) warm.load(all.all[at++]);
  const std::uint64_t evicted = warm.engine.stats().memory.evicted_total - before;
  state.counters["evicted"] =
      benchmark::Counter(static_cast<double>(evicted), benchmark::Counter::kAvgIterations);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(miss_into_a_full_tier)->Iterations(loads / 2);

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
