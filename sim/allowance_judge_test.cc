#include "sim/allowance_judge.h"

#include <gtest/gtest.h>

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Two hosts, leases of 5, and 20 to spend.
class AllowanceJudgeTest : public testing::Test {
 protected:
  static AllowancePlan plan_with(WithoutStore without_store) {
    AllowancePlan plan{.entities = 2, .first = 20};
    plan.policy = {.name = "hours",
                   .balance = "usage",
                   .reported_within = seconds(1),
                   .lease_amount = 5,
                   .lease_lasts = seconds(2),
                   .without_store = without_store};
    return plan;
  }
  void wait(Duration time) { (void)timeline.step(timeline.now() + time); }
  static void grant(AllowanceJudge& judge, Amount amount, EntityNumber entity = 0) {
    judge.asked(1, amount);
    judge.granted(1, entity, amount, {.granted = amount, .left = Amount(0), .open = true});
  }
  // The rule that was broken, if one was.
  [[nodiscard]] std::string rule() const {
    const std::string text = oracle.violation().value_or("");
    return text.substr(0, text.find(':'));
  }

  Timeline timeline{1};
  Truth truth{timeline, 1, false};
  Oracle oracle{timeline, truth, {}};
  Meter meter{timeline, 2, 20};
  const AllowancePlan refusing = plan_with(WithoutStore::refuse);
  const AllowancePlan going_on = plan_with(WithoutStore::spend_on);
  AllowanceJudge judge{timeline, meter, oracle, refusing, 2};
};

TEST_F(AllowanceJudgeTest, ABalanceMayBeSpentAndNoMore) {
  for (int i = 0; i < 4; ++i) grant(judge, 5);
  EXPECT_EQ(rule(), "");
  EXPECT_EQ(judge.total(0), 20);
  grant(judge, 1);
  EXPECT_EQ(rule(), "overspent");
}

TEST_F(AllowanceJudgeTest, EachBalanceIsOneOfItsOwn) {
  for (int i = 0; i < 4; ++i) grant(judge, 5);
  for (int i = 0; i < 4; ++i) grant(judge, 5, 1);
  EXPECT_EQ(rule(), "");
}

TEST_F(AllowanceJudgeTest, WhatIsToppedUpMayBeSpentToo) {
  meter.top_up(0, 1);
  for (int i = 0; i < 7; ++i) grant(judge, 3);
  EXPECT_EQ(rule(), "");
}

TEST_F(AllowanceJudgeTest, NobodyIsGrantedMoreThanWasAskedFor) {
  judge.asked(1, 2);
  judge.granted(1, 0, 2, {.granted = 3});
  EXPECT_EQ(rule(), "grant");
}

TEST_F(AllowanceJudgeTest, ALostLedgerCostsALeaseOfEachAndWhatIsNotYetReported) {
  for (int i = 0; i < 3; ++i) grant(judge, 5);
  wait(seconds(2));
  grant(judge, 5);  // This alone is not in the figure for certain.
  judge.ledger_lost();
  for (int i = 0; i < 3; ++i) grant(judge, 5);
  EXPECT_EQ(rule(), "");
  grant(judge, 1);
  EXPECT_EQ(rule(), "overspent");
}

TEST_F(AllowanceJudgeTest, WhoWaitsForMoreTogetherTakesMoreAtOnce) {
  judge.asked(1, 4);
  judge.asked(1, 4);
  judge.gave_up(1, 4);
  judge.gave_up(1, 4);
  judge.ledger_lost();  // Eight for each host.
  for (int i = 0; i < 9; ++i) grant(judge, 4);
  EXPECT_EQ(rule(), "");
  grant(judge, 1);
  EXPECT_EQ(rule(), "overspent");
}

TEST_F(AllowanceJudgeTest, WhoGoesOnWithoutTheStoreTakesALeaseInEachOfItsTimes) {
  AllowanceJudge lenient(timeline, meter, oracle, going_on, 2);
  lenient.instance_began();
  for (int i = 0; i < 6; ++i) grant(lenient, 5);  // Two leases more.
  EXPECT_EQ(rule(), "");
  wait(seconds(2));
  grant(lenient, 5);
  EXPECT_EQ(rule(), "");
  lenient.all_is_healed();
  wait(seconds(100));
  grant(lenient, 1);
  EXPECT_EQ(rule(), "overspent");
}

TEST_F(AllowanceJudgeTest, AMeterSaysWhatIsReportedOnceItIs) {
  meter.report(0, 3, milliseconds(10));
  EXPECT_EQ(meter.figure(0), 20);
  wait(milliseconds(10));
  EXPECT_EQ(meter.figure(0), 17);
  meter.top_up(0, 5);
  EXPECT_EQ(meter.figure(0), 22);
  EXPECT_EQ(meter.plan(0), 25);
}

}  // namespace
}  // namespace headrace::sim
