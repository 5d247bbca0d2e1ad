// What is remembered of invalidations, for a store that may forget them.
#include "cache/ring.h"

#include <gtest/gtest.h>

#include "cache/policy_state.h"

namespace headrace {
namespace {

using std::chrono::seconds;

constexpr Token first{1, 1};
constexpr Token second{2, 2};
constexpr Instant start{seconds(1000)};

class RingTest : public testing::Test {
 protected:
  static Orders key(std::uint64_t number) {
    Orders orders;
    orders.keys.push_back({.words = {1, 1, number, number}});
    return orders;
  }
  std::size_t owed(Token incarnation, Instant now = start) {
    return ring.owed(incarnation, 100, now).orders.size();
  }
  Ring ring{{.remembers_for = seconds(10), .names_max = 4}};
};

TEST_F(RingTest, WhatAnIncarnationHasAcknowledgedItIsNotOwed) {
  ring.push(key(1), first, start);
  EXPECT_EQ(owed(first), 0u);
  EXPECT_EQ(owed(second), 1u);
}

TEST_F(RingTest, WhatWasReplayedIsOwedNoMore) {
  ring.push(key(1), first, start);
  ring.push(key(2), second, start);
  const Ring::Owed once = ring.owed(second, 100, start);
  EXPECT_EQ(once.orders.keys, key(1).keys);
  ring.push(key(3), first, start);  // Comes while the others are on their way.
  ring.acknowledged(once, second);
  EXPECT_EQ(ring.owed(second, 100, start).orders.keys, key(3).keys);
  EXPECT_EQ(owed(first), 2u);  // Should that one come back.
}

TEST_F(RingTest, ItIsReplayedInPieces) {
  for (std::uint64_t i = 1; i <= 4; ++i) ring.push(key(i), first, start);
  for (int piece = 0; piece < 2; ++piece) {
    const Ring::Owed some = ring.owed(second, 2, start);
    EXPECT_EQ(some.orders.size(), 2u);
    ring.acknowledged(some, second);
  }
  EXPECT_EQ(owed(second), 0u);
}

TEST_F(RingTest, OneThatIsLargerThanAPieceGoesAlone) {
  Orders large = key(1);
  large.keys.push_back(key(2).keys[0]);
  large.watermarks.push_back(WatermarkId::of("tag:a"));
  ring.push(large, first, start);
  ring.push(key(3), first, start);
  EXPECT_EQ(ring.owed(second, 1, start).orders.size(), 3u);
}

TEST_F(RingTest, AfterItsTimeItIsForgotten) {
  ring.push(key(1), first, start);
  EXPECT_FALSE(ring.is_empty(start + seconds(10) - Duration(1)));
  EXPECT_TRUE(ring.is_empty(start + seconds(10)));
  EXPECT_EQ(owed(second, start + seconds(10)), 0u);
}

TEST_F(RingTest, IfSomethingYoungHadToGoEverythingIsOwed) {
  for (std::uint64_t i = 1; i <= 5; ++i) ring.push(key(i), first, start);
  const Ring::Owed all = ring.owed(second, 100, start);
  EXPECT_TRUE(all.everything);
  ASSERT_EQ(all.orders.watermarks.size(), 1u);
  EXPECT_EQ(all.orders.watermarks[0], WatermarkId::of(cache_watermark));
  ring.acknowledged(all, second);
  EXPECT_EQ(owed(second), 0u);                            // That covers what was there.
  EXPECT_TRUE(ring.owed({3, 3}, 100, start).everything);  // Of a third it is owed again ...
  EXPECT_FALSE(ring.owed({3, 3}, 100, start + seconds(10)).everything);  // ... for that time.
}

}  // namespace
}  // namespace headrace
