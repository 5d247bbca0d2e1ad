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

Task<Result<Loaded>> loaded(std::string text, std::string revision) {
  co_return Loaded{.value = std::make_shared<const std::string>(std::move(text)),
                   .revision = std::move(revision)};
}

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

TEST_F(ShadowTest, WhatItWouldHaveSavedIsKnownBeforeItIsOn) {
  source->billed = 3;
  read("1");
  for (int i = 0; i < 9; ++i) read("1");
  world.advance(seconds(5));
  const DryRun run = stats().dry_run;
  EXPECT_EQ(run.lasted, seconds(5));
  EXPECT_EQ(run.reads, 10u);
  EXPECT_EQ(run.hits, 9u);
  EXPECT_EQ(run.behind, 3u);
  EXPECT_EQ(run.saved, 27u);  // 30 for the readers; on, it would have been 3.
  EXPECT_EQ(run.mismatches, 0u);
  EXPECT_EQ(stats().source_reads, 33u);  // Both are paid.

  // Another run begins anew; what was counted stays in what only rises.
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::on}))->has_value());
  EXPECT_EQ(stats().dry_run.reads, 0u);
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::shadow}))->has_value());
  EXPECT_EQ(stats().dry_run.lasted, seconds(0));
  read("1");
  EXPECT_EQ(stats().dry_run.reads, 1u);
  EXPECT_EQ(stats().dry_run.hits, 1u);
  EXPECT_EQ(stats().would_hits, 10u);
  EXPECT_EQ(stats().would_save, 30u);
}

TEST_F(ShadowTest, WhatARefreshCostsIsNotSaved) {
  Policy policy = plain_policy();
  policy.rollout = Rollout::shadow;
  policy.stale_for = seconds(100);
  define(policy);
  read("1");
  world.advance(seconds(20));
  read("1");
  const DryRun run = stats().dry_run;
  EXPECT_EQ(run.hits, 1u);    // Stale, with a refresh behind it ...
  EXPECT_EQ(run.behind, 2u);  // ... so that the source is asked as often as without.
  EXPECT_EQ(run.saved, 0u);
}

TEST_F(ShadowTest, WhatTheStoreHoldsWouldHaveAnswered) {
  read("1");
  ASSERT_TRUE(close());
  make_engine();
  Policy policy = plain_policy();
  policy.rollout = Rollout::shadow;
  define(policy);
  read("1");
  EXPECT_EQ(stats().dry_run.hits, 1u);
  EXPECT_EQ(stats().dry_run.behind, 0u);
  EXPECT_EQ(stats().dry_run.saved, 1u);
}

TEST_F(ShadowTest, AShareOfTheEntitiesIsACheaperTrial) {
  Policy policy = plain_policy();
  policy.rollout = Rollout::shadow;
  policy.percentage = 30;
  define(policy);
  for (int i = 0; i < 200; ++i) source->rows[std::to_string(i)] = "v";
  for (int i = 0; i < 200; ++i) {
    const AnyResult answer = read(std::to_string(i));
    EXPECT_EQ(answer->origin(), Origin::source);
    const bool is_tried = answer->reason() == Reason::shadow;
    EXPECT_EQ(answer->reason(), is_tried ? Reason::shadow : Reason::sampled_out);
  }
  const DryRun run = stats().dry_run;
  EXPECT_GT(run.reads, 30u);
  EXPECT_LT(run.reads, 90u);
  EXPECT_EQ(run.behind, run.reads);
  EXPECT_EQ(stats().source_reads, 200 + run.reads);
  // From a share, shadow keeps it; from on, it is for all.
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::on}))->has_value());
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::shadow}))->has_value());
  EXPECT_EQ(engine->policies().at(0).policy.percentage, 100);
}

TEST_F(ShadowTest, AMismatchHasItsStoryToo) {
  read("1");
  source->rows["1"] = "v2";
  read("1");
  EXPECT_EQ(told(), "0 right, 1 wrong");
  const std::vector<Mismatch> last = engine->mismatches("users");
  ASSERT_EQ(last.size(), 1u);
  EXPECT_TRUE(last[0].dry);
  EXPECT_EQ(last[0].entity, "1");
  EXPECT_EQ(stats().dry_run.mismatches, 1u);
  EXPECT_EQ(stats().invalidations, 0u);  // Nobody is answered with it anyway.
}

// As a section of a snapshot, whose text says when it was built.
TEST_F(ShadowTest, AnotherTextOfTheSameStateIsNoMismatch) {
  int built = 0;
  std::string state = "r1";
  const auto read_own = [&] {
    const auto load = [&built, &state](Fetch) -> Task<Result<Loaded>> {
      return loaded("built " + std::to_string(++built), state);
    };
    const Outcome outcome = catch_outcome(engine->read(users, "7", load));
    world.run();
    return text(outcome);
  };
  EXPECT_EQ(read_own(), "built 1");
  EXPECT_EQ(read_own(), "built 3");
  EXPECT_EQ(told(), "0 right, 0 wrong");
  state = "r2";
  read_own();
  EXPECT_EQ(told(), "0 right, 1 wrong");
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
