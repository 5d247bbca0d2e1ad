#include "terminal.h"

#include <gtest/gtest.h>

namespace headrace::app {
namespace {

using namespace std::chrono_literals;

TEST(Terminal, WritesNumbersForPeople) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(short_bytes(999), "999 B");
  EXPECT_EQ(short_bytes(25'200'000), "25.2 MB");
}

TEST(Terminal, WritesTimesForPeople) {
  EXPECT_EQ(short_time(671ns), "671 ns");
  EXPECT_EQ(short_time(16'500us), "16.5 ms");
  EXPECT_EQ(short_time(1200ms), "1.2 s");
  EXPECT_EQ(short_time(300s), "300 s");
  EXPECT_EQ(short_time(15min), "15 min");
}

TEST(Terminal, PaintsOnlyWhereColoursAreWelcome) {
  EXPECT_EQ(painted("x", Colour::red, false), "x");
  EXPECT_EQ(painted("x", Colour::none, true), "x");
  EXPECT_EQ(painted("x", Colour::red, true), "\033[31mx\033[0m");
}

}  // namespace
}  // namespace headrace::app
