#include "headrace/meter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr Instant start{1000s};

TEST(MeterTest, WithoutRatesEverythingPasses) {
  Meter meter(Rates{});
  for (int i = 0; i < 1000; ++i) {
    const auto one = meter.spend(1000, start);
    EXPECT_TRUE(one.allowed);
    EXPECT_FALSE(one.is_limited);
  }
  EXPECT_EQ(meter.counts().spent, 1'000'000U);
}

TEST(MeterTest, TheTightestPolicyIsTold) {
  Meter meter({.burst = 10, .sustained = 12, .daily = 1000});
  auto one = meter.spend(4, start);
  EXPECT_EQ(Meter::windows[one.tightest].name, "burst");
  EXPECT_EQ(one.remaining, 6U);
  EXPECT_EQ(one.reset, Duration(400ms));
  one = meter.spend(6, start + 1s);
  EXPECT_EQ(Meter::windows[one.tightest].name, "sustained");
  EXPECT_EQ(one.remaining, 2U);
}

TEST(MeterTest, WhatOneRefusesCostsNothingInAny) {
  Meter meter({.burst = 10, .sustained = 12});
  (void)meter.spend(10, start);
  (void)meter.spend(2, start + 1s);
  for (int i = 0; i < 100; ++i) {
    const auto refused = meter.spend(1, start + 2s);
    EXPECT_FALSE(refused.allowed);
    EXPECT_EQ(Meter::windows[refused.tightest].name, "sustained");
    EXPECT_FALSE(refused.refused[0]);
    EXPECT_TRUE(refused.refused[1]);
    EXPECT_EQ(refused.retry_after, Duration(3s));
  }
  EXPECT_EQ(meter.counts().refused[1], 100U);
  EXPECT_EQ(meter.counts().limited, 100U);
  EXPECT_EQ(meter.counts().refused[0], 0U);
  meter.set({.burst = 10});
  EXPECT_EQ(meter.look(start + 2s).remaining, 10U);
}

TEST(MeterTest, SaysWhatItWouldAllowAndCountsNothing) {
  Meter meter({.burst = 10, .sustained = 12});
  (void)meter.spend(9, start);
  EXPECT_TRUE(meter.would_allow(1, start));
  EXPECT_FALSE(meter.would_allow(2, start));
  EXPECT_TRUE(meter.would_allow(1, start));
  EXPECT_EQ(meter.counts().spent, 9U);
  EXPECT_EQ(meter.counts().limited, 0U);
  EXPECT_TRUE(meter.spend(1, start).allowed);
}

TEST(MeterTest, GivesBackWhatWasSpentForNothing) {
  Meter meter({.burst = 10, .sustained = 20});
  (void)meter.spend(10, start);
  meter.give_back(10, start);
  EXPECT_TRUE(meter.spend(10, start).allowed);
  EXPECT_FALSE(meter.spend(1, start).allowed);
}

TEST(MeterTest, ACostAboveAQuotaIsPaidOff) {
  Meter meter({.burst = 10});
  EXPECT_TRUE(meter.spend(50, start).allowed);
  EXPECT_FALSE(meter.spend(1, start + 4s).allowed);
  EXPECT_TRUE(meter.spend(1, start + 4100ms).allowed);
}

TEST(MeterTest, NewRatesKeepWhatWasUsed) {
  Meter meter({.burst = 10});
  (void)meter.spend(10, start);
  meter.set({.burst = 100});
  EXPECT_FALSE(meter.spend(100, start).allowed);
  EXPECT_TRUE(meter.spend(100, start + 1s).allowed);
}

TEST(MeterTest, SharesNeverAddUpToMore) {
  const Rates rates{.burst = 10, .sustained = 2};
  EXPECT_EQ(rates.share_of(3), (Rates{.burst = 3, .sustained = 1}));
  EXPECT_EQ(rates.share_of(1), rates);
}

// Many threads at one moment: exactly the quota passes, and each refusal is whole.
TEST(MeterTest, ExactUnderContention) {
  constexpr std::uint64_t burst = 5000;
  Meter meter({.burst = burst, .sustained = burst / 2});
  std::atomic<std::uint64_t> passed{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 2000; ++k) {
        if (meter.spend(3, start).allowed) passed += 3;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(passed, burst / 2 / 3 * 3);
  EXPECT_EQ(meter.counts().spent, passed);
  meter.set({.burst = burst});
  EXPECT_EQ(meter.look(start).remaining, burst - passed);
}

// Two find the last of the second policy at once: who comes late gives back what it took of the
// first.  Each round is one such meeting.
TEST(MeterTest, WhoComesTooLateGivesBack) {
  constexpr int rounds = 20'000;
  std::vector<std::unique_ptr<Meter>> meters;
  for (int i = 0; i < rounds; ++i) {
    meters.push_back(std::make_unique<Meter>(Rates{.burst = 1000, .sustained = 1}));
  }
  std::atomic<int> passed{0};
  std::atomic<int> at{0};
  const auto spend_all = [&] {
    for (int i = 0; i < rounds; ++i) {
      ++at;  // Nobody begins a round before both are there.
      while (at < 2 * (i + 1)) std::this_thread::yield();
      if (meters[static_cast<std::size_t>(i)]->spend(1, start).allowed) ++passed;
    }
  };
  std::jthread other(spend_all);
  spend_all();
  other.join();
  EXPECT_EQ(passed, rounds);
  for (const auto& meter : meters) {
    meter->set({.burst = 1000});
    ASSERT_EQ(meter->look(start).remaining, 999U);
  }
}

}  // namespace
}  // namespace headrace
