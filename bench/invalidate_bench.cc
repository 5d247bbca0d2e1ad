// What an invalidation costs: of a key that memory holds, and of a tag that one or a million
// entries carry.  tag_cost.cc times the first invalidation of a tag after its entries were kept.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>

#include "warm.h"

namespace headrace::bench {
namespace {

constexpr std::size_t held = 200'000;

void invalidate_key(benchmark::State& state) {
  const Keys& all = keys(held);
  Warm warm;
  warm.load_all(all);
  std::size_t at = 0;
  for (auto _ : state) {
    const auto done = wait(warm.cache.invalidate(all.all[at++]));
    require(done.has_value() && *done == Held::everywhere, "an invalidation has failed");
  }
  require(warm.engine.stats().memory.entries == held - at, "an invalidated entry is still there");
}
BENCHMARK(invalidate_key)->Iterations(held);

void invalidate_tag(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Policy policy = plain_policy();
  policy.tags = {"all"};
  Warm warm(Warm::roomy, std::move(policy));
  for (std::size_t i = 0; i < count; ++i) warm.load(KeyText(i));
  for (auto _ : state) {
    Invalidation what;
    what.tags.emplace_back("all");
    const auto done = wait(warm.engine.invalidate(std::move(what)));
    require(done.has_value() && *done == Held::everywhere, "an invalidation has failed");
  }
  require(!warm.cache.peek(KeyText(0)), "an entry is answered after its tag was invalidated");
}
BENCHMARK(invalidate_tag)->Arg(1)->Arg(1'000'000);

}  // namespace
}  // namespace headrace::bench

BENCHMARK_MAIN();
