// A memory hit allocates nothing: counted by the program's own operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "headrace/cache.h"
#include "kit/world.h"

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

namespace headrace {
namespace {

TEST(Allocation, AHitAllocatesNothing) {
  kit::World world;
  Engine engine({.bytes_max = 1 << 20}, {world, world, world});
  auto cache = Cache<std::string>::open(engine, {.name = "users"});
  ASSERT_TRUE(cache.has_value());
  auto fetch = [](Fetch) { return Found(std::string(100, 'v')); };
  {
    const auto miss = cache->get_or_fetch("user:0000000000000000042", fetch);
    world.run();
  }
  const std::uint64_t before = allocations;
  std::size_t sum = 0;
  for (int i = 0; i < 1000; ++i) {
    auto hit = cache->get_or_fetch("user:0000000000000000042", fetch);
    if (hit.await_ready()) sum += (*hit.await_resume())->size();
  }
  EXPECT_EQ(allocations - before, 0u);
  EXPECT_EQ(sum, 100000u);
  start(engine.close());
}

}  // namespace
}  // namespace headrace
