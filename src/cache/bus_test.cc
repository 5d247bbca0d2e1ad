// Two engines on one store and one bus: what one invalidates, the other's memory drops, or does not
// trust any more.
#include "headrace/bus.h"

#include <set>

#include "kit/two_engines.h"

namespace headrace {
namespace {

using kit::PlainBus;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

class BusTest : public kit::TwoEngines {};

TEST_F(BusTest, AnInvalidationReachesTheOthersMemory) {
  fill_both();
  EXPECT_EQ(**invalidate(key("1")), Held::soon);
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, ByEveryName) {
  for (const Invalidation& what : {key("1"), tag("user:1"), whole_policy(), everything()}) {
    source->rows["1"] = "v1";
    invalidate(everything());
    fill_both();
    invalidate(what);
    EXPECT_EQ(text(second_reads("1")), "v2");
  }
}

TEST_F(BusTest, WhatIsNotNamedStays) {
  fill_both();
  second_reads("2");
  invalidate(key("1"));
  EXPECT_EQ(second_reads("2")->origin(), Origin::memory);
}

TEST_F(BusTest, APutReachesTheOthersMemoryToo) {
  fill_both();
  EXPECT_EQ(**put("1", "v2"), Held::soon);
  EXPECT_EQ(text(second_reads("1")), "v2");
  EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
}

// The others' entries are not of another version then: nobody takes the slot from anybody.
TEST_F(BusTest, AVersionBumpVoidsEverywhereOnce) {
  fill_both();
  ASSERT_TRUE(world.run(engine->change("users", {.bump_version = true}))->has_value());
  EXPECT_EQ(text(second_reads("1")), "v2");
  const AnyResult here = read("1");
  EXPECT_EQ(text(here), "v2");
  EXPECT_EQ(here->origin(), Origin::store);
}

TEST_F(BusTest, WhyNothingIsHeardIsTold) {
  beat();
  EXPECT_TRUE(second->stats().has_bus);
  EXPECT_EQ(second->stats().bus_trouble, "");
  second_bus.fails = true;
  world.advance(seconds(2));
  EXPECT_NE(second->stats().bus_trouble, "");
  second_bus.fails = false;
  world.advance(seconds(2));
  EXPECT_EQ(second->stats().bus_trouble, "");
}

TEST_F(BusTest, TheJitterOfAFillIsTheSameEverywhere) {
  Policy policy = plain_policy();
  policy.jitter = 0.5;
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  second_users = *second->define(policy, codec, source);
  define(policy);
  define(policy);  // What is local differs by now.
  std::set<Duration> seen;
  for (int i = 0; i < 20; ++i) {
    invalidate(key("1"));
    const Duration here = read("1")->fresh_left();
    EXPECT_EQ(second_reads("1")->fresh_left(), here);
    EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
    seen.insert(here);
  }
  EXPECT_GT(seen.size(), 10u) << "it is another with each fill";
}

// Whoever filled it may have another idea of how long.
TEST_F(BusTest, MemoryKeepsNothingForLongerThanTheStore) {
  Policy longer = plain_policy();
  longer.fresh_for = longer.stale_for = longer.stale_if_error_for = seconds(1000);
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  second_users = *second->define(longer, codec, source);
  read("1");
  const AnyResult there = second_reads("1");
  EXPECT_EQ(there->origin(), Origin::store);
  EXPECT_LE(there->fresh_left(), plain_policy().fresh_for);
  EXPECT_GT(there->fresh_left(), Duration::zero());
}

TEST_F(BusTest, AMessageThatComesTwiceIsHeardOnce) {
  second_bus.doubles = true;
  fill_both();
  invalidate(key("1"));
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, ALoadUnderWayIsCutOff) {
  source->hold_after = true;
  const Outcome old = catch_outcome(second->read(second_users, "1"));
  world.run();
  source->rows["1"] = "v2";
  invalidate(key("1"));
  source->hold_after = false;
  const AnyResult answer = second_reads("1");  // Does not join it.
  EXPECT_EQ(text(answer), "v2");
  let_go();
  EXPECT_EQ(text(second_reads("1")), "v2");  // Nor is what it brought kept.
}

TEST_F(BusTest, WithoutProofMemoryIsConfirmedByTheStore) {
  fill_both();
  second_bus.fails = true;
  world.advance(seconds(1));
  ASSERT_TRUE(world.run(store.invalidate({store_key_of("default", "users", "1")}))->has_value());
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, WithoutProofAndStoreTheSourceAnswers) {
  fill_both();
  second_bus.fails = true;
  store.mood = PlainStore::Mood::failing;
  world.advance(seconds(1));
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, AProofIsGoodAgainWithoutAnythingBeingLoaded) {
  world.advance(seconds(2));
  fill_both();
  EXPECT_TRUE(second->stats().hears_all);
  second_bus.fails = true;
  world.advance(seconds(2));
  EXPECT_FALSE(second->stats().hears_all);
  EXPECT_TRUE(engine->stats().hears_all);
  second_bus.fails = false;
  beat();
  EXPECT_TRUE(second->stats().hears_all);
  const auto reads = source->reads;
  EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
  EXPECT_EQ(source->reads, reads);
}

TEST_F(BusTest, WhoIsDeafAndDoesNotKnowItFindsOutByItsOwnBeat) {
  fill_both();
  second_bus.deaf = true;
  invalidate(key("1"));
  EXPECT_EQ(text(second_reads("1")), "v1");  // Within the bound.
  world.advance(seconds(1));
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, WhatWasLostShowsWithTheNextBeat) {
  fill_both();
  second_bus.deaf = true;
  invalidate(key("1"));
  second_bus.deaf = false;
  beat();
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, WhatWasLostOfOneThatDiedShowsAsItsSilence) {
  beat();  // They have heard of each other.
  fill_both();
  second_bus.deaf = true;
  invalidate(key("1"));
  bus.fails = true;  // It says nothing any more.
  second_bus.deaf = false;
  world.advance(milliseconds(2300));
  EXPECT_EQ(text(second_reads("1")), "v2");
}

// Memory is emptied once, for who was there before and was never heard; the store is not touched.
TEST_F(BusTest, WhoDiedBeforeItWasHeardIsMissed) {
  fill_both();
  world.advance(milliseconds(1250));
  EXPECT_EQ(second_reads("1")->origin(), Origin::store);
  world.advance(seconds(5));
  EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
}

TEST_F(BusTest, AFarewellIsNoSilence) {
  world.advance(seconds(2));
  second_reads("1");
  ASSERT_TRUE(close());
  const auto reads = source->reads;
  world.advance(seconds(5));
  EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
  EXPECT_EQ(source->reads, reads);
}

TEST_F(BusTest, ALossThatTheBusNoticesEmptiesMemory) {
  fill_both();
  second_bus.deaf = true;
  invalidate(key("1"));
  second_bus.deaf = false;
  second_bus.notice();
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, TheBusHearsOnlyWhatTheStoreHasConfirmed) {
  fill_both();
  const auto before = server.taken().size();
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  EXPECT_EQ(server.taken().size(), before);
  store.mood = PlainStore::Mood::well;
  beat();
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, WhatTheBusDoesNotTakeIsPendingAndSaidLater) {
  fill_both();
  bus.fails = true;
  std::optional<Held> held;
  start(engine->invalidate(key("1")), [&](const Result<Held>& outcome) { held = *outcome; });
  world.run();
  EXPECT_FALSE(held.has_value());
  world.advance(seconds(1));
  EXPECT_EQ(held, Held::pending);
  bus.fails = false;
  beat();
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(BusTest, WhoWaitsReturnsOnceEveryProofFromBeforeHasRunOut) {
  fill_both();
  std::optional<Held> held;
  start(engine->invalidate(key("1"), Wait::everywhere),
        [&](const Result<Held>& outcome) { held = *outcome; });
  world.advance(seconds(1));
  EXPECT_FALSE(held.has_value());
  world.advance(milliseconds(2));
  EXPECT_EQ(held, Held::everywhere);
}

// Whoever has begun to wait is answered before the engine is gone.
TEST_F(BusTest, CloseWaitsForWhoWaitsEverywhere) {
  fill_both();
  std::optional<Held> held;
  start(engine->invalidate(key("1"), Wait::everywhere),
        [&](const Result<Held>& outcome) { held = *outcome; });
  world.run();
  bool closed = false;
  start(engine->close(), [&] { closed = true; });
  world.advance(milliseconds(900));
  EXPECT_FALSE(closed);
  world.advance(seconds(1));
  EXPECT_TRUE(closed);
  EXPECT_EQ(held, Held::everywhere);
}

TEST_F(BusTest, BeforeTheFirstProofReadsAreStrict) {
  PlainBus late(server);
  late.fails = true;
  const auto third = make(late);
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  const PolicyHandle users_there = *third->define(plain_policy(), codec, source);
  const auto ask_third = [&] {
    const Outcome outcome = catch_outcome(third->read(users_there, "1"));
    world.run();
    return text(outcome);
  };
  EXPECT_EQ(ask_third(), "v1");
  source->rows["1"] = "v2";
  invalidate(key("1"));
  EXPECT_EQ(ask_third(), "v2");
  start(third->close(), [] {});
  world.advance(seconds(3));
}

}  // namespace
}  // namespace headrace
