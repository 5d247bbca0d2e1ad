// What stands beside a slot, and Firestore's time, without a Firestore.
#include "stores/firestore/beside.h"

#include <gtest/gtest.h>

#include "stores/firestore/seen.h"

namespace headrace::firestore {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Moment start(seconds(1'700'000'000));
constexpr Token guard{.high = 1, .low = 2};

ServerTime::Bounds at(Duration passed) {
  const Moment now = start + std::chrono::floor<microseconds>(passed);
  return {.earliest = now, .latest = now + milliseconds(10)};
}

TEST(FirestoreBeside, WhatHasEndedGoesWithTheNextChange) {
  std::string bytes = changed("", {.guard = guard, .guard_lasts = seconds(1)}, at(seconds(0)));
  BesideChange floor;
  floor.floors.emplace_back("r", minutes(1));
  bytes = changed(bytes, floor, at(milliseconds(900)));
  EXPECT_TRUE(read_stands(bytes, at(seconds(1)).earliest).guarded) << "counted from the latest";
  EXPECT_FALSE(read_stands(bytes, at(milliseconds(1010)).earliest).guarded);
  const std::string less = changed(bytes, {}, at(seconds(2)));
  EXPECT_LT(less.size(), bytes.size());
  EXPECT_EQ(changed(less, {}, at(minutes(2))), "");
}

TEST(FirestoreBeside, BytesThatAreNoneOfOursAreAGuardUntilTheNextChange) {
  BesideChange floor;
  floor.floors.emplace_back("r", minutes(1));
  const std::string whole = changed("", floor, at(seconds(0)));
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    EXPECT_TRUE(read_stands(whole.substr(0, cut), start).guarded) << cut;
  }
  EXPECT_FALSE(read_stands(whole, start).guarded);
  EXPECT_TRUE(read_stands(whole + "?", start).guarded);
  EXPECT_EQ(read_stands(whole + "?", start).floors.size(), 1u);
  EXPECT_FALSE(read_stands(changed(whole + "?", {}, at(seconds(1))), start).guarded);
}

TEST(FirestoreTime, LiesBetweenQuestionAndAnswer) {
  ServerTime time;
  EXPECT_FALSE(time.at(Instant(seconds(5))).has_value());
  time.note(start, Instant(seconds(10)), Instant(seconds(12)));
  const auto soon = *time.at(Instant(seconds(12)));
  EXPECT_LE(soon.earliest, start);
  EXPECT_GE(soon.latest, start + seconds(2));
  const auto later = *time.at(Instant(seconds(1012)));
  EXPECT_EQ(later.earliest, start + seconds(1000) - milliseconds(1002)) << "clocks drift apart";
  EXPECT_EQ(later.latest, start + seconds(1002) + milliseconds(1002));
}

TEST(FirestoreTime, EndsAreBoundedAndNeverTooEarly) {
  EXPECT_EQ(end_of(start, Duration(1)), start + microseconds(1));
  EXPECT_EQ(end_of(start, Duration(-1)), start);
  EXPECT_LT(end_of(start, Duration::max()), start + std::chrono::hours(24 * 366 * 10));
  const auto there_and_back = moment_of(timestamp_of(start + microseconds(1'234'567)));
  EXPECT_EQ(there_and_back, start + microseconds(1'234'567));
}

TEST(FirestoreSeen, ForgetsTheOldestFirst) {
  Seen seen(8);
  const StoreKey key{{1, 2, 3, 4}};
  for (std::uint64_t i = 1; i <= 100; ++i) {
    seen.remember({.high = i, .low = i}, {.key = key, .version = {.seconds = 1, .nanos = 0}});
  }
  int known = 0;
  for (std::uint64_t i = 1; i <= 100; ++i) known += seen.find({.high = i, .low = i}, key) ? 1 : 0;
  EXPECT_LE(known, 10);
  EXPECT_TRUE(seen.find({.high = 100, .low = 100}, key));
  EXPECT_FALSE(seen.find({.high = 100, .low = 100}, StoreKey{}));
  seen.forget({.high = 100, .low = 100});
  EXPECT_FALSE(seen.find({.high = 100, .low = 100}, key));
}

}  // namespace
}  // namespace headrace::firestore
