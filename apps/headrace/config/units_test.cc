#include "config/units.h"

#include <gtest/gtest.h>

namespace headrace::config {
namespace {

using namespace std::chrono_literals;

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h30m"), 90min);
  EXPECT_EQ(parse_duration("1d2h3m4s5ms6us7ns"), 24h + 2h + 3min + 4s + 5ms + 6us + 7ns);
  EXPECT_EQ(parse_duration("0"), 0ns);
  EXPECT_EQ(parse_duration("0s"), 0ns);
  EXPECT_EQ(parse_duration("9223372036854775807ns"), Duration::max());
}

TEST(Units, WhatIsNoDuration) {
  for (const std::string_view bad : {"",
                                     "5",
                                     "m",
                                     "5 m",
                                     " 5m",
                                     "5m ",
                                     "-5m",
                                     "+5m",
                                     "1.5s",
                                     "5x",
                                     "5M",
                                     "30m1h",
                                     "1h1h",
                                     "5m0",
                                     "1ms2",
                                     "9223372036854775808ns",
                                     "9223372036s9223372036ms",
                                     "99999999999999999999s",
                                     "107000d",
                                     "5ms..6ms"}) {
    EXPECT_FALSE(parse_duration(bad).has_value()) << bad;
  }
}

TEST(Units, Ranges) {
  EXPECT_EQ(parse_range("5ms..20ms"), std::pair(Duration(5ms), Duration(20ms)));
  EXPECT_EQ(parse_range("5ms"), std::pair(Duration(5ms), Duration(5ms)));
  for (const std::string_view bad :
       {"", "..", "5ms..", "..5ms", "20ms..5ms", "5ms...6ms", "5..6"}) {
    EXPECT_FALSE(parse_range(bad).has_value()) << bad;
  }
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_bytes("64MiB"), 64u << 20);
  EXPECT_EQ(parse_bytes("10kB"), 10'000u);
  EXPECT_EQ(parse_bytes("1B"), 1u);
  EXPECT_EQ(parse_bytes("2TiB"), 2ull << 40);
  EXPECT_EQ(parse_bytes("0"), 0u);
  for (const std::string_view bad : {"", "64", "MiB", "64 MiB", "64mib", "64Mib", "1.5MiB", "-1B",
                                     "1MiB1B", "8388608TiB", "99999999999999999999B"}) {
    EXPECT_FALSE(parse_bytes(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace headrace::config
