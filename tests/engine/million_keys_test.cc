// After a million distinct keys nothing is left of them but what the memory tier is allowed to
// keep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "headrace/cache.h"
#include "kit/world.h"

namespace headrace {
namespace {

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}

TEST(MillionKeys, NoStatePerKeyIsLeft) {
  constexpr std::size_t budget = 8 << 20;
  kit::World world;
  Engine engine({.bytes_max = budget}, {world, world, world});
  auto cache = Cache<std::string>::open(engine, {.name = "users", .tags = {"user:{entity}"}});
  ASSERT_TRUE(cache.has_value());
  auto fetch = [](Fetch) { return Found(std::string(100, 'v')); };
  const std::size_t before = resident_bytes();
  for (int i = 0; i < 1'000'000; ++i) {
    const auto lookup = cache->get_or_fetch("user:" + std::to_string(i), fetch);
    if (i % 1000 == 0) world.run();
  }
  world.advance(std::chrono::seconds(1));  // What was dropped is freed soon after.
  const std::size_t grown = resident_bytes() - before;
  const EngineStats stats = engine.stats();
  std::printf(
      "after 1,000,000 distinct keys: the process has grown by %.1f MiB, of which memory may "
      "keep %.1f MiB; %lu entries, %lu flights, %lu waiters, %lu tags\n",
      static_cast<double>(grown) / (1 << 20), static_cast<double>(budget) / (1 << 20),
      stats.memory.entries, stats.flights, stats.waiters, stats.tags_known);
  EXPECT_LE(stats.memory.bytes, budget);
  EXPECT_EQ(stats.flights, 0u);
  EXPECT_EQ(stats.waiters, 0u);
  EXPECT_LE(stats.tags_known, stats.memory.entries);
#ifndef HEADRACE_SANITIZED  // A sanitizer keeps shadows and freed memory of its own.
  EXPECT_LE(grown, 4 * budget);
#endif
  EXPECT_THAT(engine.audit(), testing::IsEmpty());
  start(engine.close());
}

}  // namespace
}  // namespace headrace
