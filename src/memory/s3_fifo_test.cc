#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/hash.h"
#include "memory/eviction.h"

namespace headrace {
namespace {

class S3FifoTest : public testing::Test {
 protected:
  Entry& add(const std::string& entity) {
    entries.push_back(
        Entry::make({.hash = hash_of(entity), .entity = entity, .kind = Kind::absent}));
    fifo->add(*entries.back());
    return *entries.back();
  }
  // As in a shard: all hashes have the low bits that chose it.
  static std::uint64_t hash_of(const std::string& entity) { return hash64(entity) & ~0xffull; }
  static void visit(Entry& entry) { entry.visits = 1; }
  std::string drop() {
    Entry* victim = fifo->victim();
    if (!victim) return "";
    fifo->remove(*victim);
    return std::string(victim->entity());
  }

  std::unique_ptr<Eviction> fifo = make_s3_fifo();
  std::vector<EntryRef> entries;
};

TEST_F(S3FifoTest, TheOldestUnvisitedGoesFirst) {
  add("a");
  add("b");
  EXPECT_EQ(drop(), "a");
  EXPECT_EQ(drop(), "b");
  EXPECT_EQ(drop(), "");
}

TEST_F(S3FifoTest, WhatIsVisitedOutlivesAScan) {
  visit(add("hot"));
  std::vector<std::string> dropped;
  for (int i = 0; i < 100; ++i) add("scan" + std::to_string(i));
  for (int i = 0; i < 90; ++i) dropped.push_back(drop());
  EXPECT_THAT(dropped, testing::Not(testing::Contains("hot")));
}

TEST_F(S3FifoTest, WhatComesBackSoonIsNotOnTrialAgain) {
  for (int i = 0; i < 10; ++i) add("k" + std::to_string(i));
  EXPECT_EQ(drop(), "k0");
  add("k0");  // Remembered: straight to the main queue, so all of the small queue goes before it.
  for (int i = 1; i < 10; ++i) EXPECT_NE(drop(), "k0");
  EXPECT_EQ(drop(), "k0");
}

TEST_F(S3FifoTest, RemembersManyOfThoseThatItDropped) {
  constexpr int count = 400;
  for (int i = 0; i < count; ++i) add("k" + std::to_string(i));
  for (int i = 0; i < count / 4; ++i) drop();
  std::vector<std::string> back;
  for (int i = 0; i < count / 4; ++i) back.push_back("k" + std::to_string(i));
  for (const std::string& entity : back) add(entity);
  for (int i = 0; i < count; ++i) add("once" + std::to_string(i));
  // As many as stood before them on trial, and themselves if they were on trial too.
  int lost = 0;
  for (int i = 0; i < count; ++i) lost += std::ranges::count(back, drop()) > 0 ? 1 : 0;
  EXPECT_LT(lost, count / 16);
}

TEST_F(S3FifoTest, AuditSeesAWrongCount) {
  Entry& entry = add("a");
  EXPECT_THAT(fifo->audit(1, entry.charge()), testing::IsEmpty());
  EXPECT_THAT(fifo->audit(2, entry.charge()), testing::SizeIs(1));
}

}  // namespace
}  // namespace headrace
