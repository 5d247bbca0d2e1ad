// Reads through the engine: hits, misses, kinds, sharing, limits, deadlines.
#include <stdexcept>

#include "headrace/cache.h"
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class EngineTest : public BenchTop {
 protected:
  EngineTest() { source->rows = {{"1", "one"}, {"2", "two"}}; }
};

TEST_F(EngineTest, TheSecondReadCostsTheSourceNothing) {
  const AnyResult first = read("1");
  EXPECT_EQ(text(first), "one");
  EXPECT_EQ(first->origin(), Origin::source);
  EXPECT_EQ(first->reason(), Reason::cold);
  const AnyResult second = read("1");
  EXPECT_EQ(text(second), "one");
  EXPECT_EQ(second->origin(), Origin::memory);
  EXPECT_EQ(second->reason(), Reason::fresh);
  EXPECT_EQ(source->reads, 1u);
}

TEST_F(EngineTest, AgeCountsFromTheSourceReadAndBoundIsThePolicys) {
  source->hold = true;
  const Outcome outcome = ask("1");
  world.advance(seconds(1));
  source->release();
  world.run();
  EXPECT_EQ((*outcome)->value().age(), seconds(1));
  world.advance(seconds(2));
  const AnyResult hit = read("1");
  EXPECT_EQ(hit->age(), seconds(3));
  EXPECT_EQ(hit->bound(), seconds(10));
  EXPECT_EQ(hit->fresh_left(), seconds(7));
}

TEST_F(EngineTest, NothingIsAnsweredPastItsBound) {
  read("1");
  source->rows["1"] = "new";
  world.advance(seconds(10) - Duration(1));
  EXPECT_EQ(text(read("1")), "one");
  world.advance(Duration(1));
  EXPECT_EQ(text(read("1")), "new");
}

TEST_F(EngineTest, TheStoreAnswersWhenMemoryIsEmptyAndKeepsTheAge) {
  read("1");
  world.advance(seconds(4));
  ASSERT_TRUE(close());
  make_engine();
  const AnyResult hit = read("1");
  EXPECT_EQ(hit->origin(), Origin::store);
  EXPECT_GE(hit->age(), seconds(4));
  EXPECT_EQ(source->reads, 1u);
  world.step_wall(-std::chrono::hours(3));  // The calendar means nothing to ages.
  EXPECT_GE(read("1")->age(), seconds(4));
}

TEST_F(EngineTest, ValueNullAndAbsenceAreThreeThings) {
  Policy policy = plain_policy();
  policy.absent_for = seconds(5);
  define(policy);
  source->rows["0"] = "0";
  source->rows["empty"] = "";
  EXPECT_EQ(text(read("0")), "0");
  EXPECT_EQ(text(read("empty")), "");
  EXPECT_EQ(read("empty")->origin(), Origin::memory);
  EXPECT_EQ(read("none")->kind(), Kind::absent);
  EXPECT_EQ(read("none")->origin(), Origin::memory);  // Known absence is a hit.
  EXPECT_EQ(source->reads, 3u);
  source->rows["none"] = "made";
  invalidate(key("none"));
  EXPECT_EQ(text(read("none")), "made");
}

TEST_F(EngineTest, AbsenceIsNotKeptUnlessThePolicySaysSo) {
  read("none");
  read("none");
  EXPECT_EQ(source->reads, 2u);
  EXPECT_EQ(store.size(), 0u);  // The lease was given back: others need not wait for it.
}

TEST_F(EngineTest, ManyReadersOneLoad) {
  source->hold = true;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 1000; ++i) outcomes.push_back(ask("1"));
  EXPECT_EQ(source->reads, 1u);
  source->release();
  world.run();
  for (const Outcome& outcome : outcomes) ASSERT_EQ(text(outcome), "one");
  EXPECT_FALSE((*outcomes.front())->value().collapsed());
  EXPECT_TRUE((*outcomes.back())->value().collapsed());
  EXPECT_EQ(engine->stats().waiters, 0u);
  EXPECT_EQ(stats().collapsed, 999u);
}

