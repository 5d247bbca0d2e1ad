// What waits for the bus: its order, its numbers, and what becomes of too much.
#include "cache/outbox.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace {
namespace {

using Kind = BusMessage::Kind;

class OutboxTest : public testing::Test {
 protected:
  bool push(Kind kind = Kind::invalidation) {
    return outbox.push({.kind = kind},
                       [this](Result<void> outcome) { said += outcome ? "taken " : "refused "; });
  }
  Outbox outbox{3};
  std::string said;
};

TEST_F(OutboxTest, TheFirstToPushEmptiesIt) {
  EXPECT_TRUE(push());
  EXPECT_FALSE(push());
  EXPECT_EQ(outbox.next(10).size(), 2u);
  outbox.taken(2);
  EXPECT_EQ(said, "taken taken ");
  EXPECT_TRUE(outbox.next(10).empty());
  EXPECT_TRUE(push());
}

TEST_F(OutboxTest, InvalidationsAreNumberedAndBeatsTellTheNewest) {
  (void)push(Kind::beat);
  (void)push();
  (void)push(Kind::beat);
  const auto batch = outbox.next(10);
  ASSERT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch[0].sequence, 0u);
  EXPECT_EQ(batch[1].sequence, 1u);
  EXPECT_EQ(batch[2].sequence, 1u);
}

TEST_F(OutboxTest, ABatchStaysUntilItIsTaken) {
  (void)push();
  (void)push();
  EXPECT_EQ(outbox.next(1)[0].sequence, 1u);
  EXPECT_EQ(outbox.next(1)[0].sequence, 1u);
  outbox.taken(1);
  EXPECT_EQ(outbox.next(1)[0].sequence, 2u);
}

TEST_F(OutboxTest, WhatFindsNoRoomLeavesAHoleInTheNumbers) {
  for (int i = 0; i < 4; ++i) (void)push();
  EXPECT_EQ(said, "refused ");
  EXPECT_EQ(outbox.next(10).size(), 3u);
  outbox.taken(3);
  (void)push(Kind::beat);
  EXPECT_EQ(outbox.next(10)[0].sequence, 4u);
}

TEST_F(OutboxTest, ASecondBeatBehindAFirstIsNotKept) {
  (void)push(Kind::beat);
  (void)push(Kind::beat);
  EXPECT_EQ(said, "refused ");
  EXPECT_EQ(outbox.next(10).size(), 1u);
}

TEST_F(OutboxTest, WhoGivesUpLeavesItToTheNext) {
  EXPECT_TRUE(push());
  outbox.give_up();
  EXPECT_TRUE(push());
  EXPECT_EQ(outbox.next(10).size(), 2u);
}

}  // namespace
}  // namespace headrace
