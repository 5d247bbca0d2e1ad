#include "cache/tags.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace headrace {
namespace {

WatermarkId tag(int number) {
  return WatermarkId::of("tag:t/" + std::to_string(number));
}

TEST(TagsTest, StampsHoldUntilTheirTagMoves) {
  Tags tags;
  const auto stamps = tags.stamp(std::vector{tag(1), tag(2)});
  ASSERT_EQ(stamps.size(), 2u);
  EXPECT_TRUE(all_hold(stamps));
  tags.move(tag(2));
  EXPECT_TRUE(stamps[0].holds());
  EXPECT_FALSE(stamps[1].holds());
  EXPECT_FALSE(all_hold(stamps));
}

TEST(TagsTest, StampsComeInTheOrderOfTheIds) {
  Tags tags;
  const auto forth = tags.stamp(std::vector{tag(1), tag(2)});
  const auto back = tags.stamp(std::vector{tag(2), tag(1)});
  EXPECT_EQ(forth[0].cell, back[1].cell);
  EXPECT_EQ(forth[1].cell, back[0].cell);
  EXPECT_NE(forth[0].cell, forth[1].cell);
}

TEST(TagsTest, WhatIsStampedAfterTheMoveHolds) {
  Tags tags;
  const auto before = tags.stamp(std::vector{tag(1)});
  tags.move(tag(1));
  const auto after = tags.stamp(std::vector{tag(1)});
  EXPECT_FALSE(all_hold(before));
  EXPECT_TRUE(all_hold(after));
  tags.move(tag(1));
  EXPECT_FALSE(all_hold(before));  // Twice moved is not moved back.
  EXPECT_FALSE(all_hold(after));
}

TEST(TagsTest, OneTagTwiceIsOneCell) {
  Tags tags;
  const auto stamps = tags.stamp(std::vector{tag(1), tag(1)});
  ASSERT_EQ(stamps.size(), 2u);
  EXPECT_EQ(tags.known(), 1u);
  tags.move(tag(1));
  EXPECT_FALSE(stamps[0].holds());
  EXPECT_FALSE(stamps[1].holds());
}

TEST(TagsTest, IdsThatShareAHalfAreDifferentTags) {
  Tags tags;
  const auto stamps = tags.stamp(std::vector<WatermarkId>{{1, 7}, {2, 7}, {1, 8}});
  tags.move({1, 7});
  EXPECT_FALSE(stamps[0].holds());
  EXPECT_TRUE(stamps[1].holds());
  EXPECT_TRUE(stamps[2].holds());
}

TEST(TagsTest, NoTagsNoStamps) {
  Tags tags;
  EXPECT_TRUE(tags.stamp({}).empty());
  EXPECT_TRUE(all_hold({}));
  EXPECT_EQ(tags.known(), 0u);
}

TEST(TagsTest, MovingWhatNobodyDependsOnMakesNoCell) {
  Tags tags;
  tags.move(tag(1));
  EXPECT_EQ(tags.known(), 0u);
  EXPECT_TRUE(all_hold(tags.stamp(std::vector{tag(1)})));
}

TEST(TagsTest, ACellLivesAsLongAsSomebodyHoldsIt) {
  Tags tags;
  auto first = tags.stamp(std::vector{tag(1), tag(2)});
  auto second = tags.stamp(std::vector{tag(1)});
  EXPECT_EQ(tags.known(), 2u);
  first.clear();
  EXPECT_EQ(tags.known(), 1u);
  tags.move(tag(2));  // Nobody's any more.
  tags.move(tag(1));
  EXPECT_FALSE(all_hold(second));
  second.clear();
  EXPECT_EQ(tags.known(), 0u);
  tags.move(tag(1));
  EXPECT_TRUE(all_hold(tags.stamp(std::vector{tag(1)})));
  EXPECT_EQ(tags.known(), 0u);
}

TEST(TagsTest, NamesThatComeAndGoCostNoMemory) {
  Tags tags;
  constexpr int names = 100'000;
  const auto before = mallinfo2().uordblks;
  for (int i = 0; i < names; ++i) {
    ASSERT_TRUE(all_hold(tags.stamp(std::vector{tag(i)})));
  }
  const auto after = mallinfo2().uordblks;  // Under a sanitizer both are 0.
  EXPECT_EQ(tags.known(), 0u);
  // A name costs about a hundred bytes: a map that is not swept would hold ten megabytes.
  EXPECT_LT(after, before + (1u << 20));
}

TEST(TagsTest, TheSweepForgetsNothingThatIsHeld) {
  Tags tags;
  constexpr int held = 5'000;
  std::vector<std::vector<Stamp>> stamps;
  for (int i = 0; i < held; ++i) stamps.push_back(tags.stamp(std::vector{tag(i)}));
  const auto before = mallinfo2().uordblks;
  for (int i = held; i < 100'000; ++i) ASSERT_EQ(tags.stamp(std::vector{tag(i)}).size(), 1u);
  EXPECT_LT(mallinfo2().uordblks, before + (2u << 20));
  EXPECT_EQ(tags.known(), static_cast<std::size_t>(held));
  for (int i = 0; i < held; ++i) {
    ASSERT_TRUE(all_hold(stamps[static_cast<std::size_t>(i)]));
    tags.move(tag(i));  // It is still the cell of that tag.
    ASSERT_FALSE(all_hold(stamps[static_cast<std::size_t>(i)]));
  }
}

TEST(TagsTest, AMoveOnAnotherThreadIsSeenByEveryEarlierStamp) {
  Tags tags;
  constexpr int rounds = 2'000;
  std::atomic<int> stamped{0}, moved{0};
  std::thread mover([&] {
    for (int i = 1; i <= rounds; ++i) {
      while (stamped.load() < i) std::this_thread::yield();
      tags.move(tag(0));
      moved.store(i);
    }
  });
  int missed = 0;
  for (int i = 1; i <= rounds; ++i) {
    const auto stamps = tags.stamp(std::vector{tag(0), tag(i)});
    stamped.store(i);
    while (moved.load() < i) std::this_thread::yield();
    if (stamps[0].holds() || !stamps[1].holds()) ++missed;
  }
  mover.join();
  EXPECT_EQ(missed, 0);
}

}  // namespace
}  // namespace headrace