// A loop of reads, each of which ends before it is waited for.
Task<std::size_t> read_many_times(Engine& engine, PolicyHandle policy, std::size_t times) {
  std::size_t answered = 0;
  for (std::size_t i = 0; i < times; ++i) {
    AnyLookup lookup = engine.read(policy, "none");
    const AnyResult result = co_await lookup;
    if (result) ++answered;
  }
  co_return answered;
}

TEST_F(EngineTest, ALoopOfReadsThatEndAtOnceNeedsNoStack) {
  constexpr std::size_t times = 100'000;
  EXPECT_EQ(world.run(read_many_times(*engine, users, times)), times);
  EXPECT_EQ(source->reads, times);  // Absence is not kept.
}

TEST_F(EngineTest, AFailureIsSharedToo) {
  source->hold = true;
  source->failing = true;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 1000; ++i) outcomes.push_back(ask("1"));
  source->release();
  world.run();
  EXPECT_EQ(source->reads, 1u);
  for (const Outcome& outcome : outcomes) {
    ASSERT_FALSE((*outcome)->has_value());
    ASSERT_EQ((*outcome)->error().code, Code::source_failed);
  }
  source->failing = source->hold = false;
  EXPECT_EQ(text(read("1")), "one");  // An error is never kept.
}

TEST_F(EngineTest, ACallerWaitsNoLongerThanItsTime) {
  source->hold = true;
  const Outcome patient = ask("1");
  const Outcome hasty = ask("1", {.within = milliseconds(100)});
  world.advance(milliseconds(100));
  EXPECT_EQ((*hasty)->error().code, Code::timed_out);
  EXPECT_THAT((*hasty)->error().what, HasSubstr("100 ms"));
  EXPECT_EQ(text(patient), "pending");  // The load goes on for the others.
  source->release();
  world.run();
  EXPECT_EQ(text(patient), "one");
}

TEST_F(EngineTest, ALoadStopsWhenNobodyWaits) {
  std::stop_token stop;
  auto fetch = [&](Fetch question) -> Task<Result<Loaded>> {
    stop = question.stop;
    return [](auto& held, Fetch inner) -> Task<Result<Loaded>> {
      (void)co_await held.fetch(std::move(inner));
      co_return Loaded{.kind = Kind::null};
    }(*source, std::move(question));
  };
  source->hold = true;
  {
    const AnyLookup dropped = engine->read(users, "1", fetch);
  }
  EXPECT_TRUE(stop.stop_requested());
  const Outcome next = ask("1");  // Does not join the one that was told to stop.
  source->release();
  world.run();
  EXPECT_EQ(text(next), "one");
}

TEST_F(EngineTest, AResultAfterItsDeadlineIsFencedOut) {
  source->hold = true;
  const Outcome first = ask("1");
  world.advance(seconds(11));  // Past load_within.
  EXPECT_EQ((*first)->error().code, Code::timed_out);
  source->release();
  source->hold = false;
  source->rows["1"] = "new";
  world.run();
  EXPECT_EQ(text(read("1")), "new");
}

TEST_F(EngineTest, WhatAFetchThrowsIsAnErrorAndLeavesNothing) {
  auto fetch = [](Fetch) -> Task<Result<Loaded>> {
    throw std::runtime_error("broken");
    co_return Loaded{};
  };
  const auto outcome = catch_outcome(engine->read(users, "1", fetch));
  world.run();
  EXPECT_EQ((*outcome)->error().code, Code::loader_threw);
  EXPECT_EQ((*outcome)->error().what, "broken");
  EXPECT_EQ(text(read("1")), "one");
}

TEST_F(EngineTest, AForcedReadAsksTheSourceOnce) {
  read("1");
  source->rows["1"] = "new";
  source->hold = true;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 10; ++i) outcomes.push_back(ask("1", {.refresh = true}));
  EXPECT_EQ(text(ask("1")), "one");  // Others are answered from memory meanwhile.
  source->release();
  world.run();
  for (const Outcome& outcome : outcomes) EXPECT_EQ(text(outcome), "new");
  EXPECT_EQ(source->reads, 2u);
  EXPECT_EQ(text(read("1")), "new");
}

