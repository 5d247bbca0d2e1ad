// A store that goes back to an older state: what it has forgotten is sent to it again before
// anything that it says is believed.
#include "kit/bench_top.h"
#include "kit/plain_bus.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FailoverTest : public BenchTop {
 protected:
  FailoverTest() {
    store.present_incarnation = {1, 1};
    source->rows = {{"1", "v1"}, {"2", "w1"}};
  }
  // The store holds v1 of key 1; then it is changed and invalidated, and the store forgets that.
  void forget_an_invalidation(const Invalidation& what) {
    read("1");
    replica = store.state();
    source->rows["1"] = "v2";
    ASSERT_EQ(**invalidate(what), Held::everywhere);
    fail_over();
  }
  void fail_over() {
    store.state() = replica;
    ++store.present_incarnation.low;
  }
  StoreKey slot = store_key_of("default", "users", "1");
  kit::Slots replica;
};

TEST_F(FailoverTest, WhatWasForgottenIsSentAgainBeforeTheStoreIsBelieved) {
  for (const Invalidation& what : {key("1"), tag("user:1"), whole_policy(), everything()}) {
    source->rows["1"] = "v1";
    invalidate(everything());
    forget_an_invalidation(what);
    EXPECT_EQ(text(read("1")), "v2");
    world.advance(milliseconds(1));
    EXPECT_EQ(text(read("1")), "v2");
  }
}

TEST_F(FailoverTest, WithoutAReadItIsNoticedInTime) {
  forget_an_invalidation(key("1"));
  EXPECT_EQ((**world.run(store.look(slot, {}, Store::Payload::with))).state, Slot::State::held);
  world.advance(seconds(1));
  EXPECT_EQ((**world.run(store.look(slot, {}, Store::Payload::with))).state, Slot::State::empty);
}

TEST_F(FailoverTest, AnAnswerFromBeforeTheReplayDoesNotCountAfterIt) {
  forget_an_invalidation(key("1"));
  store.hold_answers = true;
  const Outcome waiting = ask("1");  // The store has answered v1, which is on its way ...
  world.run();
  ASSERT_EQ(store.held(), 1u);
  store.hold_answers = false;
  read("2");  // ... when another answer shows that the store is another, and all is replayed.
  world.run();
  store.release_held();
  world.run();
  EXPECT_EQ(text(waiting), "v2");
}

TEST_F(FailoverTest, WhileItCannotBeReplayedTheSourceAnswers) {
  forget_an_invalidation(key("1"));
  store.fails_invalidations = true;
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("2", {.refresh = true})->reason(), Reason::quarantined);
  EXPECT_FALSE(engine->stats().trusts_store);
  store.fails_invalidations = false;
  world.advance(seconds(1));
  EXPECT_TRUE(engine->stats().trusts_store);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("2", {.refresh = true})->reason(), Reason::forced);
}

TEST_F(FailoverTest, AStrictHitIsNotConfirmedByAStoreThatIsAnother) {
  read("1");
  read("2");
  replica = store.state();
  source->rows["1"] = "v2";
  invalidate(key("1"));
  fail_over();
  store.fails_invalidations = true;
  // What is kept of 2 is right; but nothing confirms it.
  EXPECT_EQ(read("2", {.level = Level::strict})->origin(), Origin::source);
  EXPECT_EQ(text(read("1", {.level = Level::strict})), "v2");
  store.fails_invalidations = false;
}

TEST_F(FailoverTest, WhatAnotherStoreAcknowledgesIsPendingUntilItIsTheTrustedOne) {
  read("1");
  fail_over();
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
}

TEST_F(FailoverTest, IfNotAllIsRememberedEverythingIsInvalidated) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 4, .replay_max = 2});
  read("1");
  replica = store.state();
  source->rows["1"] = "v2";
  for (const char* entity : {"1", "2", "3"}) invalidate(key(entity));
  fail_over();
  EXPECT_EQ(text(read("1")), "v2");
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

// The same on a bus, of which the test is another member.
class HeardFailoverTest : public FailoverTest {
 protected:
  HeardFailoverTest() {
    EXPECT_TRUE(close());
    engine = std::make_unique<Engine>(Engine::Limits{.bytes_max = 1 << 20, .shards = 4},
                                      Engine::Ports{world, world, world, &store, &bus});
    define(plain_policy());
  }
  ~HeardFailoverTest() override { engine.reset(); }  // Before its bus.

  // Another instance has invalidated key 1, and `by` has acknowledged it.
  void hear_of_an_invalidation(Token by) {
    BusMessage said{.origin = {7, 7}, .sequence = 1, .names = key("1"), .incarnation = by};
    said.keys.push_back(slot);
    ASSERT_TRUE(world.run(other.publish({said}))->has_value());
  }
  kit::BusServer server;
  kit::PlainBus bus{server};
  kit::PlainBus other{server};
};

TEST_F(HeardFailoverTest, WhoHasOnlyHeardOfItSendsItToo) {
  read("1");
  replica = store.state();
  source->rows["1"] = "v2";
  // Another instance invalidates, says so, and is gone.
  hear_of_an_invalidation(**world.run(store.invalidate({slot})));
  fail_over();
  EXPECT_EQ(text(read("1")), "v2");
  world.run();
  EXPECT_EQ((**world.run(store.look(slot, {}, Store::Payload::with))).envelope.payload, "");
}

TEST_F(HeardFailoverTest, WhatAnOlderStoreHasAcknowledgedToAnotherIsSentToThisOne) {
  read("1");
  source->rows["1"] = "v2";
  hear_of_an_invalidation({9, 9});
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

}  // namespace
}  // namespace headrace
