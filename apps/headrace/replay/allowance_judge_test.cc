#include "replay/allowance_judge.h"

#include <gtest/gtest.h>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

Instant at(Duration since_start) {
  return Instant{} + since_start;
}

class AllowanceJudgeTest : public testing::Test {
 protected:
  AllowanceJudgeTest() { judge_.start_at(1, 10, 7, at(0s)); }

  Finding finds(Duration when, Amount granted) {
    return judge_.check_end(judge_.check_begin(1, at(when)), granted).finding;
  }
  void change(Amount plan, Duration when) {
    judge_.plan_begun(1, plan);
    judge_.plan_known(1, at(when));
  }

  AllowanceJudge judge_{{.slack = 2, .plenty = 20, .follows_within = 5s}};
};

TEST_F(AllowanceJudgeTest, WhatIsLeftMayBeGrantedAndNoMore) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(finds(1s, 1), Finding::sound);
  EXPECT_EQ(finds(1s, 0), Finding::sound);
  EXPECT_EQ(finds(1s, 1), Finding::overspent);
  EXPECT_EQ(judge_.state(1).used, 11);
}

TEST_F(AllowanceJudgeTest, APlanThatGrowsMayBeGrantedFromOnceItIsBegun) {
  judge_.plan_begun(1, 12);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(finds(1s, 1), Finding::sound);
  judge_.plan_known(1, at(2s));
  EXPECT_EQ(finds(3s, 1), Finding::overspent);
}

TEST_F(AllowanceJudgeTest, APlanThatShrinksHasItsSlackUntilAllHaveFollowed) {
  change(7, 1s);
  EXPECT_EQ(finds(2s, 1), Finding::sound);
  EXPECT_EQ(finds(2s, 1), Finding::sound);
  EXPECT_EQ(finds(2s, 1), Finding::overspent) << "the slack is two";
}

TEST_F(AllowanceJudgeTest, AndNoneAfterwards) {
  change(7, 1s);
  EXPECT_EQ(finds(2s, 1), Finding::sound);
  EXPECT_EQ(finds(6s, 0), Finding::sound);
  EXPECT_EQ(finds(6s, 1), Finding::overspent) << "one of the two was not granted in time";
}

TEST_F(AllowanceJudgeTest, WhatBeganUnderTheLargerPlanIsNotHeldToTheSmaller) {
  const auto before = judge_.check_begin(1, at(1s));
  change(7, 2s);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(finds(3s, 1), Finding::sound);
  EXPECT_EQ(judge_.check_end(before, 1).finding, Finding::sound);
  EXPECT_EQ(finds(8s, 1), Finding::overspent);
}

TEST_F(AllowanceJudgeTest, WhoHasPlentyIsNotRefusedOnceAllMustHaveFollowed) {
  EXPECT_EQ(finds(6s, 0), Finding::sound) << "three are left, which may be in leases";
  change(100, 10s);
  EXPECT_EQ(finds(14s, 0), Finding::sound);
  EXPECT_EQ(finds(15s, 0), Finding::late);
  EXPECT_EQ(finds(15s, 1), Finding::sound);
}

TEST_F(AllowanceJudgeTest, WhileAPlanChangesNobodyIsAccused) {
  change(100, 10s);
  const auto check = judge_.check_begin(1, at(20s));
  judge_.plan_begun(1, 200);
  EXPECT_EQ(judge_.check_end(check, 0).finding, Finding::sound);
}

}  // namespace
}  // namespace headrace::replay
