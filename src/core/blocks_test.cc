#include "core/blocks.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace headrace {
namespace {

TEST(Blocks, AreAlignedAndDoNotOverlap) {
  constexpr std::size_t size = 128, count = 10'000;  // Several chunks.
  Blocks blocks(size);
  std::vector<unsigned char*> taken;
  for (std::size_t i = 0; i < count; ++i) {
    taken.push_back(static_cast<unsigned char*>(blocks.take()));
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(taken.back()) % 64, 0u);
    std::memset(taken.back(), static_cast<int>(i % 251), size);
  }
  for (std::size_t i = 0; i < count; ++i) {
    ASSERT_EQ(taken[i][0], i % 251);
    ASSERT_EQ(taken[i][size - 1], i % 251);
  }
}

TEST(Blocks, UsesAgainWhatWasGivenBack) {
  Blocks blocks(64);
  std::set<void*> first;
  for (int i = 0; i < 1000; ++i) first.insert(blocks.take());
  for (void* block : first) blocks.give_back(block);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(first.contains(blocks.take()));
}

TEST(Blocks, ServesSeveralThreadsAtOnce) {
  Blocks blocks(64);
  const auto work = [&blocks] {
    for (std::size_t round = 0; round < 1000; ++round) {
      std::vector<std::size_t*> mine;
      for (std::size_t i = 0; i < 20; ++i) {
        mine.push_back(static_cast<std::size_t*>(blocks.take()));
        *mine.back() = reinterpret_cast<std::uintptr_t>(&mine) + i;
      }
      for (std::size_t i = 0; i < mine.size(); ++i) {
        ASSERT_EQ(*mine[i], reinterpret_cast<std::uintptr_t>(&mine) + i);
        blocks.give_back(mine[i]);
      }
    }
  };
  std::thread other(work);
  work();
  other.join();
}

}  // namespace
}  // namespace headrace
