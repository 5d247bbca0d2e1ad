#include "valkey/server.h"

#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ServerClock, IsBetweenItsBounds) {
  ServerClock clock;
  const Instant sent{seconds(100)};
  EXPECT_TRUE(clock.sample(5'000'000, 5'000'020, sent, sent + milliseconds(10)));
  // It may have said so when it was asked, or just before that came back.
  const Instant now = sent + seconds(5);
  EXPECT_LE(clock.at_least(now), 5'000'000 + 4'990'000);
  EXPECT_GT(clock.at_least(now), 5'000'000 + 4'900'000);
  EXPECT_GE(clock.at_most(now), 5'000'000 + 5'000'000);
  EXPECT_LT(clock.at_most(now), 5'000'000 + 5'100'000);
}

// One bit of one of the two is another: it is noticed, or the bounds are as true as before.
TEST(ServerClock, WhatIsSpoiledOnItsWayMakesNoBoundUntrue) {
  const Instant sent{seconds(100)}, received = sent + milliseconds(10);
  constexpr std::int64_t first = 1'732'345'678'901'234, second = first + 20;
  int noticed = 0, taken = 0;
  for (const bool is_first : {true, false}) {
    const std::string sound = std::to_string(is_first ? first : second);
    for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
      std::string spoiled = sound;
      spoiled[bit / 8] = static_cast<char>(spoiled[bit / 8] ^ (1 << bit % 8));
      if (spoiled.find_first_not_of("0123456789") != std::string::npos) continue;
      ServerClock clock;
      const std::int64_t wrong = std::stoll(spoiled);
      if (!clock.sample(is_first ? wrong : first, is_first ? second : wrong, sent, received)) {
        ++noticed;
        continue;
      }
      ++taken;
      EXPECT_LE(clock.at_least(received), second) << spoiled;
      EXPECT_GE(clock.at_most(sent), first) << spoiled;
    }
  }
  EXPECT_GT(noticed, 50);
  EXPECT_GT(taken, 5);
}

TEST(ServerClock, HasToBeAskedAgain) {
  ServerClock clock;
  const Instant sent{seconds(100)};
  EXPECT_TRUE(clock.sample(0, 0, sent, sent));
  EXPECT_FALSE(clock.is_old(sent + ServerClock::old_after));
  EXPECT_TRUE(clock.is_old(sent + ServerClock::old_after + milliseconds(1)));
}

TEST(Info, AFieldIsFoundByItsWholeName) {
  const std::string_view info = "# Server\r\nrun_id2:b\r\nrun_id:a\r\nlast:c";
  EXPECT_EQ(info_field(info, "run_id"), "a");
  EXPECT_EQ(info_field(info, "last"), "c");
  EXPECT_EQ(info_field(info, "run"), "");
}

TEST(Info, AnIncarnationIsAProcessAndAHistory) {
  const auto token = [](std::string_view run, std::string_view history) {
    return *incarnation_of("run_id:" + std::string(run), "master_replid:" + std::string(history));
  };
  EXPECT_EQ(token("a", "b"), token("a", "b"));
  EXPECT_FALSE(token("a", "b") == token("a", "c"));
  EXPECT_FALSE(token("a", "b") == token("c", "b"));
  EXPECT_FALSE(incarnation_of("run_id:a", "").has_value());
}

}  // namespace
}  // namespace headrace::valkey
