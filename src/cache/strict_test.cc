// Strict reads: confirmed by the store, never the outcome of a load that lost its race.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::seconds;

class StrictTest : public BenchTop {
 protected:
  StrictTest() {
    Policy policy = plain_policy();
    policy.level = Level::strict;
    define(policy);
    source->rows["1"] = "v1";
  }
  StoreKey slot = store_key_of("default", "users", "1");
};

TEST_F(StrictTest, AHitIsConfirmedByTheStore) {
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  EXPECT_EQ(source->reads, 1u);
  source->rows["1"] = "v2";
  // Another instance invalidates: this one hears nothing.
  ASSERT_TRUE(world.run(store.invalidate({slot}))->has_value());
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(StrictTest, AWatermarkRenewedElsewhereIsNoticed) {
  read("1");
  source->rows["1"] = "v2";
  const std::vector<WatermarkId> ids = {WatermarkId::of("tag:default/user:1")};
  ASSERT_TRUE(world.run(store.renew(ids))->has_value());
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(StrictTest, WithoutTheStoreTheSourceAnswers) {
  read("1");
  source->rows["1"] = "v2";
  store.mood = PlainStore::Mood::failing;
  const AnyResult answer = read("1");
  EXPECT_EQ(text(answer), "v2");
  EXPECT_EQ(answer->reason(), Reason::store_down);
  EXPECT_EQ(text(read("1")), "v2");  // And what the store cannot confirm is not kept.
  EXPECT_EQ(source->reads, 3u);
}

TEST_F(StrictTest, AWaiterOfALoadThatLostItsRaceIsNotAnsweredByIt) {
  source->hold = true;
  const Outcome waiting = ask("1");
  world.run();
  source->rows["1"] = "v2";
  invalidate(key("1"));
  source->release();  // v1 arrives.
  world.run();
  EXPECT_EQ(text(waiting), "pending");
  source->release();
  world.run();
  EXPECT_EQ(text(waiting), "v2");
}

TEST_F(StrictTest, ABoundedReadOfItMayBeMadeStrict) {
  define(plain_policy());
  read("1");
  source->rows["1"] = "v2";
  ASSERT_TRUE(world.run(store.invalidate({slot}))->has_value());
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(text(read("1", {.level = Level::strict})), "v2");
}

TEST_F(StrictTest, ManyStrictReadersShareTheNextLoad) {
  source->hold = true;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 100; ++i) outcomes.push_back(ask("1"));
  world.run();
  let_go();
  for (const Outcome& outcome : outcomes) ASSERT_EQ(text(outcome), "v1");
  EXPECT_EQ(source->reads, 1u);  // The second flight found the store filled by the first.
}

TEST_F(StrictTest, SteadyInvalidationsCannotStarveAReader) {
  for (const Invalidation& what : {key("1"), tag("user:1"), whole_policy()}) {
    source->hold = true;
    source->reads = 0;
    const Outcome waiting = ask("1");
    for (int i = 0; i < 10 && text(waiting) == "pending"; ++i) {
      world.run();
      source->rows["1"] = "v" + std::to_string(i + 2);
      invalidate(what);
      source->release();
      world.run();
    }
    EXPECT_NE(text(waiting), "pending");
    EXPECT_LE(source->reads, 5u);
    let_go();
  }
}

// Another instance has invalidated; then the store went, and the source as well.
TEST_F(StrictTest, WhatTheStoreCannotConfirmIsNoAnswerToAFailureEither) {
  define(plain_policy());
  read("1");
  ASSERT_TRUE(world.run(store.invalidate({slot}))->has_value());
  store.mood = PlainStore::Mood::failing;
  source->failing = true;
  EXPECT_FALSE(read("1", {.level = Level::strict}).has_value());
  // For who is not strict that is what a bound is for.
  EXPECT_EQ(text(read("1")), "v1");
}

class StrictAloneTest : public BenchTop {
 protected:
  StrictAloneTest() : BenchTop(false) {
    Policy policy = plain_policy();
    policy.level = Level::strict;
    define(policy);
    source->rows["1"] = "v1";
  }
};

TEST_F(StrictAloneTest, WithoutAStoreTheOwnFenceIsProofEnough) {
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  source->rows["1"] = "v2";
  invalidate(tag("user:1"));
  EXPECT_EQ(text(read("1")), "v2");
}

}  // namespace
}  // namespace headrace
