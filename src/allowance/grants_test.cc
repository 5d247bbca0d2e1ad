// Grants grow old, in lots, and none too early.
#include "allowance/grants.h"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(GrantsTest, AreReportedOnceTheyAreOldEnough) {
  Grants grants(seconds(160));
  const Instant begin{};
  grants.add(3, begin);
  grants.add(4, begin + seconds(100));
  EXPECT_EQ(grants.total(), 7);
  EXPECT_EQ(grants.reported(begin + seconds(160) - Duration(1)), 0);
  EXPECT_EQ(grants.reported(begin + seconds(160)), 3);
  EXPECT_EQ(grants.reported(begin + seconds(260)), 7);
  grants.forget(7);
  EXPECT_EQ(grants.total(), 0);
}

TEST(GrantsTest, ALotIsAsOldAsItsLastGrant) {
  Grants grants(seconds(160));
  const Instant begin{};
  grants.add(1, begin);
  grants.add(1, begin + seconds(9));  // Of the same tenth of a minute or so.
  EXPECT_EQ(grants.reported(begin + seconds(168)), 0);
  EXPECT_EQ(grants.reported(begin + seconds(169)), 2);
}

// However many there are: what is reported was granted long enough ago, and is not far behind.
TEST(GrantsTest, AreNeverReportedTooEarlyAndLittleTooLate) {
  std::mt19937_64 random(1);
  const Duration within = seconds(16);
  Grants grants(within);
  std::vector<std::pair<Instant, Amount>> all;
  Instant now{};
  for (int i = 0; i < 20'000; ++i) {
    now += milliseconds(random() % 20);
    const auto amount = static_cast<Amount>(random() % 3);
    grants.add(amount, now);
    all.emplace_back(now, amount);
    if (i % 100 != 0) continue;
    Amount old = 0;
    Amount older = 0;
    for (const auto& [at, granted] : all) {
      if (at + within <= now) old += granted;
      if (at + within + within / Duration::rep(Grants::lots_max) <= now) older += granted;
    }
    EXPECT_LE(grants.reported(now), old);
    EXPECT_GE(grants.reported(now), older);
  }
}

}  // namespace
}  // namespace headrace
