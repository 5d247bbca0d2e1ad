#include "cache/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <utility>
#include <vector>

namespace headrace {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t hash_max = std::numeric_limits<std::uint64_t>::max();
const std::vector<WatermarkId> ids{{.high = 1, .low = 1}, {.high = 2, .low = 2}};

Policy policy_of(Duration fresh, Duration stale = {}, Duration on_error = {}) {
  Policy policy;
  policy.fresh_for = fresh;
  policy.stale_for = stale;
  policy.stale_if_error_for = on_error;
  policy.jitter = 0;
  return policy;
}

TEST(AgesTest, AreWhatThePolicySays) {
  const Ages ages = ages_of(policy_of(seconds(10), seconds(20), seconds(60)), Kind::value, 7);
  EXPECT_EQ(ages.fresh, seconds(10));
  EXPECT_EQ(ages.stale, seconds(20));
  EXPECT_EQ(ages.gone, seconds(60));
}

TEST(AgesTest, TheLaterNeverComeBeforeTheEarlier) {
  const Ages fresh_only = ages_of(policy_of(seconds(10)), Kind::value, 7);
  EXPECT_EQ(fresh_only.stale, seconds(10));
  EXPECT_EQ(fresh_only.gone, seconds(10));
  const Ages no_error = ages_of(policy_of(seconds(10), seconds(20)), Kind::value, 7);
  EXPECT_EQ(no_error.gone, seconds(20));
  const Ages no_stale = ages_of(policy_of(seconds(10), {}, seconds(30)), Kind::value, 7);
  EXPECT_EQ(no_stale.stale, seconds(10));
  EXPECT_EQ(no_stale.gone, seconds(30));
}

TEST(AgesTest, NullIsAValue) {
  Policy policy = policy_of(seconds(10), seconds(20), seconds(60));
  policy.absent_for = seconds(3);
  EXPECT_EQ(ages_of(policy, Kind::null, 0).fresh, seconds(10));
  EXPECT_EQ(ages_of(policy, Kind::null, 0).gone, seconds(60));
}

TEST(AgesTest, AbsenceHasOneAgeAndNoJitter) {
  Policy policy = policy_of(seconds(10), seconds(20), seconds(60));
  policy.absent_for = seconds(3);
  policy.jitter = 0.5;
  for (const std::uint64_t hash : {std::uint64_t{0}, hash_max}) {
    const Ages ages = ages_of(policy, Kind::absent, hash);
    EXPECT_EQ(ages.fresh, seconds(3));
    EXPECT_EQ(ages.stale, seconds(3));
    EXPECT_EQ(ages.gone, seconds(3));
  }
  policy.absent_for = Duration::zero();
  EXPECT_EQ(ages_of(policy, Kind::absent, 7).gone, Duration::zero());
}

TEST(AgesTest, TheJitterOnlyShortensAndOnlyWhatIsFresh) {
  Policy policy = policy_of(seconds(100), seconds(200), seconds(600));
  policy.jitter = 0.3;
  std::mt19937_64 random(1);
  Duration least = seconds(100), most{0}, sum{0};
  constexpr int draws = 20'000;
  for (int i = 0; i < draws; ++i) {
    const std::uint64_t hash = random();
    const Ages ages = ages_of(policy, Kind::value, hash);
    ASSERT_LE(ages.fresh, seconds(100));
    ASSERT_GE(ages.fresh, seconds(70));
    ASSERT_EQ(ages.stale, seconds(200));
    ASSERT_EQ(ages.gone, seconds(600));
    ASSERT_EQ(ages_of(policy, Kind::value, hash).fresh, ages.fresh);
    least = std::min(least, ages.fresh);
    most = std::max(most, ages.fresh);
    sum += ages.fresh;
  }
  // It is spread over all of its range, evenly.
  EXPECT_LT(least, seconds(71));
  EXPECT_GT(most, seconds(99));
  EXPECT_NEAR(std::chrono::duration<double>(sum / draws).count(), 85.0, 0.5);
}

TEST(AgesTest, TheEndsOfTheJitter) {
  Policy policy = policy_of(seconds(100));
  policy.jitter = 0.5;
  EXPECT_EQ(ages_of(policy, Kind::value, 0).fresh, seconds(100));
  const Ages shortest = ages_of(policy, Kind::value, hash_max);
  EXPECT_GE(shortest.fresh, seconds(50));
  EXPECT_LT(shortest.fresh, seconds(50) + std::chrono::milliseconds(1));
  // Without times of their own, the other ages are shortened with it.
  EXPECT_EQ(shortest.stale, shortest.fresh);
  EXPECT_EQ(shortest.gone, shortest.fresh);
}

TEST(AgesTest, AYearIsNotTooLong) {
  Policy policy = policy_of(std::chrono::hours(24 * 365));
  policy.jitter = 0.5;
  const Duration fresh = ages_of(policy, Kind::value, hash_max).fresh;
  EXPECT_GT(fresh, std::chrono::hours(24 * 182));
  EXPECT_LT(fresh, std::chrono::hours(24 * 183));
}

class JudgeTest : public testing::Test {
 protected:
  JudgeTest() {
    slot.state = Slot::State::held;
    slot.envelope.key = "the key";
    slot.envelope.watermarks = {{ids[0], Token{.low = 5}}, {ids[1], Token{.low = 6}}};
    slot.watermarks = {Token{.low = 5}, Token{.low = 6}};
  }
  [[nodiscard]] Verdict verdict() const { return judge(slot, "the key", ids, policy, 0); }
  [[nodiscard]] Verdict at(Duration age) {
    slot.stored_for = age;
    return verdict();
  }