TEST_F(EngineTest, OversizeIsAnsweredAndNotKept) {
  Policy policy = plain_policy();
  policy.value_bytes_max = 3;
  define(policy);
  source->rows["big"] = "four";
  EXPECT_EQ(text(read("big")), "four");
  EXPECT_EQ(text(read("big")), "four");
  EXPECT_EQ(source->reads, 2u);
  EXPECT_EQ(stats().oversize, 2u);
  EXPECT_EQ(store.size(), 0u);
}

TEST_F(EngineTest, AStoreThatFailsOrHangsNeverFailsARead) {
  for (const auto mood : {PlainStore::Mood::failing, PlainStore::Mood::hanging}) {
    store.mood = mood;
    const std::string entity = mood == PlainStore::Mood::failing ? "1" : "2";
    const Outcome outcome = ask(entity);
    world.advance(seconds(1));  // store_within
    ASSERT_TRUE(outcome->has_value());
    ASSERT_TRUE((*outcome)->has_value()) << text(outcome);
    EXPECT_EQ((*outcome)->value().reason(), Reason::store_down);
    store.mood = PlainStore::Mood::well;
    store.release_held();
  }
}

TEST_F(EngineTest, ADamagedOrForeignEntryIsReplaced) {
  read("1");
  store.damage(store_key_of("default", "users", "1"));
  ASSERT_TRUE(close());
  make_engine();
  const AnyResult replaced = read("1");
  EXPECT_EQ(replaced->reason(), Reason::damaged);
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(read("1")->origin(), Origin::store);  // Not read again and again.

  ASSERT_TRUE(close());
  make_engine();
  Policy policy = plain_policy();
  policy.fields = {"name", "email"};
  define(policy);
  EXPECT_EQ(read("1")->origin(), Origin::source);  // Another projection is another value.
}

TEST_F(EngineTest, WithoutTagsNothingIsLeftAfterManyKeys) {
  for (int i = 0; i < 20000; ++i) {
    source->rows[std::to_string(i)] = "v";
    ASSERT_TRUE(read(std::to_string(i)).has_value());
  }
  world.advance(seconds(1));  // What was dropped is freed soon after.
  EXPECT_EQ(engine->stats().flights, 0u);
  EXPECT_LE(engine->stats().memory.bytes, 1u << 20);
  EXPECT_LE(engine->stats().tags_known, engine->stats().memory.entries);
}

TEST_F(EngineTest, LimitsRefuseWithTheirName) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 1, .flights_max = 1, .waiters_max = 2});
  source->hold = true;
  const Outcome first = ask("1");
  EXPECT_THAT(text(read("2")), HasSubstr("flights_max"));
  const Outcome second = ask("1");
  EXPECT_THAT(text(read("1")), HasSubstr("waiters_max"));
  EXPECT_THAT(text(read(std::string(1025, 'x'))), HasSubstr("entity_bytes_max"));
}

TEST_F(EngineTest, ABatchKeepsOrderAndDuplicatesAndAsksOnce) {
  source->batches_max = 100;
  Policy policy = plain_policy();
  policy.gather_within = milliseconds(1);
  define(policy);
  source->hold = true;
  std::vector<Outcome> outcomes;
  for (AnyLookup& lookup : engine->read_many(users, {"2", "none", "1", "2"})) {
    outcomes.push_back(catch_outcome(std::move(lookup)));
  }
  world.run();
  source->release();
  world.run();
  EXPECT_EQ(text(outcomes[0]), "two");
  EXPECT_EQ(text(outcomes[1]), "absent");
  EXPECT_EQ(text(outcomes[2]), "one");
  EXPECT_EQ(text(outcomes[3]), "two");
  EXPECT_EQ(source->batches, 1u);
  EXPECT_EQ(source->reads, 3u);
}

