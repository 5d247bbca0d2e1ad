// What is critical: revoked first, and then everything else.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::seconds;
using testing::HasSubstr;

class CriticalTest : public BenchTop {
 protected:
  CriticalTest() {
    Policy policy = plain_policy();
    policy.level = Level::critical;
    define(policy);
    source->rows["1"] = "granted";
  }
  static StoreKey slot_key() { return store_key_of("default", "users", "1"); }
  Slot slot() { return store.state().view(slot_key(), {}, world.now(), world); }
};

TEST_F(CriticalTest, ARevocationLeavesAMarkerForAsLongAsAnythingOlderCouldBeKept) {
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  source->rows["1"] = "revoked";
  EXPECT_EQ(**invalidate(key("1")), Held::everywhere);
  EXPECT_TRUE(slot().guarded);
  world.advance(seconds(10) - Duration(1));  // The policy's bound.
  EXPECT_EQ(text(read("1")), "revoked");
  EXPECT_EQ(read("1")->reason(), Reason::guarded);
  EXPECT_EQ(slot().state, Slot::State::empty);
  world.advance(Duration(1));
  EXPECT_EQ(text(read("1")), "revoked");
  EXPECT_EQ(slot().state, Slot::State::held);
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(CriticalTest, WhatComesBackInTheSlotIsNotAnsweredUnderTheMarker) {
  read("1");
  const Envelope old = slot().envelope;
  source->rows["1"] = "revoked";
  invalidate(key("1"));
  // As a store would that forgets the end of the slot, but not the marker.
  store.state().put(slot_key(), old, seconds(10), world.now());
  EXPECT_EQ(text(read("1")), "revoked");
  ASSERT_TRUE(close());
  make_engine();
  Policy policy = plain_policy();
  policy.level = Level::critical;
  define(policy);
  EXPECT_EQ(text(read("1")), "revoked");
}

TEST_F(CriticalTest, AnotherInstancesMarkerCountsForWhatIsInMemory) {
  read("1");
  const Envelope old = slot().envelope;
  source->rows["1"] = "revoked";
  store.state().guard({slot_key()}, Token{1, 2}, world.now() + seconds(10));
  store.state().put(slot_key(), old, seconds(10), world.now());
  EXPECT_EQ(text(read("1")), "revoked");
}

TEST_F(CriticalTest, OneMarkerHoweverOftenItIsRevoked) {
  for (int i = 0; i < 5; ++i) invalidate(key("1"));
  EXPECT_EQ(store.guards(), 1u);
}

TEST_F(CriticalTest, WithoutTheMarkerARevocationIsPendingAndTheSourceAnswers) {
  read("1");
  source->rows["1"] = "revoked";
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(key("1")), Held::pending);
  EXPECT_EQ(text(read("1")), "revoked");
  EXPECT_EQ(read("1")->origin(), Origin::source);
  store.mood = PlainStore::Mood::well;
  world.advance(seconds(1));
  EXPECT_TRUE(slot().guarded);
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
}

TEST_F(CriticalTest, WhatIsRevokedWhileItIsBeingKeptIsNotAnswered) {
  store.hold_publishes = true;
  const Outcome outcome = ask("1");
  world.run();
  ASSERT_EQ(store.held(), 1u);
  store.hold_publishes = false;
  store.mood = PlainStore::Mood::hanging;  // Whatever is asked after the publish has to wait.
  store.release_held();
  ASSERT_EQ(slot().state, Slot::State::held);
  source->rows["1"] = "revoked";
  // By another instance.
  store.state().guard({slot_key()}, Token{1, 2}, world.now() + seconds(10));
  store.mood = PlainStore::Mood::well;
  store.release_held();
  world.run();
  EXPECT_EQ(text(outcome), "revoked");
}

TEST_F(CriticalTest, NothingIsPut) {
  const auto outcome = put("1", "mine");
  ASSERT_FALSE(outcome->has_value());
  EXPECT_EQ(outcome->error().code, Code::not_allowed);
  EXPECT_THAT(outcome->error().what, HasSubstr("is critical"));
}

TEST_F(CriticalTest, WhatIsKeptForLongerThanAMarkerLastsIsRefused) {
  Policy policy = plain_policy();
  policy.level = Level::critical;
  policy.fresh_for = std::chrono::hours(25);
  EXPECT_THAT(faults_of(policy), testing::ElementsAre(HasSubstr("at most 24 hours")));
}

}  // namespace
}  // namespace headrace
