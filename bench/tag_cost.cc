// Prints, as JSON, the time of the first invalidation of a tag after its entries were kept: of tags
// that 1,000,000 entries carry and of tags that one carries, in turn, in one engine that holds all
// of them.  Usage: tag_cost [ROUNDS]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "warm.h"

namespace headrace::bench {
namespace {

constexpr std::size_t many = 1'000'000;
constexpr std::size_t tags_each = 4;  // A refill gives this many measurements.

Policy tagged(const std::string& name) {
  Policy policy = plain_policy(name);
  for (std::size_t i = 0; i < tags_each; ++i) policy.tags.push_back(name + std::to_string(i));
  return policy;
}

double nanoseconds_to_invalidate(Engine& engine, std::string tag) {
  Invalidation what;
  what.tags.push_back(std::move(tag));
  const auto before = std::chrono::steady_clock::now();
  const auto done = wait(engine.invalidate(std::move(what)));
  const auto after = std::chrono::steady_clock::now();
  require(done.has_value() && *done == Held::everywhere, "an invalidation has failed");
  return std::chrono::duration<double, std::nano>(after - before).count();
}

void print(const char* name, const std::vector<double>& times, const char* end) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < times.size(); ++i) std::printf("%s%.0f", i ? ", " : "", times[i]);
  std::printf("]%s", end);
}

int run(int rounds) {
  Warm warm(Warm::roomy, tagged("many"));
  const auto lone = *Cache<std::string>::open(warm.engine, tagged("one"));
  const auto load_one = [&lone] {
    auto lookup = lone.get_or_fetch("lone", [](Fetch) { return Found(value()); });
    require(lookup.await_ready() || lone.peek("lone"), "the lone entry has not been kept");
  };
  std::vector<double> of_many;
  std::vector<double> of_one;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < many; ++i) warm.load(KeyText(i));
    load_one();
    require(warm.engine.stats().memory.entries == many + 1, "the tier does not hold all entries");
    for (std::size_t i = 0; i < tags_each; ++i) {
      // Who comes first finds colder caches, so they take turns.
      const bool many_first = (static_cast<std::size_t>(round) + i) % 2 == 0;
      for (const bool is_many : {many_first, !many_first}) {
        const std::string tag = (is_many ? "many" : "one") + std::to_string(i);
        (is_many ? of_many : of_one).push_back(nanoseconds_to_invalidate(warm.engine, tag));
      }
    }
    require(!warm.cache.peek(KeyText(0)) && !lone.peek("lone"), "an invalidated entry is answered");
  }
  std::printf("{\"entries\": %zu, ", many);
  print("many_ns", of_many, ", ");
  print("one_ns", of_one, "}\n");
  return 0;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  return headrace::bench::run(argc > 1 ? std::atoi(argv[1]) : 5);
}
