// What verification decides: which answers are drawn, what may be spent, what a mismatch is.
#include "cache/verification.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace headrace {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Instant start{hours(1000)};

Policy with_reads_per_day(double reads) {
  Policy policy;
  policy.verify_reads_per_day = reads;
  return policy;
}

TEST(AnswersUntilDrawnTest, TheirMeanIsOneInTheShare) {
  std::mt19937_64 chance(3);
  for (const double share : {0.9, 0.5, 0.1, 0.001}) {
    constexpr int draws = 20'000;
    double sum = 0;
    for (int i = 0; i < draws; ++i) {
      sum += static_cast<double>(answers_until_drawn(share, chance()));
    }
    EXPECT_NEAR(sum / draws * share, 1, 0.05) << share;
  }
  EXPECT_EQ(answers_until_drawn(1, chance()), 1u);
  EXPECT_GT(answers_until_drawn(1e-15, 0), 1'000'000'000u);
}

TEST(EvidenceTest, OnlyWhatABoundAllowsForIsNoViolation) {
  const Evidence allowed{.age = seconds(9), .bound = seconds(10)};
  EXPECT_THAT(violation_of(allowed), IsEmpty());
  EXPECT_THAT(violation_of({.age = seconds(10), .bound = seconds(10)}), HasSubstr("older"));
  Evidence replaced = allowed;
  replaced.watermark_replaced = true;
  EXPECT_THAT(violation_of(replaced), HasSubstr("watermark"));
  Evidence untold = allowed;
  untold.feed_told_all = true;
  EXPECT_THAT(violation_of(untold), HasSubstr("feed"));
}

TEST(VerificationTest, OneEntryIsComparedOnceAtATimeAndFewAtOnce) {
  Verification verification;
  ASSERT_TRUE(verification.begin(1));
  EXPECT_FALSE(verification.begin(1));
  for (std::uint64_t i = 2; i <= Verification::at_once_max; ++i) EXPECT_TRUE(verification.begin(i));
  EXPECT_FALSE(verification.begin(100));
  verification.end(1);
  EXPECT_TRUE(verification.begin(100));
}

TEST(VerificationTest, ABudgetHoldsAnHoursReadsAndFillsByTheDay) {
  Verification verification;
  const Policy policy = with_reads_per_day(48);
  EXPECT_TRUE(verification.spend(policy, start));
  EXPECT_TRUE(verification.spend(policy, start));
  EXPECT_FALSE(verification.spend(policy, start));
  EXPECT_FALSE(verification.spend(policy, start + minutes(29)));
  EXPECT_TRUE(verification.spend(policy, start + minutes(31)));
  // However long nothing is spent, no more than an hour's is there.
  const Instant later = start + hours(100);
  EXPECT_TRUE(verification.spend(policy, later));
  EXPECT_TRUE(verification.spend(policy, later));
  EXPECT_FALSE(verification.spend(policy, later));
}

TEST(VerificationTest, WhatIsBilledBeyondOneReadHasToBeEarnedBack) {
  Verification verification;
  const Policy policy = with_reads_per_day(24);
  ASSERT_TRUE(verification.spend(policy, start));
  verification.charge(policy, 3);
  EXPECT_FALSE(verification.spend(policy, start + minutes(61)));
  EXPECT_FALSE(verification.spend(policy, start + minutes(121)));
  EXPECT_TRUE(verification.spend(policy, start + minutes(181)));
}

TEST(VerificationTest, WithoutABudgetAnythingMayBeSpent) {
  Verification verification;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(verification.spend(Policy(), start));
}

TEST(VerificationTest, ASmallBudgetStillHasOneRead) {
  Verification verification;
  const Policy policy = with_reads_per_day(1);
  EXPECT_TRUE(verification.spend(policy, start));
  EXPECT_FALSE(verification.spend(policy, start + hours(23)));
  EXPECT_TRUE(verification.spend(policy, start + hours(25)));
}

TEST(VerificationTest, MismatchesBeyondTheMostWithinTheWindowSwitch) {
  Verification verification;
  Policy policy;
  policy.mismatches_max = 2;
  policy.mismatch_window = minutes(10);
  EXPECT_EQ(verification.note(policy, {}, start), "");
  EXPECT_EQ(verification.note(policy, {}, start + minutes(1)), "");
  // The first is out of the window by then, the next is not.
  EXPECT_EQ(verification.note(policy, {}, start + minutes(10)), "");
  EXPECT_THAT(verification.note(policy, {}, start + minutes(10)),
              HasSubstr("3 mismatches within 600 s; at most 2"));
  verification.forgive();
  EXPECT_EQ(verification.note(policy, {}, start + minutes(10)), "");
}

TEST(VerificationTest, WhatNobodyWasAnsweredCountsForNothing) {
  Verification verification;
  Policy policy;
  policy.mismatches_max = 0;
  EXPECT_EQ(verification.note(policy, {.kind = MismatchClass::violation, .dry = true}, start), "");
  EXPECT_NE(verification.note(policy, {}, start), "");
}

TEST(VerificationTest, AViolationSwitchesAtOnceUnlessItShallNot) {
  Verification verification;
  Policy policy;
  const Mismatch violation{.kind = MismatchClass::violation, .why = "so it is"};
  EXPECT_EQ(verification.note(policy, violation, start), "a violation: so it is");
  policy.violation_switches = false;
  EXPECT_EQ(verification.note(policy, violation, start), "");
  EXPECT_EQ(verification.note(policy, {}, start), "");
}

TEST(VerificationTest, TheLastAreKeptTheNewestFirst) {
  Verification verification;
  for (int i = 0; i < 20; ++i) (void)verification.note(Policy(), {}, start);
  const auto last = verification.last();
  ASSERT_EQ(last.size(), mismatches_kept_max);
  EXPECT_EQ(last.front().number, 20u);
  EXPECT_EQ(last.back().number, 5u);
}

}  // namespace
}  // namespace headrace