TEST_F(EngineTest, WhatIsNewerButNotKeptOutdatesWhatIs) {
  read("1");
  source->rows.erase("1");  // Deleted, by somebody who does not invalidate.
  EXPECT_EQ(text(read("1")), "one");
  EXPECT_EQ(text(read("1", {.refresh = true})), "absent");
  EXPECT_EQ(text(read("1")), "absent");  // Not the old value again, from whichever tier.
  EXPECT_EQ(store.size(), 0u);
}

TEST_F(EngineTest, ALoadLongerThanItsLifeGivesItsLeaseBack) {
  Policy policy = plain_policy();
  policy.fresh_for = seconds(1);
  define(policy);
  source->hold = true;
  const Outcome slow = ask("1", {.within = seconds(5)});
  world.advance(milliseconds(1500));
  source->release();
  world.run();
  EXPECT_EQ(text(slow), "one");
  EXPECT_EQ(store.size(), 0u);
}

TEST_F(EngineTest, AnUnchangedCopyIsKeptWithANewAge) {
  source->revisions = true;
  Policy policy = plain_policy();
  policy.stale_for = seconds(60);
  define(policy);
  read("1");
  world.advance(seconds(20));
  EXPECT_EQ(read("1")->reason(), Reason::stale);
  world.run();
  const AnyResult hit = read("1");
  EXPECT_EQ(hit->reason(), Reason::fresh);
  EXPECT_EQ(hit->age(), Duration::zero());
  EXPECT_EQ(text(hit), "one");
  EXPECT_EQ(stats().source_unchanged, 1u);
}

TEST_F(EngineTest, EveryReadCountsOnce) {
  read("1");
  read("1");
  read("2");
  source->failing = true;
  read("3");
  EXPECT_EQ(stats().reads(), 4u);
  EXPECT_EQ(stats().kept_answers(), 1u);
  EXPECT_EQ(stats().errors, 1u);
}

TEST_F(EngineTest, ReadsAreBilledByWhatCameOfThem) {
  source->rows["1"] = "v1";
  source->rows["none"] = "[]";
  source->billed = 3;
  read("1");
  read("missing");
  source->billed = 1;
  source->empty = true;
  read("none");
  EXPECT_EQ(stats().source_reads, 5u);
  EXPECT_EQ(stats().source_found, 3u);
  EXPECT_EQ(stats().source_missing, 1u);
  EXPECT_EQ(stats().source_empty, 1u);
}

TEST_F(EngineTest, AKeptAnswerStandsForAsManyReadsAsItWasBilledFor) {
  source->rows["1"] = "v1";
  source->billed = 30;
  read("1");
  EXPECT_EQ(stats().reads_avoided(), 0u);
  read("1");
  EXPECT_EQ(stats().reads_avoided(), 30u);
  read("1");
  EXPECT_EQ(stats().reads_avoided(), 60u);
  ASSERT_TRUE(close());
  make_engine();
  // The store does not say what it was billed for: it counts as the policy's loads do on average.
  read("1");
  EXPECT_EQ(stats().reads_avoided(), 1u);
  ASSERT_TRUE(close());
  make_engine();
  source->rows["2"] = "v2";
  read("2");
  read("1");
  EXPECT_EQ(stats().reads_avoided(), 30u);
}

TEST_F(EngineTest, AfterCloseReadsAreRefused) {
  ASSERT_TRUE(close());
  EXPECT_EQ(read("1").error().code, Code::closed);
}

struct Point {
  int x = 0;
  int y = 0;
};

TEST_F(EngineTest, ATypedCacheNeedsNoCodecToLiveInMemory) {
  auto points = Cache<Point>::open(*engine, {.name = "points"});
  ASSERT_TRUE(points.has_value());
  int calls = 0;
  auto fetch = [&calls](Fetch) {
    ++calls;
    return Point{.x = 3, .y = 4};
  };
  auto first = points->get_or_fetch("a", fetch);
  ASSERT_TRUE(first.await_ready() || (world.run(), true));
  auto second = points->get_or_fetch("a", fetch);
  ASSERT_TRUE(second.await_ready());  // A hit is ready: nothing is suspended.
  const auto answer = second.await_resume();
  EXPECT_EQ(answer->value().y, 4);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace headrace
