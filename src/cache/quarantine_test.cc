#include "cache/quarantine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace headrace {
namespace {

StoreKey key(const std::string& entity) {
  return store_key_of("t", "p", entity);
}
WatermarkId mark(const std::string& name) {
  return WatermarkId::of(name);
}

const StoreKey a = key("a"), b = key("b"), c = key("c");
const WatermarkId red = mark("tag:t/red"), blue = mark("tag:t/blue");

TEST(QuarantineTest, CoversNothingAtFirst) {
  const Quarantine quarantine(10);
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
  EXPECT_EQ(quarantine.size(), 0u);
}

TEST(QuarantineTest, CoversWhatIsHeldAndNothingElse) {
  Quarantine quarantine(10);
  const Orders orders{.keys = {a}, .watermarks = {red}};
  EXPECT_EQ(orders.size(), 2u);
  ASSERT_TRUE(quarantine.hold(orders));
  EXPECT_EQ(quarantine.size(), 2u);
  EXPECT_TRUE(quarantine.covers(a, {}));
  EXPECT_TRUE(quarantine.covers(a, std::vector{blue}));
  EXPECT_TRUE(quarantine.covers(b, std::vector{blue, red}));
  EXPECT_FALSE(quarantine.covers(b, {}));
  EXPECT_FALSE(quarantine.covers(b, std::vector{blue}));
  quarantine.release(orders, true);
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
  EXPECT_EQ(quarantine.size(), 0u);
}

TEST(QuarantineTest, TwoInvalidationsHoldUntilBothAreConfirmed) {
  Quarantine quarantine(10);
  const Orders first{.keys = {a}, .watermarks = {red}};
  const Orders second{.keys = {a, b}, .watermarks = {red}};
  ASSERT_TRUE(quarantine.hold(first));
  ASSERT_TRUE(quarantine.hold(second));
  EXPECT_EQ(quarantine.size(), 5u);
  quarantine.release(second, true);
  EXPECT_TRUE(quarantine.covers(a, {}));
  EXPECT_TRUE(quarantine.covers(c, std::vector{red}));
  EXPECT_FALSE(quarantine.covers(b, {}));
  quarantine.release(first, true);
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
  EXPECT_EQ(quarantine.size(), 0u);
}

TEST(QuarantineTest, OneKeyTwiceInOneOrderIsReleasedByOneRelease) {
  Quarantine quarantine(10);
  const Orders orders{.keys = {a, a}, .watermarks = {red, red}};
  ASSERT_TRUE(quarantine.hold(orders));
  quarantine.release(orders, true);
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
  ASSERT_TRUE(quarantine.hold({.keys = {b}}));  // Nothing of the first is left behind.
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
}

TEST(QuarantineTest, UpToItsLimitItHoldsOneByOne) {
  Quarantine quarantine(3);
  EXPECT_TRUE(quarantine.hold({.keys = {a, b}, .watermarks = {red}}));
  EXPECT_FALSE(quarantine.covers(c, std::vector{blue}));
}

TEST(QuarantineTest, PastItsLimitItCoversEverything) {
  Quarantine quarantine(3);
  const Orders fitting{.keys = {a}, .watermarks = {red}};
  const Orders spilling{.keys = {b}, .watermarks = {blue}};
  ASSERT_TRUE(quarantine.hold(fitting));
  ASSERT_FALSE(quarantine.hold(spilling));
  EXPECT_EQ(quarantine.size(), 4u);
  EXPECT_TRUE(quarantine.covers(c, {}));
  EXPECT_TRUE(quarantine.covers(b, std::vector{blue}));
  quarantine.release(spilling, false);
  EXPECT_EQ(quarantine.size(), 2u);
  EXPECT_FALSE(quarantine.covers(c, {}));
  EXPECT_FALSE(quarantine.covers(b, std::vector{blue}));
  EXPECT_TRUE(quarantine.covers(a, {}));  // Those that fitted are still held.
  EXPECT_TRUE(quarantine.covers(c, std::vector{red}));
}

TEST(QuarantineTest, EverythingIsCoveredUntilTheLastThatSpilled) {
  Quarantine quarantine(1);
  const Orders many{.keys = {a, b}};
  const Orders others{.watermarks = {red, blue}};
  ASSERT_FALSE(quarantine.hold(many));
  ASSERT_FALSE(quarantine.hold(others));
  quarantine.release(many, false);
  EXPECT_TRUE(quarantine.covers(c, {}));
  quarantine.release(others, false);
  EXPECT_FALSE(quarantine.covers(c, {}));
  EXPECT_TRUE(quarantine.hold({.keys = {c}}));  // What spilled took no room.
}

TEST(QuarantineTest, WhatFitsIsHeldOneByOneAlsoWhileEverythingIsCovered) {
  Quarantine quarantine(2);
  const Orders spilling{.keys = {a, b, c}};
  const Orders fitting{.keys = {a}};
  ASSERT_FALSE(quarantine.hold(spilling));
  ASSERT_TRUE(quarantine.hold(fitting));
  quarantine.release(spilling, false);
  EXPECT_TRUE(quarantine.covers(a, {}));
  EXPECT_FALSE(quarantine.covers(b, {}));
}

TEST(QuarantineTest, WithoutRoomItIsSafeAndSlow) {
  Quarantine quarantine(0);
  const Orders orders{.keys = {a}};
  ASSERT_FALSE(quarantine.hold(orders));
  EXPECT_TRUE(quarantine.covers(b, {}));
  quarantine.release(orders, false);
  EXPECT_FALSE(quarantine.covers(a, {}));
}

TEST(QuarantineTest, ThreadsHoldAndReleaseWithoutLosingCount) {
  Quarantine quarantine(6);  // Some fit and some do not.
  std::vector<std::thread> threads;
  std::atomic<int> uncovered{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&quarantine, &uncovered, t] {
      const Orders orders{.keys = {a, key(std::to_string(t))}, .watermarks = {red}};
      for (int i = 0; i < 2'000; ++i) {
        const bool one_by_one = quarantine.hold(orders);
        if (!quarantine.covers(orders.keys[1], {})) ++uncovered;
        if (!quarantine.covers(c, std::vector{red})) ++uncovered;
        quarantine.release(orders, one_by_one);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(uncovered, 0);
  EXPECT_EQ(quarantine.size(), 0u);
  EXPECT_FALSE(quarantine.covers(a, std::vector{red}));
}

}  // namespace
}  // namespace headrace
