// Shadow: what readers get, what is kept behind them, and which differences count.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

class Shadowing : public BenchTop {
 protected:
  explicit Shadowing(bool with_store) : BenchTop(with_store) {
    source->rows = {{"1", "v1"}};
    Policy policy = plain_policy();
    policy.rollout = Rollout::shadow;
    define(policy);
  }
  std::string told() {
    world.advance(seconds(1));  // Differences settle.
    const PolicyStats now = stats();
    return std::to_string(now.shadow_matches) + " right, " + std::to_string(now.shadow_mismatches) +
           " wrong";
  }
};

class ShadowTest : public Shadowing {
 protected:
  ShadowTest() : Shadowing(true) {}
};
class ShadowInMemoryTest : public Shadowing {
 protected:
  ShadowInMemoryTest() : Shadowing(false) {}
};

TEST_F(ShadowTest, ReadersGetTheSourceAndTheCacheIsFilledBehind) {
  const AnyResult first = read("1");
  EXPECT_EQ(first->reason(), Reason::shadow);
  EXPECT_EQ(first->origin(), Origin::source);
  EXPECT_EQ(stats().fills_kept, 1u);
  EXPECT_EQ(source->reads, 2u);  // The reader's, and the one that fills.
  EXPECT_EQ(read("1")->origin(), Origin::source);
  EXPECT_EQ(source->reads, 3u);
  EXPECT_EQ(told(), "1 right, 0 wrong");
  EXPECT_EQ(stats().reads(), 2u);  // Each read counts once.
  EXPECT_EQ(stats().kept_answers(), 0u);
}

TEST_F(ShadowTest, AWriterThatDoesNotInvalidateIsNoticedWithItsAge) {
  read("1");
  world.advance(seconds(7));
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(stats().shadow_mismatches, 0u);  // Not yet: it may still invalidate.
  EXPECT_EQ(told(), "0 right, 1 wrong");
  const MismatchAges ages = stats().mismatch_ages;
  EXPECT_EQ(ages.oldest, seconds(7));
  EXPECT_EQ(ages.sum, seconds(7));
  EXPECT_THAT(ages.buckets, ElementsAre(0, 1, 0, 0, 0, 0, 0, 0));
}

TEST_F(ShadowTest, AWriterThatIsAboutToInvalidateIsNotWrong) {
  const auto outdated_by = [this](Invalidation what) {
    source->rows["1"] = "v1";
    EXPECT_TRUE(invalidate(everything())->has_value());
    read("1");
    source->rows["1"] = "v2";
    EXPECT_EQ(text(read("1")), "v2");
    world.advance(milliseconds(900));
    EXPECT_TRUE(invalidate(std::move(what))->has_value());
    return told();
  };
  for (const auto& what : {key("1"), tag("user:1"), whole_policy(), everything()}) {
    EXPECT_EQ(outdated_by(what), "0 right, 0 wrong");
  }
  // One that is none of its own does not excuse it.
  EXPECT_EQ(outdated_by(key("2")), "0 right, 1 wrong");
}

TEST_F(ShadowTest, AnInvalidationDuringTheReadersLoadExcusesToo) {
  read("1");
  source->rows["1"] = "v2";
  source->hold = true;
  const Outcome late = ask("1");
  EXPECT_TRUE(invalidate(key("1"))->has_value());
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(text(late), "v2");
  EXPECT_EQ(told(), "0 right, 0 wrong");
}

TEST_F(ShadowTest, ReadersDoNotWaitForTheStore) {
  store.mood = kit::PlainStore::Mood::hanging;
  EXPECT_EQ(text(read("1")), "v1");
  store.mood = kit::PlainStore::Mood::failing;
  EXPECT_EQ(text(read("1")), "v1");
  world.advance(seconds(5));
}

TEST_F(ShadowTest, AfterARestartTheStoreIsCompared) {
  read("1");
  ASSERT_TRUE(close());
  make_engine();
  Policy policy = plain_policy();
  policy.rollout = Rollout::shadow;
  define(policy);
  world.advance(seconds(3));
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(told(), "0 right, 1 wrong");
  EXPECT_EQ(stats().mismatch_ages.oldest, seconds(3));
}

TEST_F(ShadowTest, WhatIsTooOldToBeAnsweredIsNotCompared) {
  read("1");
  world.advance(seconds(10));
  source->rows["1"] = "v2";
  read("1");
  EXPECT_EQ(told(), "0 right, 0 wrong");
  read("1");
  EXPECT_EQ(told(), "1 right, 0 wrong");
}

TEST_F(ShadowTest, AFailureOfTheSourceIsTheReaders) {
  read("1");
  source->failing = true;
  EXPECT_FALSE(read("1").has_value());
  EXPECT_EQ(told(), "0 right, 0 wrong");
}

TEST_F(ShadowTest, TurnedOnItAnswersFromWhatItHasFilled) {
  read("1");
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::on}))->has_value());
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(ShadowTest, AStrictPolicyIsComparedWithItsStore) {
  Policy policy = plain_policy();
  policy.rollout = Rollout::shadow;
  policy.level = Level::strict;
  define(policy);
  read("1");
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(told(), "1 right, 0 wrong");
}

TEST_F(ShadowInMemoryTest, MemoryAloneIsComparedToo) {
  read("1");
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(told(), "1 right, 0 wrong");
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(told(), "1 right, 1 wrong");
}

}  // namespace
}  // namespace headrace