  Policy policy = policy_of(seconds(10), seconds(20), seconds(60));
  Slot slot;
};

TEST_F(JudgeTest, EachAgeEndsWhereTheNextBegins) {
  constexpr Duration tick{1};
  EXPECT_EQ(at(seconds(0)), Verdict::fresh);
  EXPECT_EQ(at(seconds(10) - tick), Verdict::fresh);
  EXPECT_EQ(at(seconds(10)), Verdict::stale);
  EXPECT_EQ(at(seconds(20) - tick), Verdict::stale);
  EXPECT_EQ(at(seconds(20)), Verdict::on_error);
  EXPECT_EQ(at(seconds(60) - tick), Verdict::on_error);
  EXPECT_EQ(at(seconds(60)), Verdict::expired);
  EXPECT_EQ(at(std::chrono::hours(1000)), Verdict::expired);
}

TEST_F(JudgeTest, TheAgeCountsFromTheSourceReadAndNotFromThePublish) {
  slot.envelope.age_at_publish = seconds(8);
  slot.stored_for = seconds(2);
  EXPECT_EQ(age_of(slot), seconds(10));
  EXPECT_EQ(verdict(), Verdict::stale);
}

TEST_F(JudgeTest, AbsenceEndsAtOnce) {
  slot.envelope.kind = Kind::absent;
  policy.absent_for = seconds(3);
  EXPECT_EQ(at(seconds(2)), Verdict::fresh);
  EXPECT_EQ(at(seconds(3)), Verdict::expired);  // Neither stale nor on_error.
  policy.absent_for = Duration::zero();         // The policy keeps absence no more.
  EXPECT_EQ(at(seconds(0)), Verdict::expired);
}

TEST_F(JudgeTest, TheJitterOfItsHashCounts) {
  policy.jitter = 0.5;
  slot.stored_for = seconds(9);
  EXPECT_EQ(judge(slot, "the key", ids, policy, 0), Verdict::fresh);
  EXPECT_EQ(judge(slot, "the key", ids, policy, hash_max), Verdict::stale);
}

TEST_F(JudgeTest, DamageGoesBeforeAll) {
  slot.envelope.key = "another";
  slot.watermarks.clear();
  for (const auto state : {Slot::State::damaged, Slot::State::empty, Slot::State::leased}) {
    slot.state = state;
    EXPECT_EQ(verdict(), Verdict::damaged);
  }
}

TEST_F(JudgeTest, AnotherKeyIsForeignWhateverItsWatermarks) {
  slot.watermarks.clear();
  for (const char* key : {"", "the ke", "the key ", "The key"}) {
    slot.envelope.key = key;
    EXPECT_EQ(verdict(), Verdict::foreign) << key;
  }
}

TEST_F(JudgeTest, AWatermarkThatWasRenewedInvalidates) {
  for (const std::size_t i : {0u, 1u}) {
    slot.watermarks = {Token{.low = 5}, Token{.low = 6}};
    EXPECT_EQ(verdict(), Verdict::fresh);
    slot.watermarks[i].high = 1;
    EXPECT_EQ(verdict(), Verdict::invalidated) << i;
  }
}

TEST_F(JudgeTest, InvalidatedIsWorseThanAnyAge) {
  slot.watermarks[1] = Token{.low = 7};
  for (const Duration age : {seconds(0), seconds(15), seconds(30), seconds(90)}) {
    EXPECT_EQ(at(age), Verdict::invalidated);
  }
}

TEST_F(JudgeTest, OtherTagsThanThePolicyHasInvalidate) {
  slot.envelope.watermarks[1].id = {.high = 3, .low = 3};
  EXPECT_EQ(verdict(), Verdict::invalidated);
}

TEST_F(JudgeTest, AChangedOrderOfTagsInvalidates) {
  std::swap(slot.envelope.watermarks[0], slot.envelope.watermarks[1]);
  std::swap(slot.watermarks[0], slot.watermarks[1]);
  EXPECT_EQ(verdict(), Verdict::invalidated);
}

TEST_F(JudgeTest, FewerOrMoreWatermarksThanAskedForInvalidate) {
  slot.envelope.watermarks.pop_back();
  EXPECT_EQ(verdict(), Verdict::invalidated);
  slot.envelope.watermarks = {{ids[0], Token{.low = 5}},
                              {ids[1], Token{.low = 6}},
                              {{.high = 3, .low = 3}, Token{.low = 7}}};
  EXPECT_EQ(verdict(), Verdict::invalidated);
  slot.envelope.watermarks.pop_back();
  EXPECT_EQ(verdict(), Verdict::fresh);
  slot.watermarks.pop_back();  // A store that answers too few.
  EXPECT_EQ(verdict(), Verdict::invalidated);
  slot.watermarks = {Token{.low = 5}, Token{.low = 6}, Token{.low = 7}};
  EXPECT_EQ(verdict(), Verdict::invalidated);
}

TEST_F(JudgeTest, NoTokenIsNeverTheSameAsNoToken) {
  slot.envelope.watermarks[0].token = {};
  slot.watermarks[0] = {};
  EXPECT_EQ(verdict(), Verdict::invalidated);
}

TEST_F(JudgeTest, WithoutWatermarksOnlyTheAgeCounts) {
  slot.envelope.watermarks.clear();
  slot.watermarks.clear();
  EXPECT_EQ(judge(slot, "the key", {}, policy, 0), Verdict::fresh);
}

}  // namespace
}  // namespace headrace
