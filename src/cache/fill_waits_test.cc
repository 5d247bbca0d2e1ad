// How long a load waits for a lease that somebody else holds.
#include <algorithm>
#include <random>
#include <vector>

#include "cache/fill_fixture.h"

namespace headrace {
namespace {

using namespace fill_fixture;

// Waits for a lease that is always somebody else's; returns each pause.
std::vector<Duration> waits_of(std::uint64_t chance, Duration left, Purpose purpose = read) {
  Fill::Setup how = setup(purpose);
  how.chance = chance;
  Fill fill = begun(how);
  std::vector<Duration> waits;
  for (Step step = fill.asked(leased(left)); step.what == State::waiting && waits.size() < 10'000;
       step = fill.asked(leased(left))) {
    waits.push_back(step.pause);
    EXPECT_EQ(fill.waited().what, State::asking);
  }
  EXPECT_EQ(fill.state(), State::fetching);
  EXPECT_EQ(fill.reason(), Reason::leased);
  EXPECT_EQ(fill.fetched(true).what, State::landed);  // Nothing is published.
  EXPECT_TRUE(fill.may_keep());
  return waits;
}

Duration sum_of(const std::vector<Duration>& waits) {
  Duration sum{0};
  for (const Duration wait : waits) sum += wait;
  return sum;
}

TEST(LeaseWaitTest, EachIsBetweenHalfAndAllOfAPauseThatDoubles) {
  std::mt19937_64 random(1);
  for (int run = 0; run < 1'000; ++run) {
    const std::uint64_t chance = run == 0 ? 0 : run == 1 ? chance_max : random();
    const auto waits = waits_of(chance, seconds(10));
    Duration pause = Fill::lease_wait_min;
    for (std::size_t i = 0; i + 1 < waits.size(); ++i) {  // The last is cut by the total.
      ASSERT_GE(waits[i], pause / 2) << i;
      ASSERT_LE(waits[i], pause) << i;
      pause = std::min(pause * 2, Fill::lease_wait_max);
    }
    ASSERT_LE(waits.back(), pause);
    ASSERT_EQ(sum_of(waits), Fill::lease_waits_total_max);
  }
}

TEST(LeaseWaitTest, TheChanceSpreadsThem) {
  EXPECT_EQ(waits_of(0, seconds(10)).front(), Fill::lease_wait_min / 2);
  EXPECT_NEAR(static_cast<double>(waits_of(chance_max, seconds(10)).front().count()),
              static_cast<double>(Fill::lease_wait_min.count()), 1.0);
  EXPECT_EQ(waits_of(chance_max / 2 + 1, seconds(10)).front(), Fill::lease_wait_min * 3 / 4);
  EXPECT_EQ(waits_of(77, seconds(10)), waits_of(77, seconds(10)));
}

TEST(LeaseWaitTest, NoneIsLongerThanTheLeaseLasts) {
  const auto waits = waits_of(chance_max, milliseconds(30));
  EXPECT_LE(waits.front(), Fill::lease_wait_min);  // Shorter than the lease: as it is.
  for (std::size_t i = 1; i + 1 < waits.size(); ++i) ASSERT_EQ(waits[i], milliseconds(30)) << i;
  EXPECT_EQ(sum_of(waits), Fill::lease_waits_total_max);
}

TEST(LeaseWaitTest, AStoreThatSaysLittleIsLeftIsNotAskedWithoutEnd) {
  const auto waits = waits_of(0, milliseconds(1));
  EXPECT_EQ(waits.front(), Fill::lease_wait_shortest);
  EXPECT_LE(waits.size(), std::size_t(Fill::lease_waits_total_max / Fill::lease_wait_shortest));
}

TEST(LeaseWaitTest, AnotherLeaseIsWaitedForAnew) {
  Fill::Setup how = setup();
  how.present_waits_max = 3 * how.lease_waits_max;
  how.chance = chance_max;
  Fill fill = begun(how);
  Duration total{0};
  for (std::uint64_t i = 0;; ++i) {
    Saw saw = leased();
    saw.token = {.high = 9, .low = 1 + i / 5};  // Of five waits each.
    const Step step = fill.asked(saw);
    if (step.what != State::waiting) break;
    if (i % 5 == 0) EXPECT_LE(step.pause, Fill::lease_wait_min);
    total += step.pause;
    fill.waited();
  }
  EXPECT_EQ(total, how.present_waits_max);
}

TEST(LeaseWaitTest, WhoIsThereIsWaitedForLonger) {
  Fill::Setup how = setup();
  how.present_waits_max = 3 * how.lease_waits_max;
  Fill fill = begun(how);
  Saw saw = leased();
  saw.owner_is_present = true;
  Duration total{0};
  for (Step step = fill.asked(saw); step.what == State::waiting; step = fill.asked(saw)) {
    total += step.pause;
    fill.waited();
  }
  EXPECT_EQ(total, how.present_waits_max);
  EXPECT_EQ(fill.state(), State::fetching);
}

TEST(LeaseWaitTest, ARefreshWaitsToo) {
  EXPECT_EQ(sum_of(waits_of(1, seconds(10), refresh)), Fill::lease_waits_total_max);
}

TEST(LeaseWaitTest, TheTotalCountsOverAllWaitsWhateverComesBetween) {
  Fill fill = begun(setup());
  Duration total{0};
  int take_overs = 0;
  for (;;) {
    Step step = fill.asked(leased());
    if (step.what != State::waiting) break;
    total += step.pause;
    fill.waited();
    if (take_overs++ < Fill::take_overs_max) {
      ASSERT_EQ(fill.asked(holds(Verdict::damaged)).what, State::taking_over);
      fill.took_over(Published::refused);
    }
  }
  EXPECT_EQ(fill.state(), State::fetching);
  EXPECT_EQ(total, Fill::lease_waits_total_max);
}

TEST(LeaseWaitTest, WhatTheOtherFilledIsTheAnswer) {
  Fill fill = begun(setup());
  fill.asked(leased());
  fill.waited();
  EXPECT_EQ(fill.asked(holds(Verdict::fresh)).what, State::landed);
  EXPECT_EQ(fill.result(), Fill::Result::stored);
  EXPECT_EQ(fill.reason(), Reason::fresh);
}

}  // namespace
}  // namespace headrace
