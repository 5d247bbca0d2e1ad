#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "core/hash.h"
#include "memory/eviction.h"

namespace headrace {
namespace {

class S3FifoTest : public testing::Test {
 protected:
  Entry& add(const std::string& entity) {
    entries.push_back(Entry::make({.entity = entity, .kind = Kind::absent}));
    fifo->add(*entries.back());
    return *entries.back();
  }
  // As many as in a shard: all their hashes have the low bits that chose it.
  static std::vector<std::string> of_one_shard(std::size_t count) {
    std::vector<std::string> entities;
    for (int i = 0; entities.size() < count; ++i) {
      std::string entity = "k" + std::to_string(i);
      if ((hash_of(0, entity) & 0xff) == 0) entities.push_back(std::move(entity));
    }
    return entities;
  }
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
  constexpr std::size_t count = 400;
  const std::vector<std::string> all = of_one_shard(2 * count);
  for (std::size_t i = 0; i < count; ++i) add(all[i]);
  for (std::size_t i = 0; i < count / 4; ++i) drop();
  const std::span back(all.data(), count / 4);
  for (const std::string& entity : back) add(entity);
  for (std::size_t i = count; i < 2 * count; ++i) add(all[i]);
  // As many as stood before them on trial, and themselves if they were on trial too.
  std::size_t lost = 0;
  for (std::size_t i = 0; i < count; ++i) {
    lost += static_cast<std::size_t>(std::ranges::count(back, drop()));
  }
  EXPECT_LT(lost, count / 16);
}

TEST_F(S3FifoTest, AuditSeesAWrongCount) {
  Entry& entry = add("a");
  EXPECT_THAT(fifo->audit(1, entry.charge()), testing::IsEmpty());
  EXPECT_THAT(fifo->audit(2, entry.charge()), testing::SizeIs(1));
}

}  // namespace
}  // namespace headrace
