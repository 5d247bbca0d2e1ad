#include <gtest/gtest.h>

#include <random>

#include "headrace/rate.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr RateTime start = 1000s;  // Where a window begins.

TEST(FixedWindowTest, CountsFromBorderToBorder) {
  constexpr FixedWindow rule{.quota = 3, .window = 10s};
  WindowCount counted{};
  EXPECT_EQ(rule.spend(counted, 2, start + 4s).remaining, 1U);
  const auto refused = rule.spend(counted, 2, start + 4s);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, Duration(6s));
  EXPECT_EQ(refused.remaining, 1U);
  EXPECT_TRUE(rule.spend(counted, 1, start + 4s).allowed);
  EXPECT_FALSE(rule.spend(counted, 1, start + 10s - 1ns).allowed);
  EXPECT_EQ(rule.spend(counted, 3, start + 10s).remaining, 0U);
}

TEST(FixedWindowTest, LooksGivesBackAndKnowsWhatNeverPasses) {
  constexpr FixedWindow rule{.quota = 3, .window = 10s};
  WindowCount counted{};
  (void)rule.spend(counted, 3, start);
  const WindowCount before = counted;
  EXPECT_EQ(rule.spend(counted, 0, start + 1s).remaining, 0U);
  EXPECT_EQ(counted, before);
  EXPECT_EQ(rule.spend(counted, -1, start + 1s).remaining, 1U);
  EXPECT_EQ(rule.spend(counted, -100, start + 1s).remaining, 3U);
  EXPECT_EQ(rule.spend(counted, 4, start + 1s).retry_after, RateDecision::never);
}

TEST(FixedWindowTest, ACalendarThatStepsBackForgetsNothing) {
  constexpr FixedWindow rule{.quota = 3, .window = 10s};
  WindowCount counted{};
  (void)rule.spend(counted, 3, start + 10s);
  EXPECT_FALSE(rule.spend(counted, 1, start + 9s).allowed);
}

TEST(ElasticWindowTest, WeighsTheWindowBefore) {
  constexpr ElasticWindow rule{.quota = 10, .window = 10s};
  WindowCount counted{};
  EXPECT_EQ(rule.spend(counted, 10, start + 9s).remaining, 0U);
  // Half of it is more than a window ago.
  const auto half = rule.spend(counted, 0, start + 15s);
  EXPECT_EQ(half.remaining, 5U);
  EXPECT_FALSE(rule.spend(counted, 6, start + 15s).allowed);
  EXPECT_TRUE(rule.spend(counted, 5, start + 15s).allowed);
  EXPECT_EQ(rule.spend(counted, 0, start + 20s).remaining, 5U);
  EXPECT_EQ(rule.spend(counted, 0, start + 30s).remaining, 10U);
}

TEST(ElasticWindowTest, GivesBackFromThisWindowFirst) {
  constexpr ElasticWindow rule{.quota = 10, .window = 10s};
  WindowCount counted{};
  (void)rule.spend(counted, 4, start);
  (void)rule.spend(counted, 2, start + 10s);
  EXPECT_EQ(rule.spend(counted, -3, start + 10s).remaining, 7U);
  EXPECT_EQ(rule.spend(counted, -100, start + 10s).remaining, 10U);
}

// A refusal names the moment at which the cost passes: then it does, and 1 ns before it does not.
TEST(ElasticWindowTest, TheWaitIsExact) {
  constexpr ElasticWindow rule{.quota = 7, .window = 3s};
  std::mt19937_64 random(7);
  int refusals = 0;
  WindowCount counted{};
  RateTime now = start;
  for (int i = 0; i < 5000; ++i) {
    now += Duration(static_cast<std::int64_t>(random() % 400'000'000));
    const auto cost = static_cast<std::int64_t>(random() % 5 + 1);
    const WindowCount before = counted;
    const auto one = rule.spend(counted, cost, now);
    if (one.allowed) continue;
    ++refusals;
    EXPECT_EQ(counted, before);
    EXPECT_GT(one.retry_after, Duration(0));
    WindowCount early = counted;
    EXPECT_FALSE(rule.spend(early, cost, now + one.retry_after - 1ns).allowed);
    WindowCount due = counted;
    EXPECT_TRUE(rule.spend(due, cost, now + one.retry_after).allowed);
  }
  EXPECT_GT(refusals, 1000);
}

}  // namespace
}  // namespace headrace
