#include "keyspace/accesses.h"

#include <gtest/gtest.h>

#include <string>

#include "headrace/operations.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr WallTime start_at{1'000'000ms};

TEST(Accesses, WhatIsNotDueIsNotNoted) {
  Accesses accesses(1024, 60s);
  const Record record{.accessed = start_at};
  accesses.note("a", record, start_at + 59s, 1s);
  EXPECT_EQ(accesses.size(), 0U);
  accesses.note("a", record, start_at + 60s, 1s);
  EXPECT_EQ(accesses.size(), 1U);
}

TEST(Accesses, TheLastOfAKeyCounts) {
  Accesses accesses(1024, 60s);
  const Record record{.accessed = start_at};
  accesses.note("a", record, start_at + 60s, 1s);
  accesses.note("a", record, start_at + 70s, 1s);
  accesses.note("a", record, start_at + 65s, 1s);
  const auto waiting = accesses.waiting(10);
  ASSERT_EQ(waiting.size(), 1U);
  EXPECT_EQ(waiting[0].at, start_at + 70s);
}

TEST(Accesses, OneThatCameWhileItWasWrittenStays) {
  Accesses accesses(1024, 60s);
  const Record record{.accessed = start_at};
  accesses.note("a", record, start_at + 60s, 1s);
  const auto waiting = accesses.waiting(10);
  accesses.note("a", record, start_at + 61s, 1s);
  accesses.settle(waiting[0]);
  EXPECT_EQ(accesses.size(), 1U);
  accesses.settle(accesses.waiting(10)[0]);
  EXPECT_EQ(accesses.size(), 0U);
}

TEST(Accesses, SlidingRecordsHaveRoomOfTheirOwn) {
  Accesses accesses(128, 60s);  // Two in each shard.
  const Record plain{.accessed = start_at};
  const Record sliding{.idle = 1h, .accessed = start_at};
  for (int i = 0; i < 10000; ++i) accesses.note(std::to_string(i), plain, start_at + 1h, 1s);
  EXPECT_EQ(accesses.size(), 64U);
  for (int i = 0; i < 10000; ++i) {
    accesses.note("s" + std::to_string(i), sliding, start_at + 1h, 1s);
  }
  EXPECT_EQ(accesses.size(), 128U);
  EXPECT_EQ(accesses.waiting(10).size(), 64U + 10U);
}

TEST(Accesses, SaysWhatCannotWait) {
  Accesses accesses(1024, 60s);
  const Record record{.expires = start_at + 1860s, .idle = 1800s, .accessed = start_at};
  EXPECT_FALSE(accesses.note("a", record, start_at + 1800s, 1s));
  EXPECT_TRUE(accesses.note("a", record, start_at + 1859s, 1s));
  // Its end cannot be moved any more.
  Record at_its_end = record;
  at_its_end.ends = at_its_end.expires;
  EXPECT_FALSE(accesses.note("b", at_its_end, start_at + 1859s, 1s));
}

TEST(Accesses, MoveTheEndThatIsSeenAndNoOtherRecord) {
  Accesses accesses(1024, 60s);
  Record record{.expires = start_at + 11s, .idle = 10s, .accessed = start_at};
  const auto kept = std::make_shared<const Record>(record);
  EXPECT_EQ(accesses.seen("a", kept), kept);
  accesses.note("a", record, start_at + 5s, 1s);
  EXPECT_EQ(accesses.seen("a", kept)->expires, start_at + 16s);
  EXPECT_EQ(accesses.seen("b", kept), kept);
  record.updated = start_at + 6s;
  const auto later = std::make_shared<const Record>(record);
  EXPECT_EQ(accesses.seen("a", later), later);
}

}  // namespace
}  // namespace headrace
