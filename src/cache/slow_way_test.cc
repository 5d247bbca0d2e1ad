// What a slow way to the store or to the source may not do: each of these histories was found by
// the simulator (sim/) in code that stood before.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SlowWayTest : public BenchTop {
 protected:
  SlowWayTest() { source->rows["1"] = "v1"; }

  void be_strict() {
    Policy policy = plain_policy();
    policy.level = Level::strict;
    define(policy);
  }
  void restart() {
    ASSERT_TRUE(close());
    make_engine();
  }
  // A read just before the end of fresh_for, whose store answers just after it.
  Outcome ask_slowly() {
    world.advance(milliseconds(9500));
    store.hold_answers = true;
    Outcome late = ask("1");
    world.advance(milliseconds(800));
    store.hold_answers = false;
    store.release_held();
    world.run();
    return late;
  }
  StoreKey slot = store_key_of("default", "users", "1");
};

// fresh_for is 10 s and store_within 1 s.
TEST_F(SlowWayTest, AHitThatGrewTooOldWhileItWasConfirmedIsNotAnswered) {
  be_strict();
  read("1");
  const Outcome late = ask_slowly();
  ASSERT_TRUE(*late && (*late)->has_value());
  EXPECT_EQ((**late)->origin(), Origin::source);
  EXPECT_LT((**late)->age(), seconds(1));
}

TEST_F(SlowWayTest, WhatTheStoreAnsweredLongAgoIsJudgedByItsAgeNow) {
  read("1");
  restart();
  const Outcome late = ask_slowly();
  ASSERT_TRUE(*late && (*late)->has_value());
  EXPECT_EQ((**late)->origin(), Origin::source);
}

TEST_F(SlowWayTest, AStrictReaderWhoInsistsOnTheSourceJoinsNoLoadThatHasAskedIt) {
  be_strict();
  source->hold = true;
  store.mood = PlainStore::Mood::failing;  // So the load has no lease that it could lose.
  const Outcome early = ask("1", {.refresh = true});
  world.run();
  ASSERT_EQ(source->held(), 1u);
  store.mood = PlainStore::Mood::well;
  source->rows["1"] = "v2";  // Another instance writes and invalidates; this one hears nothing.
  ASSERT_TRUE(world.run(store.invalidate({slot}))->has_value());
  const Outcome after = ask("1", {.refresh = true});
  const Outcome another = ask("1", {.refresh = true});
  let_go();
  EXPECT_EQ(text(after), "v2");
  EXPECT_EQ(text(another), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(SlowWayTest, APutThatArrivesAfterItsTimeDoesNotBringTheOldBack) {
  store.hold_publishes = true;
  std::optional<Result<Held>> held;
  start(engine->put(users, "1", Kind::value, std::make_shared<const std::string>("v1")),
        [&held](Result<Held> result) { held = std::move(result); });
  world.run();
  ASSERT_EQ(store.held(), 1u);
  world.advance(seconds(2));  // store_within passes: it is voided instead.
  ASSERT_TRUE(held && held->has_value());
  EXPECT_EQ(**held, Held::everywhere);
  source->rows["1"] = "v2";
  EXPECT_EQ(**invalidate(key("1")), Held::everywhere);
  store.hold_publishes = false;
  store.release_held();
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
  restart();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(SlowWayTest, ARefreshHasNothingToFallBackOnThatWasInvalidated) {
  Policy policy = plain_policy();
  policy.stale_for = seconds(60);
  define(policy);
  read("1");
  restart();
  define(policy);
  world.advance(seconds(20));
  store.hold_answers = true;
  const Outcome early = ask("1");
  world.run();
  source->rows["1"] = "v2";
  invalidate(key("1"));
  source->hold = source->failing = true;
  store.hold_answers = false;
  store.release_held();  // Stale, and too late: it begins no refresh with what it brought.
  world.run();
  EXPECT_EQ(text(early), "v1");
  const Outcome after = ask("1");
  source->release();
  world.run();
  EXPECT_EQ(text(after), "error: the source fails, as the test wants");
}

TEST_F(SlowWayTest, AStrictWaiterInQuarantineIsNotAnsweredByALoadThatWasOvertaken) {
  be_strict();
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  source->hold = true;
  const Outcome waiting = ask("1");
  world.run();
  source->rows["1"] = "v2";
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  source->release();
  world.run();
  EXPECT_EQ(text(waiting), "pending");
  let_go();
  EXPECT_EQ(text(waiting), "v2");
}

TEST_F(SlowWayTest, WaitingForTheLeaseOfSomebodyDeadLeavesTimeForTheSource) {
  Policy policy = plain_policy();
  policy.fetch_within = milliseconds(600);
  define(policy);
  const Token dead = world.token();
  ASSERT_TRUE(world.run(store.get_or_lease(slot, dead, seconds(10), {}))->has_value());
  const Outcome bounded = ask("1");
  const Outcome strict = ask("1", {.level = Level::strict});
  world.advance(milliseconds(599));
  EXPECT_EQ(text(bounded), "v1");
  EXPECT_EQ(text(strict), "v1");
}

}  // namespace
}  // namespace headrace
