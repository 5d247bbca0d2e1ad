#include "valkey/server.h"

#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ServerClock, IsBetweenItsBounds) {
  ServerClock clock;
  const Instant sent{seconds(100)};
  clock.sample(5'000'000, sent, sent + milliseconds(10));
  // It may have said so when it was asked, or just before that came back.
  const Instant now = sent + seconds(5);
  EXPECT_LE(clock.at_least(now), 5'000'000 + 4'990'000);
  EXPECT_GT(clock.at_least(now), 5'000'000 + 4'900'000);
  EXPECT_GE(clock.at_most(now), 5'000'000 + 5'000'000);
  EXPECT_LT(clock.at_most(now), 5'000'000 + 5'100'000);
}

TEST(ServerClock, HasToBeAskedAgain) {
  ServerClock clock;
  const Instant sent{seconds(100)};
  clock.sample(0, sent, sent);
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
