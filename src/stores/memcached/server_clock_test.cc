// A server's clock that is really at some time, of which whole seconds are told, late.
#include "stores/memcached/server_clock.h"

#include <gtest/gtest.h>

#include <random>

namespace headrace::memcached {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant start{hours(100)};

ServerTime at(Duration since) {
  return ServerTime(since);
}

TEST(ServerClock, AReadingGivesTwoBounds) {
  const ServerClock clock(start, start + milliseconds(100), 1000);
  const Instant received = start + milliseconds(100);
  EXPECT_EQ(clock.earliest(received), at(seconds(1000)));
  EXPECT_LE(clock.latest(received), at(seconds(1000) + clock_lag_max + milliseconds(101)));
  EXPECT_GE(clock.latest(received), at(seconds(1000) + clock_lag_max + milliseconds(100)));
  EXPECT_GE(clock.earliest(received + seconds(10)), at(seconds(1009)));
  EXPECT_LT(clock.earliest(received - seconds(10)), at(seconds(990)));
}

// Whatever the way takes, however late the server tells its seconds, and wherever they begin: what
// it really is lies between the bounds, and these are not far apart.
TEST(ServerClock, WhatItReallyIsLiesBetweenTheBounds) {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    std::mt19937_64 random(seed);
    const auto up_to = [&](Duration most) {
      return Duration(
          static_cast<Duration::rep>(random() % static_cast<unsigned long>(most.count())));
    };
    const Duration offset = seconds(1'700'000'000) + up_to(seconds(5));
    const double rate = 1 + (static_cast<double>(random() % 1800) - 900) * 1e-6;
    const auto real = [&](Instant local) {
      const auto passed = static_cast<double>((local - start).count()) * rate;
      return at(offset + Duration(static_cast<Duration::rep>(passed)));
    };
    const auto told = [&](Instant local) {
      const Duration lag = up_to(clock_lag_max - seconds(1));
      return std::chrono::floor<seconds>((real(local) - lag).time_since_epoch()).count();
    };
    Instant now = start;
    ServerClock clock(now, now + milliseconds(1), told(now));
    for (int i = 0; i < 200; ++i) {
      now += up_to(seconds(30));
      const Instant sent = now;
      const Duration there = up_to(milliseconds(300));
      const Instant received = sent + there + up_to(milliseconds(300));
      ASSERT_TRUE(clock.observe(sent, received, told(sent + there)));
      now = received;
      ASSERT_LE(clock.earliest(now), real(now)) << seed;
      ASSERT_GE(clock.latest(now), real(now)) << seed;
      ASSERT_LE(clock.latest(now) - clock.earliest(now), clock_lag_max + seconds(3)) << seed;
      const Instant before = now - up_to(seconds(60));
      ASSERT_LE(clock.earliest(before), real(before)) << seed;
      ASSERT_GE(clock.latest(before), real(before)) << seed;
    }
  }
}

TEST(ServerClock, WhatIsFarBehindIsNotBelievedUntilItStays) {
  ServerClock clock(start, start, 1000);
  Instant now = start + seconds(60);
  EXPECT_FALSE(clock.observe(now, now, 1002)) << "a minute has passed";
  EXPECT_GE(clock.latest(now), at(seconds(1060))) << "and it still has";
  now += seconds(1);
  EXPECT_TRUE(clock.observe(now, now, 1061)) << "it goes on";
  now += seconds(1);
  EXPECT_FALSE(clock.observe(now, now, 1010));
  now += seconds(4);
  EXPECT_FALSE(clock.observe(now, now, 1014));
  now += seconds(1);
  EXPECT_TRUE(clock.observe(now, now, 1015)) << "it has been suspended";
  EXPECT_EQ(clock.earliest(now), at(seconds(1015)));
  EXPECT_EQ(clock.latest(now), at(seconds(1015) + clock_lag_max));
}

TEST(ServerClock, OneThatIsAheadIsBelieved) {
  ServerClock clock(start, start, 1000);
  const Instant now = start + seconds(1);
  EXPECT_TRUE(clock.observe(now, now, 2000));
  EXPECT_EQ(clock.earliest(now), at(seconds(2000)));
  EXPECT_GE(clock.latest(now), at(seconds(2000)));
}

}  // namespace
}  // namespace headrace::memcached
