#include "cache/wakes.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

constexpr Token one{1, 11}, other{1, 12};

TEST(Wakes, ALeaseThatIsOverWakesAllWhoWaitForIt) {
  Wakes wakes;
  int woken = 0;
  (void)wakes.add(one, [&] { ++woken; });
  (void)wakes.add(one, [&] { ++woken; });
  (void)wakes.add(other, [&] { woken += 100; });
  wakes.wake(one);
  EXPECT_EQ(woken, 2);
  wakes.wake(one);
  EXPECT_EQ(woken, 2);
  wakes.wake(other);
  EXPECT_EQ(woken, 102);
  EXPECT_EQ(wakes.size(), 0u);
}

TEST(Wakes, WhoIsForgottenIsNotWoken) {
  Wakes wakes;
  int woken = 0;
  const Wakes::Id first = wakes.add(one, [&] { ++woken; });
  (void)wakes.add(one, [&] { woken += 100; });
  wakes.forget(one, first);
  wakes.forget(one, first);
  wakes.wake(one);
  EXPECT_EQ(woken, 100);
}

TEST(Wakes, WhoIsWokenMayWaitAgain) {
  Wakes wakes;
  (void)wakes.add(one, [&] { (void)wakes.add(one, [] {}); });
  wakes.wake(one);
  EXPECT_EQ(wakes.size(), 1u);
}

TEST(Wakes, WhatIsAwaitedIsToldOnce) {
  Wakes wakes;
  EXPECT_FALSE(wakes.take_awaited(one));
  EXPECT_TRUE(wakes.note_awaited(one));
  EXPECT_TRUE(wakes.note_awaited(one));
  EXPECT_FALSE(wakes.take_awaited(other));
  EXPECT_TRUE(wakes.take_awaited(one));
  EXPECT_FALSE(wakes.take_awaited(one));
}

TEST(Wakes, ThereIsALimitToWhatIsAwaited) {
  Wakes wakes;
  for (std::uint64_t i = 1; i <= Wakes::awaited_max; ++i) {
    ASSERT_TRUE(wakes.note_awaited({1, i}));
  }
  EXPECT_FALSE(wakes.note_awaited({1, Wakes::awaited_max + 1}));
  EXPECT_TRUE(wakes.note_awaited({1, 1}));
  EXPECT_TRUE(wakes.take_awaited({1, 1}));
  EXPECT_TRUE(wakes.note_awaited({1, Wakes::awaited_max + 1}));
}

}  // namespace
}  // namespace headrace
