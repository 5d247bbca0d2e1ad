// What the store does not confirm holds here all the same, and is sent until it is confirmed.
#include "kit/bench_top.h"
#include "kit/plain_journal.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::seconds;

class PendingTest : public BenchTop {
 protected:
  PendingTest() { source->rows = {{"1", "v1"}, {"2", "w1"}}; }
  void write() { source->rows = {{"1", "v2"}, {"2", "w2"}}; }
  void warm() {
    read("1");
    read("2");
  }
};

TEST_F(PendingTest, WhileTheStoreIsDownItIsPendingAndHoldsHere) {
  warm();
  write();
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(engine->stats().invalidations_pending, 1u);

  // The store answers reads again before the invalidation has reached it: it still holds v1.
  store.mood = PlainStore::Mood::well;
  const AnyResult bypassed = read("1");
  EXPECT_EQ(text(bypassed), "v2");
  EXPECT_EQ(bypassed->reason(), Reason::quarantined);

  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("1")->reason(), Reason::fresh);
}

TEST_F(PendingTest, AStoreThatHangsMakesItPendingInBoundedTime) {
  warm();
  store.mood = PlainStore::Mood::hanging;
  std::optional<Result<Held>> held;
  start(engine->invalidate(key("1")), [&](Result<Held> result) { held = result; });
  world.advance(seconds(1));
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(**held, Held::pending);
}

TEST_F(PendingTest, ManyPendingFoldIntoOneThatCoversAll) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 1, .pending_max = 3});
  warm();
  write();
  store.mood = PlainStore::Mood::failing;
  for (int i = 0; i < 10; ++i) invalidate(key("k" + std::to_string(i)));
  invalidate(key("1"));
  store.mood = PlainStore::Mood::well;
  EXPECT_EQ(read("2")->reason(), Reason::fresh);  // What memory holds is still right.
  EXPECT_EQ(text(read("1")), "v2");
  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "v2");
}

class JournalTest : public PendingTest {
 protected:
  JournalTest() { start_engine(); }
  ~JournalTest() override { EXPECT_TRUE(close()); }

  // The one before ends, with what it had pending: as after a crash, but for its memory.
  void start_engine(Engine::Limits limits = {.bytes_max = 1 << 20, .shards = 4}) {
    ASSERT_TRUE(close());
    engine = std::make_unique<Engine>(
        limits, Engine::Ports{world, world, world, &store, nullptr, &journal});
    Policy policy = plain_policy();
    policy.fresh_for = seconds(100);  // Longer than an engine takes to close.
    define(policy);
  }
  void leave_one_pending() {
    world.run();
    warm();
    write();
    store.fails_invalidations = true;
    EXPECT_EQ(**invalidate(key("1")), Held::pending);
    EXPECT_EQ(journal.size(), 1u);
  }
  kit::PlainJournal journal;
};

TEST_F(JournalTest, WhatIsPendingIsWrittenDownAndStruckOnceItIsDelivered) {
  leave_one_pending();
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
}

TEST_F(JournalTest, TheNextEngineTakesItUp) {
  leave_one_pending();
  start_engine();
  EXPECT_EQ(text(read("1")), "v2");  // The store still holds v1.
  EXPECT_EQ(read("1")->reason(), Reason::quarantined);
  EXPECT_EQ(text(read("2")), "w1");  // Of that nobody has said anything.
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(JournalTest, BeforeItHasBeenReadTheStoreIsNotAsked) {
  leave_one_pending();
  journal.fails = true;
  start_engine();
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(text(read("2")), "w2");
  EXPECT_EQ(engine->stats().invalidations_pending, 1u);
  journal.fails = false;
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  EXPECT_EQ(text(read("2")), "w1");
}

// What an invalidation has named the state by outlives the crash too: without it the source's
// replica, which is behind, would be asked, and kept.
TEST_F(JournalTest, TheNextEngineKnowsItsFloors) {
  source->lags = source->revisions = true;
  source->rows = {{"1", "1"}};
  world.run();
  read("1");
  store.fails_invalidations = true;
  Invalidation what;
  what.keys.push_back({"users", "1", "2"});
  EXPECT_EQ(**invalidate(what), Held::pending);
  start_engine();
  source->next_answers["1"] = {{.payload = "v1", .revision = "1"},
                               {.payload = "v2", .revision = "2"}};
  const Outcome early = ask("1");
  EXPECT_EQ(text(early), "pending") << "the source has answered at a state before the floor";
  world.advance(std::chrono::milliseconds(100));
  EXPECT_EQ(text(early), "v2");
  EXPECT_EQ(store.floors(), 0u);
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
  EXPECT_EQ(store.floors(), 1u) << "the other instances are told";
}

// It may have named anything: all that the store holds is outdated, once that has been said there.
TEST_F(JournalTest, WhatTheJournalHasLostCoversEverything) {
  leave_one_pending();
  journal.spoil();
  start_engine();
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(text(read("2")), "w2") << "the store still holds w1";
  EXPECT_EQ(read("2")->reason(), Reason::quarantined);
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  const AnyResult after = read("2");
  EXPECT_EQ(text(after), "w2");
  EXPECT_EQ(after->origin(), Origin::source) << "what the store held is void";
  EXPECT_EQ(read("2")->origin(), Origin::memory);
}

// And one of its floors may have been lost with it: until that would have ended, nothing is
// answered that was not read where nothing lags.
TEST_F(JournalTest, AFloorThatTheJournalHasLostMakesThePrimaryBeAsked) {
  source->lags = source->revisions = true;
  source->rows = {{"1", "1"}};
  world.run();
  read("1");
  store.fails_invalidations = true;
  Invalidation what;
  what.keys.push_back({"users", "1", "2"});
  EXPECT_EQ(**invalidate(what), Held::pending);
  journal.spoil();
  store.fails_invalidations = false;
  start_engine();
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
  ASSERT_FALSE(source->asked.back().primary);
  read("1");
  EXPECT_TRUE(source->asked.back().primary);
}

TEST_F(JournalTest, AJournalThatFailsChangesNothingForWhoIsThere) {
  world.run();
  warm();
  write();
  journal.fails = true;
  store.fails_invalidations = true;
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  EXPECT_EQ(text(read("1")), "v2");
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  journal.fails = false;
}

TEST_F(JournalTest, WhatWasFoldedIsStruckWithTheFold) {
  start_engine({.bytes_max = 1 << 20, .shards = 1, .pending_max = 2});
  world.run();
  store.fails_invalidations = true;
  for (const char* entity : {"1", "2", "3", "4"}) invalidate(key(entity));
  EXPECT_EQ(journal.size(), 4u);
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_EQ(journal.size(), 0u);
}

}  // namespace
}  // namespace headrace
