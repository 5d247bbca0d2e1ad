// One instance and its own memory: which balances there are, what is granted of them, and when the
// source is asked.
#include "allowance/fixture.h"

namespace headrace {
namespace {

using kit::Fleet;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

class AllowancesTest : public Fleet {
 protected:
  Instance& alone(const AllowancePolicy& policy = plain()) { return add_alone(policy); }

  // For so long there is a spend each ten seconds; all is reported at once.
  void go_on_spending(Instance& one, Duration lasts) {
    for (Duration passed{0}; passed < lasts; passed += seconds(10)) {
      meter->report("1", spend(one, 1).granted, {});
      world.advance(seconds(10));
    }
  }
};

TEST_F(AllowancesTest, UnlimitedUnknownNothingAndSoMuchAreFourAnswers) {
  Instance& one = alone();
  meter->plans = {{"rich", "unlimited"}, {"poor", "0"}, {"1", "10"}, {"odd", "lots"}};
  EXPECT_EQ(spends(one, 3, "rich"), "3, unlimited");
  EXPECT_EQ(spends(one, 3, "poor"), "0, 0 left, shut");
  EXPECT_EQ(spends(one, 3), "3, 7 left");
  EXPECT_EQ(spends(one, 3, "odd"), "0, unknown, shut");
  EXPECT_EQ(spends(one, 3, "nobody"), "0, unknown, shut");
}

TEST_F(AllowancesTest, NoMoreIsGrantedThanIsLeftAndNeverLessThanNothing) {
  Instance& one = alone();
  meter->plans = {{"1", "10"}, {"over", "-5"}};
  EXPECT_EQ(spends(one, 0), "0, 10 left");
  EXPECT_EQ(spends(one, -4), "0, 10 left");
  EXPECT_EQ(spends(one, 8), "8, 2 left");
  EXPECT_EQ(spends(one, 8), "2, 0 left, shut");
  EXPECT_EQ(spends(one, 8), "0, 0 left, shut");
  EXPECT_EQ(spends(one, 8, "over"), "0, 0 left, shut");
}

TEST_F(AllowancesTest, MemoryAnswersWithoutWaitingOnceItKnows) {
  Instance& one = alone();
  meter->plans = {{"1", "10"}};
  EXPECT_FALSE(one.allowances->try_spend("1", 1).has_value()) << "nothing was read yet";
  world.run();  // What that has begun.
  EXPECT_EQ(meter->reads, 1u);
  EXPECT_EQ(text(*one.allowances->try_spend("1", 1)), "1, 9 left");
  EXPECT_EQ(meter->reads, 1u);
}

TEST_F(AllowancesTest, ItIsReadAgainAfterItsTimeBehindWhoeverSpends) {
  Instance& one = alone();
  meter->plans = {{"1", "1000"}};
  go_on_spending(one, minutes(15) - seconds(10));
  world.advance(seconds(9));
  EXPECT_EQ(meter->reads, 1u);
  meter->after = milliseconds(300);
  world.advance(seconds(1));
  const auto spent = one.allowances->try_spend("1", 1);
  ASSERT_TRUE(spent.has_value()) << "it does not wait for what is read";
  world.advance(seconds(1));
  EXPECT_EQ(meter->reads, 2u);
}

TEST_F(AllowancesTest, NobodyReadsWhatNobodySpends) {
  Instance& one = alone();
  meter->plans = {{"1", "1000"}};
  spend(one, 1);
  world.advance(hours(5));
  EXPECT_EQ(meter->reads, 1u);
}

TEST_F(AllowancesTest, WhatIsUsedUpIsReadSooner) {
  Instance& one = alone();
  meter->plans = {{"1", "5"}};
  spend(one, 5);
  meter->report("1", 5, {});
  go_on_spending(one, seconds(50));
  world.advance(seconds(9));
  EXPECT_EQ(meter->reads, 1u) << "no spend reads by itself";
  world.advance(seconds(1));
  EXPECT_EQ(meter->reads, 2u);
  meter->plans["1"] = "8";
  go_on_spending(one, minutes(2));
  EXPECT_EQ(meter->reported["1"], 8) << "what was bought is spent, though nobody signalled it";
}

TEST_F(AllowancesTest, WhatStaysUsedUpIsReadEverMoreSeldom) {
  Instance& one = alone();
  meter->plans = {{"1", "0"}};
  go_on_spending(one, hours(24));
  // At 1, 2, 4, 8 and then each 15 minutes.
  EXPECT_LE(meter->reads, 24u * 4 + 6);
  EXPECT_GE(meter->reads, 24u * 4);
}

TEST_F(AllowancesTest, WhatTheSourceMayNotKnowYetIsTakenOffWhatItSays) {
  Instance& one = alone();
  meter->plans = {{"1", "100"}};
  spend(one, 30);
  world.advance(minutes(1));
  invalidate(one, key());  // The application has not reported yet.
  EXPECT_EQ(spends(one, 0), "0, 70 left");
  meter->report("1", 30, {});
  invalidate(one, key());  // It is known twice, ...
  EXPECT_EQ(spends(one, 0), "0, 40 left");
  world.advance(minutes(1));
  spend(one, 0);
  invalidate(one, key());  // ... until it is old enough to be known.
  EXPECT_EQ(spends(one, 0), "0, 70 left");
}

TEST_F(AllowancesTest, WhatIsGrantedDuringAReadIsNotInIt) {
  Instance& one = alone();
  meter->plans = {{"1", "100"}};
  spend(one, 1);
  meter->report("1", 1, {});
  world.advance(minutes(5));
  meter->before = milliseconds(200);
  meter->after = milliseconds(200);
  invalidate(one, key());
  EXPECT_EQ(text(*one.allowances->try_spend("1", 50)), "50, 49 left");
  world.advance(seconds(1));
  EXPECT_EQ(spends(one, 0), "0, 49 left");
}

TEST_F(AllowancesTest, SpendsAndWhatTheyWereGrantedAreCounted) {
  Instance& one = alone();
  meter->plans = {{"1", "5"}};
  for (const Amount amount : {4, 4, 4, 0, -1}) spend(one, amount);
  EXPECT_EQ(one.allowances->stats().spends, 3u);
  EXPECT_EQ(one.allowances->stats().granted, 5u);
}

TEST_F(AllowancesTest, AfterAFailureItGoesOnWithWhatItKnowsAndTriesAgainEverMoreSeldom) {
  Instance& one = alone();
  meter->plans = {{"1", "100000"}};
  spend(one, 1);
  meter->failing = true;
  go_on_spending(one, minutes(20));
  EXPECT_EQ(text(*one.allowances->try_spend("1", 1)), "1, 99878 left");
  // 5 minutes: after 10, 20, 40 and then each 60 or 70 seconds.
  EXPECT_GE(one.allowances->stats().read_failures, 6u);
  EXPECT_LE(one.allowances->stats().read_failures, 10u);
  meter->failing = false;
  const auto reads = meter->reads;
  go_on_spending(one, minutes(10));
  EXPECT_EQ(meter->reads, reads + 1);
}

TEST_F(AllowancesTest, ASignalDoesNotWaitForThePauseAfterAFailure) {
  Instance& one = alone();
  meter->plans = {{"1", "0"}};
  meter->failing = true;
  go_on_spending(one, minutes(5));
  meter->failing = false;
  const auto reads = meter->reads;
  invalidate(one, key());
  EXPECT_EQ(meter->reads, reads + 1);
}

// Though nobody was there to read when it was signalled.
TEST_F(AllowancesTest, NothingIsRefusedByWhatASignalHasOutdated) {
  Instance& one = alone();
  meter->plans = {{"1", "0"}};
  EXPECT_EQ(spends(one, 1), "0, 0 left, shut");
  world.advance(minutes(5));
  meter->plans = {{"1", "5"}};
  invalidate(one, key());
  EXPECT_EQ(meter->reads, 1u);
  EXPECT_EQ(spends(one, 1), "1, 4 left");
}

TEST_F(AllowancesTest, WhatIsUnknownMayBeAllowedAndIsCountedOnceItIsKnown) {
  AllowancePolicy policy = plain();
  policy.when_unknown = WhenUnknown::allow;
  Instance& one = alone(policy);
  meter->plans = {{"1", "10"}};
  meter->failing = true;
  EXPECT_EQ(spends(one, 4), "4, unknown");
  EXPECT_EQ(spends(one, 3), "3, unknown");
  meter->failing = false;
  world.advance(seconds(5));
  EXPECT_EQ(spends(one, 0), "0, 3 left");
}

TEST_F(AllowancesTest, NobodyWaitsLongerThanSpendWithin) {
  Instance& one = alone();
  meter->plans = {{"1", "10"}};
  meter->after = seconds(9);
  std::optional<Spent> spent;
  start(one.allowances->spend("1", 1), [&](Spent what) { spent = what; });
  world.advance(seconds(2) - milliseconds(1));
  EXPECT_FALSE(spent.has_value());
  EXPECT_EQ(one.allowances->stats().waiting, 1u);
  world.advance(milliseconds(1));
  ASSERT_TRUE(spent.has_value());
  EXPECT_EQ(text(*spent), "0, unknown, shut");
  EXPECT_EQ(one.allowances->stats().waiting, 0u);
}

TEST_F(AllowancesTest, OfManyWhoWaitOneReadAnswersAllAndThoseTooManyAreAnsweredAtOnce) {
  AllowancePolicy policy = plain();
  policy.waiters_max = 3;
  Instance& one = alone(policy);
  meter->plans = {{"1", "10"}};
  meter->after = milliseconds(100);
  std::vector<Spent> spent;
  for (int i = 0; i < 4; ++i) {
    start(one.allowances->spend("1", 4), [&](Spent what) { spent.push_back(what); });
  }
  EXPECT_EQ(spent.size(), 1u);
  EXPECT_EQ(one.allowances->stats().turned_away, 1u);
  world.advance(milliseconds(100));
  Amount granted = 0;
  for (const Spent& each : spent) granted += each.granted;
  EXPECT_EQ(granted, 10);
  EXPECT_EQ(meter->reads, 1u);
}

TEST_F(AllowancesTest, TheLongestUnusedGoesButNotWithGrantsThatTheSourceMayNotKnow) {
  AllowancePolicy policy = plain();
  policy.entities_max = 2;
  Instance& one = alone(policy);
  meter->plans = {{"1", "10"}, {"2", "10"}, {"3", "10"}};
  spend(one, 4, "1");
  spend(one, 4, "2");
  EXPECT_EQ(spends(one, 4, "3"), "0, unknown, shut");
  EXPECT_EQ(one.allowances->stats().turned_away, 1u);
  meter->report("1", 4, minutes(2));
  world.advance(minutes(2));
  EXPECT_EQ(spends(one, 4, "3"), "4, 6 left");
  EXPECT_EQ(one.allowances->stats().entities, 2u);
  EXPECT_EQ(spends(one, 0, "1"), "0, 6 left");
}

TEST_F(AllowancesTest, WhatIsWatchedStays) {
  AllowancePolicy policy = plain();
  policy.entities_max = 1;
  policy.gates_max = 1;
  Instance& one = alone(policy);
  meter->plans = {{"1", "10"}, {"2", "10"}};
  {
    auto gate = one.allowances->watch("1");
    ASSERT_TRUE(gate.has_value());
    world.run();
    EXPECT_EQ(text(gate->left()), "10 left");
    EXPECT_EQ(spends(one, 1, "2"), "0, unknown, shut");
    EXPECT_EQ(one.allowances->watch("1").error().code, Code::refused);
    EXPECT_EQ(one.allowances->stats().gates, 1u);
  }
  EXPECT_EQ(spends(one, 1, "2"), "1, 9 left");
}

TEST_F(AllowancesTest, AnEntityThatIsTooLongIsRefused) {
  Instance& one = alone();
  const std::string name(entity_bytes_max + 1, 'x');
  EXPECT_EQ(spends(one, 1, name), "0, unknown, shut");
  EXPECT_EQ(one.allowances->watch(name).error().code, Code::too_large);
}

TEST_F(AllowancesTest, ClosingAnswersThoseWhoWait) {
  Instance& one = alone();
  meter->plans = {{"1", "10"}};
  meter->after = milliseconds(500);
  std::optional<Spent> spent;
  start(one.allowances->spend("1", 1), [&](Spent what) { spent = what; });
  bool closed = false;
  start(one.allowances->close(), [&] { closed = true; });
  world.run();
  EXPECT_EQ(text(spent.value()), "0, unknown, shut");
  EXPECT_FALSE(closed) << "a read is under way";
  world.advance(milliseconds(500));
  EXPECT_TRUE(closed);
  EXPECT_EQ(spends(one, 1), "0, unknown, shut");
  EXPECT_EQ(one.allowances->watch("1").error().code, Code::closed);
}

TEST_F(AllowancesTest, WhatIsWrongIsSaidWhenItIsOpened) {
  Instance& one = alone();
  AllowancePolicy policy = plain();
  const auto code_of = [&](BalanceOf of) {
    return Allowances::open(*one.engine, {world, world, world}, policy, std::move(of)).error();
  };
  policy.lease_amount = 0;
  EXPECT_THAT(code_of(kit::balance_of).what, HasSubstr("lease_amount"));
  policy = plain();
  EXPECT_EQ(code_of(nullptr).code, Code::invalid_argument);
  policy.balance = "nothing";
  EXPECT_EQ(code_of(kit::balance_of).code, Code::unknown_policy);
}

}  // namespace
}  // namespace headrace
