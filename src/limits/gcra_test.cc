#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "headrace/rate.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr Gcra ten_a_second{.quota = 10, .window = 1s, .burst = 10};
constexpr RateTime start = 1000s;

TEST(GcraTest, ABurstPassesAndThenOneByOne) {
  RateTime paid{};
  for (std::uint64_t i = 0; i < 10; ++i) {
    const auto one = ten_a_second.spend(paid, 1, start);
    EXPECT_TRUE(one.allowed);
    EXPECT_EQ(one.remaining, 9 - i);
    EXPECT_EQ(one.reset, Duration(100ms) * static_cast<std::int64_t>(i + 1));
  }
  const auto refused = ten_a_second.spend(paid, 1, start);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0U);
  EXPECT_EQ(refused.retry_after, Duration(100ms));
  EXPECT_FALSE(ten_a_second.spend(paid, 1, start + 100ms - 1ns).allowed);
  EXPECT_TRUE(ten_a_second.spend(paid, 1, start + 100ms).allowed);
}

TEST(GcraTest, WhatIsRefusedCostsNothing) {
  RateTime paid{};
  (void)ten_a_second.spend(paid, 8, start);
  const RateTime before = paid;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(ten_a_second.spend(paid, 3, start).allowed);
  EXPECT_EQ(paid, before);
  EXPECT_TRUE(ten_a_second.spend(paid, 2, start).allowed);
}

TEST(GcraTest, ACostOfZeroOnlyLooks) {
  RateTime paid{};
  (void)ten_a_second.spend(paid, 10, start);
  const RateTime before = paid;
  const auto look = ten_a_second.spend(paid, 0, start + 250ms);
  EXPECT_TRUE(look.allowed);
  EXPECT_EQ(look.remaining, 2U);
  EXPECT_EQ(look.reset, Duration(750ms));
  EXPECT_EQ(paid, before);
}

TEST(GcraTest, ANegativeCostGivesBackAndNoMoreThanThereIs) {
  RateTime paid{};
  (void)ten_a_second.spend(paid, 10, start);
  EXPECT_EQ(ten_a_second.spend(paid, -3, start).remaining, 3U);
  EXPECT_EQ(ten_a_second.spend(paid, -1000, start).remaining, 10U);
  EXPECT_TRUE(ten_a_second.spend(paid, 10, start).allowed);
  EXPECT_FALSE(ten_a_second.spend(paid, 1, start).allowed);
}

TEST(GcraTest, MoreThanABurstNeverPassesUnlessItIsLent) {
  RateTime paid{};
  const auto refused = ten_a_second.spend(paid, 11, start);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, RateDecision::never);
  EXPECT_EQ(paid, RateTime{});
  Gcra lending = ten_a_second;
  lending.lends = true;
  EXPECT_TRUE(lending.spend(paid, 30, start).allowed);
  EXPECT_FALSE(lending.spend(paid, 1, start + 2s).allowed);  // It is still being paid off.
  EXPECT_TRUE(lending.spend(paid, 1, start + 2100ms).allowed);
  EXPECT_FALSE(lending.spend(paid, 30, start + 2200ms).allowed);  // Wants it unused.
}

TEST(GcraTest, HugeCostsDoNotWrap) {
  Gcra slow{.quota = 1, .window = Gcra::window_max, .burst = 1, .lends = true};
  ASSERT_TRUE(slow.is_sound());
  RateTime paid{};
  EXPECT_TRUE(slow.spend(paid, std::numeric_limits<std::int64_t>::max(), start).allowed);
  EXPECT_GT(paid, start);
  EXPECT_FALSE(slow.spend(paid, 1, start + Gcra::window_max).allowed);
  EXPECT_EQ(slow.spend(paid, std::numeric_limits<std::int64_t>::min(), start).remaining, 1U);
}

TEST(GcraTest, KnowsWhatIsSound) {
  EXPECT_TRUE(ten_a_second.is_sound());
  EXPECT_TRUE((Gcra{.quota = 3, .window = 1s, .burst = 1}).is_sound());
  EXPECT_FALSE((Gcra{.quota = 0, .window = 1s, .burst = 1}).is_sound());
  EXPECT_FALSE((Gcra{.quota = 1, .window = 1s, .burst = 0}).is_sound());
  EXPECT_FALSE((Gcra{.quota = 1, .window = 0s, .burst = 1}).is_sound());
  EXPECT_FALSE((Gcra{.quota = 1, .window = Gcra::window_max, .burst = 2}).is_sound());
}

// However requests come, no stretch of time sees more than a burst and what the quota brings in it;
// and who asks all the time gets all of that.
TEST(GcraTest, NeverMoreThanIsPermittedAndAllOfIt) {
  for (const std::uint64_t quota : {1U, 3U, 7U, 10U, 999U}) {
    for (const std::uint64_t burst : {1U, 4U, 10U}) {
      const Gcra rule{.quota = quota, .window = 1s, .burst = burst};
      std::mt19937_64 random(quota * 100 + burst);
      RateTime paid{};
      RateTime now = start;
      std::deque<RateTime> passed;
      for (int i = 0; i < 4000; ++i) {
        now += Duration(static_cast<std::int64_t>(random() % 20'000'000));
        if (rule.spend(paid, 1, now).allowed) passed.push_back(now);
      }
      for (std::size_t from = 0; from < passed.size(); from += 7) {
        for (std::size_t to = from; to < passed.size(); to += 13) {
          const double seconds = std::chrono::duration<double>(passed[to] - passed[from]).count();
          EXPECT_LE(static_cast<double>(to - from + 1),
                    static_cast<double>(burst) + seconds * static_cast<double>(quota) + 1e-6);
        }
      }
    }
  }
  RateTime paid{};
  std::uint64_t count = 0;
  for (RateTime now = start; now <= start + 60s; now += 1ms) {
    if (ten_a_second.spend(paid, 1, now).allowed) ++count;
  }
  EXPECT_EQ(count, 10U + 600U);
}

}  // namespace
}  // namespace headrace
