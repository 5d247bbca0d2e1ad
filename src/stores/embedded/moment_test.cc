#include "stores/embedded/moment.h"

#include <gtest/gtest.h>

#include <limits>

namespace headrace::embedded {
namespace {

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

Moment at(std::int64_t boot, std::int64_t instant, std::int64_t wall) {
  return {.boot = boot, .instant = instant, .wall = wall};
}

TEST(Moment, WithinABootTheMonotonicClockCounts) {
  EXPECT_EQ(elapsed(at(1, 100, 9000), at(1, 105, 10)), Duration(5));
  EXPECT_EQ(elapsed(at(1, 100, 0), at(1, 100, 0)), Duration(0));
  EXPECT_FALSE(elapsed(at(1, 100, 0), at(1, 99, 50)).has_value());
}

TEST(Moment, BetweenBootsTheCalendarCountsAndRoundsUp) {
  EXPECT_EQ(elapsed(at(1, 900, 1000), at(2, 5, 1007)), std::chrono::milliseconds(8));
  EXPECT_FALSE(elapsed(at(1, 5, 1000), at(2, 900, 999)).has_value());
}

TEST(Moment, DamagedNumbersAreNotBelieved) {
  EXPECT_FALSE(elapsed(at(1, least, 0), at(1, most, 0)).has_value());
  EXPECT_FALSE(elapsed(at(1, 0, least), at(2, 0, most)).has_value());
  EXPECT_FALSE(elapsed(at(1, 0, 0), at(2, 0, most)).has_value());
  EXPECT_EQ(elapsed(at(1, 0, 0), at(1, most, 0)), Duration::max());
}

TEST(Moment, TheSweepNeverComesEarly) {
  EXPECT_GE(expiry_wall(at(1, 0, 1000), Duration(1)), 1001);
  EXPECT_GE(expiry_wall(at(1, 0, 1000), std::chrono::seconds(1)), 2000);
  EXPECT_EQ(expiry_wall(at(1, 0, most), Duration::max()), most);
  EXPECT_GE(expiry_wall(at(1, 0, 1000), Duration::min()), 1000);
}

TEST(Moment, ThisBootStaysTheSame) {
  EXPECT_EQ(this_boot(), this_boot());
}

}  // namespace
}  // namespace headrace::embedded
