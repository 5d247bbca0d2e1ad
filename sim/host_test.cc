#include "sim/host.h"

#include <gtest/gtest.h>

#include "sim/link.h"

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HostTest : public testing::Test {
 protected:
  void run(Duration time) {
    const Instant end = timeline.now() + time;
    while (timeline.step(end)) {
    }
  }
  static void call(Link& link, int& applied, std::optional<bool>& answered) {
    auto task = link.call<int>([&applied] { return Result<int>(++applied); });
    start(std::move(task),
          [&answered](const Result<int>& result) { answered = result.has_value(); });
  }
  Timeline timeline{1};
  Host host{timeline, 1, 7, {}};
};

TEST_F(HostTest, ATimerFiresAtItsTimeOnTheHostsClock) {
  Host fast(timeline, 2, 7, {.drift_ppm = 2000});
  const Instant due = fast.now() + seconds(10);
  std::optional<Instant> fired;
  fast.post_at(due, [&] { fired = fast.now(); });
  run(seconds(9));
  EXPECT_FALSE(fired);
  run(seconds(1));
  ASSERT_TRUE(fired);
  EXPECT_GE(*fired, due);
  EXPECT_LT(*fired, due + milliseconds(1));
}

TEST_F(HostTest, AHostThatStandsStillRunsNothingAndItsClockGoesOn) {
  int ran = 0;
  host.post_at(host.now() + seconds(1), [&] { ++ran; });
  const Instant before = host.now();
  host.stand_still(false);
  run(seconds(5));
  EXPECT_EQ(ran, 0);
  EXPECT_EQ(host.now(), before + seconds(5));
  host.go_on();
  run(Duration::zero());
  EXPECT_EQ(ran, 1);
}

TEST_F(HostTest, AFrozenGuestsClockStandsStillAndItsTimersWaitOn) {
  std::optional<Instant> fired;
  const Instant due = host.now() + seconds(2);
  host.post_at(due, [&] { fired = timeline.now(); });
  const Instant before = host.now();
  host.stand_still(true);
  run(seconds(5));
  EXPECT_EQ(host.now(), before);
  host.go_on();
  const Instant went_on = timeline.now();
  run(seconds(1));
  EXPECT_FALSE(fired);
  run(seconds(2));
  ASSERT_TRUE(fired);
  EXPECT_GE(*fired, went_on + seconds(2));
}

TEST_F(HostTest, ACancelledTimerDoesNotFire) {
  int ran = 0;
  const auto timer = host.post_at(host.now() + seconds(1), [&] { ++ran; });
  EXPECT_TRUE(host.cancel(timer));
  EXPECT_FALSE(host.cancel(timer));
  run(seconds(2));
  EXPECT_EQ(ran, 0);
}

TEST_F(HostTest, WhatADeadHostWaitedForFailsInItsAfterlifeAndNothingOfItArrives) {
  Weather weather{.give_up_after = seconds(10)};
  Link link(timeline, host, weather, Code::store_unavailable, 1);
  int applied = 0;
  std::optional<bool> answered;
  call(link, applied, answered);
  host.die();
  EXPECT_TRUE(host.live_on_until([&] { return answered.has_value(); }));
  EXPECT_FALSE(*answered);
  std::optional<bool> later;
  call(link, applied, later);
  EXPECT_EQ(later, false);
  run(seconds(20));
  EXPECT_EQ(applied, 1);  // The first was on its way already.
}

TEST_F(HostTest, AnAfterlifeThatNeverEndsIsSeen) {
  host.die();
  EXPECT_FALSE(host.live_on_until([] { return false; }));
}

TEST_F(HostTest, ACallThatIsLateIsGivenUpAndAppliedAllTheSame) {
  Weather weather{.late_percent = 100, .give_up_after = milliseconds(100)};
  Link link(timeline, host, weather, Code::store_unavailable, 1);
  int applied = 0;
  std::optional<bool> answered;
  call(link, applied, answered);
  run(milliseconds(100));
  EXPECT_EQ(answered, false);
  EXPECT_EQ(applied, 0);
  run(seconds(1));
  EXPECT_EQ(applied, 1);
}

}  // namespace
}  // namespace headrace::sim
