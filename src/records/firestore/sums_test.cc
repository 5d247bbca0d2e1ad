#include "records/firestore/sums.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace headrace::firestore_records {
namespace {

constexpr Amount none{.records = unlimited, .bytes = unlimited};

bool has_room_for_one(const AllSums& all, std::size_t number, const Amount& ceiling) {
  return has_room(all[number], number, {.records = 1, .bytes = 0}, ceiling);
}

TEST(FirestoreRecordSums, WhatIsSharedOutIsTheWhole) {
  for (const std::int64_t records : {-3, 0, 1, 15, 16, 17, 1000003}) {
    const Amount total{.records = records, .bytes = 7 * records + 1};
    EXPECT_EQ(total_of(share_out(total, none)), total) << records;
  }
}

// Each of the sums alone lets in what all together let in.
TEST(FirestoreRecordSums, PartsLetInWhatTheWholeDoes) {
  for (const std::int64_t most : {1, 2, 15, 16, 17, 40}) {
    const Amount ceiling{.records = most, .bytes = unlimited};
    for (std::int64_t held = 0; held <= most; ++held) {
      AllSums all = share_out({.records = held, .bytes = 0}, ceiling);
      std::int64_t let_in = 0;
      for (std::size_t i = 0; i < all.size(); ++i) {
        while (has_room_for_one(all, i, ceiling)) ++all[i].amount.records, ++let_in;
      }
      EXPECT_EQ(held + let_in, most);
    }
  }
}

// Whoever shrinks whichever sums.
TEST(FirestoreRecordSums, NoOrderOfEditsPassesTheCeiling) {
  std::mt19937 random(11);
  for (int round = 0; round < 200; ++round) {
    const Amount ceiling{.records = 1 + static_cast<std::int64_t>(random() % 60),
                         .bytes = 1 + static_cast<std::int64_t>(random() % 600)};
    AllSums all = share_out({}, ceiling);
    for (int step = 0; step < 400; ++step) {
      const Amount growth{.records = static_cast<std::int64_t>(random() % 5) - 2,
                          .bytes = static_cast<std::int64_t>(random() % 60) - 28};
      const std::size_t at = random() % all.size();
      const Amount total = total_of(all);
      if (total.records + growth.records < 0 || total.bytes + growth.bytes < 0) continue;
      if (!growth.grows() || has_room(all[at], at, growth, ceiling)) {
        all[at].amount += growth;
      } else if (over_by(total, growth, ceiling) == Over::nothing) {
        Amount grown = total;
        grown += growth;
        all = share_out(grown, ceiling);
      }
      ASSERT_LE(total_of(all).records, ceiling.records);
      ASSERT_LE(total_of(all).bytes, ceiling.bytes);
    }
  }
}

// As when the operator has lowered it: whichever sums shrink meanwhile, none lets anything in.
TEST(FirestoreRecordSums, WhoIsOverTheCeilingDoesNotGrowInAPartThatShrank) {
  const Amount ceiling{.records = 16, .bytes = 1000};
  AllSums all = share_out({.records = 32, .bytes = 5}, ceiling);
  all[3].amount.records -= 2;
  EXPECT_FALSE(has_room_for_one(all, 3, ceiling));
  const Amount more{.records = 1, .bytes = 0};
  EXPECT_EQ(over_by(total_of(all), more, ceiling), Over::records);
  EXPECT_EQ(over_by(total_of(all), {.records = 0, .bytes = 1}, ceiling), Over::nothing);
}

TEST(FirestoreRecordSums, PartsOfAnotherCeilingAreNone) {
  const Amount ceiling{.records = 100, .bytes = unlimited};
  const AllSums all = share_out({}, ceiling);
  EXPECT_TRUE(has_room_for_one(all, 0, ceiling));
  EXPECT_FALSE(has_room_for_one(all, 0, {.records = 101, .bytes = unlimited}));
  EXPECT_FALSE(has_room_for_one(all, 0, none));
  EXPECT_TRUE(has_room_for_one(AllSums{}, 0, none)) << "sums that were never written";
  EXPECT_FALSE(has_room_for_one(AllSums{}, 0, ceiling));
}

TEST(FirestoreRecordSums, WhatShrinksIsNotLookedAt) {
  const Amount ceiling{.records = 16, .bytes = 160};
  const AllSums full = share_out({.records = 16, .bytes = 160}, ceiling);
  EXPECT_FALSE(has_room(full[0], 0, {.records = -1, .bytes = 1}, ceiling));
  EXPECT_EQ(over_by(total_of(full), {.records = -1, .bytes = 1}, ceiling), Over::bytes);
  EXPECT_EQ(over_by({.records = 20, .bytes = 200}, {.records = -1, .bytes = 0}, ceiling),
            Over::nothing);
}

TEST(FirestoreRecordSums, ALimitBeyondAllNumbersIsThatOfTheLargest) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  const Amount ceiling =
      amount_of({.records_max = 5, .bytes_max = std::numeric_limits<std::uint64_t>::max()});
  EXPECT_EQ(ceiling, (Amount{.records = 5, .bytes = most}));
  EXPECT_EQ(over_by({.records = 0, .bytes = most - 1}, {.records = 0, .bytes = 2}, ceiling),
            Over::bytes);
}

}  // namespace
}  // namespace headrace::firestore_records
