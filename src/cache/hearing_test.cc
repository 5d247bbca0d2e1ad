// What counts as heard, as missing, and as proof.
#include "cache/hearing.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using Kind = BusMessage::Kind;
using News = Hearing::News;
using std::chrono::seconds;

constexpr Token self{1, 1};
constexpr Token other{2, 2};
constexpr Instant start{seconds(100)};

BusMessage message(Token origin, Kind kind, std::uint64_t sequence, std::uint64_t beat = 0) {
  return {.kind = kind, .origin = origin, .sequence = sequence, .beat = beat};
}

class HearingTest : public testing::Test {
 protected:
  News hears(Kind kind, std::uint64_t sequence, Instant at = start) {
    return hearing.heard(message(other, kind, sequence), at);
  }
  Hearing hearing{
      {.proof_lasts = seconds(1), .silence_max = seconds(2), .origins_max = 3}, self, true};
};

TEST_F(HearingTest, WithoutABusItIsAlwaysLive) {
  const Hearing alone({.proof_lasts = seconds(1)}, self, false);
  EXPECT_TRUE(alone.is_live(start));
}

TEST_F(HearingTest, AProofCountsFromTheBeginningOfItsBarrier) {
  EXPECT_FALSE(hearing.is_live(start));
  const std::uint64_t beat = hearing.next_beat();
  EXPECT_EQ(hearing.heard(message(self, Kind::beat, 0, beat), start + seconds(1)), News::own);
  EXPECT_TRUE(hearing.proved(start, beat));
  EXPECT_TRUE(hearing.is_live(start));
  EXPECT_TRUE(hearing.is_live(start + seconds(1) - Duration(1)));
  EXPECT_FALSE(hearing.is_live(start + seconds(1)));
}

TEST_F(HearingTest, AnOlderProofTakesNothingBack) {
  EXPECT_TRUE(hearing.proved(start + seconds(1), 0));
  EXPECT_TRUE(hearing.proved(start, 0));
  EXPECT_TRUE(hearing.is_live(start + seconds(1)));
}

TEST_F(HearingTest, WithoutItsOwnBeatABarrierProvesNothing) {
  const std::uint64_t first = hearing.next_beat();
  const std::uint64_t second = hearing.next_beat();
  (void)hearing.heard(message(self, Kind::beat, 0, first), start);
  EXPECT_FALSE(hearing.proved(start, second));
  EXPECT_FALSE(hearing.is_live(start));
  EXPECT_TRUE(hearing.proved(start, first));
}

TEST_F(HearingTest, MessagesInTheirOrderAreNews) {
  EXPECT_EQ(hears(Kind::beat, 0), News::known);
  EXPECT_EQ(hears(Kind::invalidation, 1), News::next);
  EXPECT_EQ(hears(Kind::invalidation, 2), News::next);
  EXPECT_EQ(hears(Kind::beat, 2), News::known);
  EXPECT_EQ(hears(Kind::invalidation, 2), News::known);
  EXPECT_EQ(hears(Kind::farewell, 2), News::known);
  EXPECT_EQ(hearing.origins(), 0u);
}

TEST_F(HearingTest, WhatIsMissingShowsOnce) {
  EXPECT_EQ(hears(Kind::invalidation, 1), News::next);
  EXPECT_EQ(hears(Kind::invalidation, 3), News::gap);
  EXPECT_EQ(hears(Kind::invalidation, 2), News::known);
  EXPECT_EQ(hears(Kind::invalidation, 4), News::next);
  EXPECT_EQ(hears(Kind::beat, 5), News::gap);
  EXPECT_EQ(hears(Kind::beat, 5), News::known);
  EXPECT_EQ(hears(Kind::farewell, 6), News::gap);
}

TEST_F(HearingTest, OfAStrangerEverythingBeforeIsMissing) {
  EXPECT_EQ(hearing.heard(message({3, 3}, Kind::beat, 1), start), News::gap);
  EXPECT_EQ(hearing.heard(message({4, 4}, Kind::invalidation, 2), start), News::gap);
  EXPECT_EQ(hearing.heard(message({5, 5}, Kind::farewell, 1), start), News::gap);
}

TEST_F(HearingTest, WhoFallsSilentIsMissedOnce) {
  (void)hears(Kind::beat, 0);
  EXPECT_FALSE(hearing.somebody_fell_silent(start + seconds(2)));
  EXPECT_TRUE(hearing.somebody_fell_silent(start + seconds(2) + Duration(1)));
  EXPECT_FALSE(hearing.somebody_fell_silent(start + seconds(9)));
}

TEST_F(HearingTest, WhoDiedBeforeItWasHeardIsMissedOnce) {
  EXPECT_FALSE(hearing.met_all(start));
  EXPECT_FALSE(hearing.met_all(start + seconds(2)));
  EXPECT_TRUE(hearing.met_all(start + seconds(2) + Duration(1)));
  EXPECT_FALSE(hearing.met_all(start + seconds(9)));
}

TEST_F(HearingTest, WhoSaysFarewellIsNotMissed) {
  (void)hears(Kind::beat, 0);
  (void)hears(Kind::farewell, 0);
  EXPECT_FALSE(hearing.somebody_fell_silent(start + seconds(9)));
}

TEST_F(HearingTest, PastItsLimitTheLongestSilentIsForgottenAsAGap) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(hearing.heard(message({9, i}, Kind::beat, 0), start + seconds(static_cast<int>(i))),
              News::known);
  }
  EXPECT_EQ(hearing.heard(message({9, 4}, Kind::beat, 0), start + seconds(4)), News::gap);
  EXPECT_EQ(hearing.origins(), 3u);
  EXPECT_EQ(hearing.heard(message({9, 2}, Kind::beat, 0), start + seconds(5)), News::known);
}

TEST_F(HearingTest, WhoWasHeardIsPresentUntilItFallsSilent) {
  EXPECT_EQ(hearing.presence_of(other.high), Hearing::Presence::unknown);
  (void)hears(Kind::beat, 0);
  EXPECT_EQ(hearing.presence_of(other.high), Hearing::Presence::present);
  EXPECT_TRUE(hearing.somebody_fell_silent(start + seconds(3)));
  EXPECT_EQ(hearing.presence_of(other.high), Hearing::Presence::gone);
  (void)hears(Kind::beat, 0, start + seconds(4));
  EXPECT_EQ(hearing.presence_of(other.high), Hearing::Presence::present);
}

TEST_F(HearingTest, WhoSaidFarewellIsGone) {
  (void)hears(Kind::beat, 0);
  (void)hears(Kind::farewell, 0);
  EXPECT_EQ(hearing.presence_of(other.high), Hearing::Presence::gone);
}

TEST_F(HearingTest, OfThoseWhoWentOnlyTheLastAreKnown) {
  for (std::uint64_t i = 0; i < 1000; ++i) {
    (void)hearing.heard(message({.high = 100 + i, .low = 1}, Kind::farewell, 0), start);
  }
  EXPECT_EQ(hearing.presence_of(1099), Hearing::Presence::gone);
  EXPECT_EQ(hearing.presence_of(100), Hearing::Presence::unknown);
}

}  // namespace
}  // namespace headrace
