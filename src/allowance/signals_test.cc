// Which invalidations reach which entities, and what their gates show of them: each gate sees each
// change once, however late it looks and whatever the others do.
#include "allowance/impl.h"

#include "allowance/fixture.h"

namespace headrace {
namespace {

using kit::Fleet;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(TagPatterns, NameOneEntityOrAll) {
  const TagPattern one("user:{entity}:hours");
  EXPECT_TRUE(one.matches("user:42:hours"));
  EXPECT_FALSE(one.matches("user:42"));
  EXPECT_FALSE(one.matches("group:42:hours"));
  EXPECT_FALSE(TagPattern("user:{entity}").matches("use"));
  EXPECT_EQ(one.entity_of("user:42:hours"), "42");
  const TagPattern all("staff");
  EXPECT_TRUE(all.matches("staff"));
  EXPECT_FALSE(all.matches("staffing"));
  EXPECT_FALSE(all.names_one);
  EXPECT_FALSE(TagPattern("{entity}:{entity}").names_one);
}

class SignalsTest : public Fleet {
 protected:
  SignalsTest() { meter->plans = {{"1", "0"}, {"2", "0"}}; }

  AllowanceGate watch(Instance& on, GateOptions options = {}) {
    auto gate = on.allowances->watch("1", std::move(options));
    EXPECT_TRUE(gate.has_value());
    world.run();
    return *std::move(gate);
  }
};

TEST_F(SignalsTest, EveryNameThatCoversItIsASignalAndNoOther) {
  Instance& one = add();
  AllowanceGate gate = watch(one);
  std::vector<Invalidation> signals(6);
  signals[0] = key();
  signals[1].tags = {"user:1"};
  signals[2].tags = {"staff"};
  signals[3].policies = {"users"};
  signals[4].everything = true;
  signals[5] = key();
  signals[5].tags = {"user:1", "staff"};  // By three names, and once.
  for (const Invalidation& signal : signals) {
    EXPECT_FALSE(gate.changed_since_last_look());
    const auto reads = meter->reads;
    invalidate(one, signal);
    EXPECT_EQ(meter->reads, reads + 1);
    EXPECT_TRUE(gate.changed_since_last_look());
  }
  const auto reads = meter->reads;
  Invalidation others = key("2");
  others.keys.push_back({"posts", "1"});
  others.tags = {"user:2", "posts"};
  others.policies = {"posts"};
  invalidate(one, others);
  EXPECT_EQ(meter->reads, reads);
  EXPECT_FALSE(gate.changed_since_last_look());
}

TEST_F(SignalsTest, AGapInWhatTheBusSaysIsASignalToAll) {
  Instance& one = add();
  AllowanceGate gate = watch(one);
  meter->plans["1"] = "5";
  one.bus.notice();
  world.run();
  EXPECT_TRUE(gate.is_open());
}

TEST_F(SignalsTest, EachGateOfEachInstanceFollowsWithinTheBoundAndSeesItOnce) {
  std::vector<Instance*> all = {&add(), &add()};
  std::vector<AllowanceGate> gates;
  for (Instance* each : all) {
    for (int i = 0; i < 3; ++i) gates.push_back(watch(*each));
  }
  for (const AllowanceGate& gate : gates) EXPECT_FALSE(gate.is_open());
  world.advance(minutes(20));
  meter->before = meter->after = milliseconds(200);
  meter->plans["1"] = "720";
  invalidate(*all[0], key());
  world.advance(seconds(1));  // The bus's bound.
  for (AllowanceGate& gate : gates) {
    EXPECT_TRUE(gate.is_open());
    EXPECT_EQ(text(gate.left()), "720 left");
  }
  world.advance(minutes(7));  // However late it looks.
  for (AllowanceGate& gate : gates) {
    EXPECT_TRUE(gate.changed_since_last_look());
    EXPECT_FALSE(gate.changed_since_last_look());
  }
  EXPECT_FALSE(watch(*all[1]).changed_since_last_look()) << "it has come after that";
}

TEST_F(SignalsTest, AChangeIsSeenWhenItsBalanceIs) {
  Instance& one = add();
  AllowanceGate gate = watch(one);
  meter->plans["1"] = "5";
  meter->failing = true;
  invalidate(one, key());
  EXPECT_FALSE(gate.changed_since_last_look());
  meter->failing = false;
  world.advance(seconds(1));
  EXPECT_TRUE(gate.is_open());
  EXPECT_TRUE(gate.changed_since_last_look());
}

TEST_F(SignalsTest, ASignalDuringAReadIsFollowedByAnother) {
  Instance& one = add();
  AllowanceGate gate = watch(one);
  meter->after = milliseconds(300);
  invalidate(one, key());
  meter->plans["1"] = "5";  // After the source has answered, and before that is known.
  invalidate(one, key());
  world.advance(milliseconds(599));
  EXPECT_FALSE(gate.is_open());
  world.advance(milliseconds(1));
  EXPECT_TRUE(gate.is_open());
}

TEST_F(SignalsTest, WhoeverWantsToBeToldIsToldOfEachCrossingOnce) {
  Instance& one = add();
  std::vector<bool> opened;
  std::vector<std::string> below;
  const AllowanceGate first = watch(one);  // So that it is known when the other comes.
  const AllowanceGate gate =
      watch(one, {.on_gate = [&](bool open) { opened.push_back(open); },
                  .on_below = [&](const Balance& left) { below.push_back(text(left)); },
                  .below = 4});
  meter->plans["1"] = "9";
  invalidate(one, key());
  EXPECT_THAT(opened, ElementsAre(true));
  EXPECT_THAT(below, IsEmpty());
  for (int i = 0; i < 3; ++i) spend(one, 2);
  EXPECT_THAT(below, ElementsAre("3 left"));
  EXPECT_THAT(opened, ElementsAre(true));
  for (int i = 0; i < 3; ++i) spend(one, 2);
  EXPECT_THAT(below, ElementsAre("3 left"));
  EXPECT_THAT(opened, ElementsAre(true, false));
  meter->plans["1"] = "20";
  invalidate(one, key());
  EXPECT_THAT(opened, ElementsAre(true, false, true));
}

TEST_F(SignalsTest, OneThatBlocksHoldsNobodyUpAndSeesTheLatest) {
  kit::World elsewhere;  // Where nothing runs before the test says so.
  Instance& one = add();
  std::vector<bool> slow;
  std::vector<bool> quick;
  const AllowanceGate blocked =
      watch(one, {.on_gate = [&](bool open) { slow.push_back(open); }, .executor = &elsewhere});
  const AllowanceGate other = watch(one, {.on_gate = [&](bool open) { quick.push_back(open); }});
  for (const char* plan : {"5", "0", "5"}) {
    meter->plans["1"] = plan;
    invalidate(one, key());
  }
  EXPECT_THAT(quick, ElementsAre(true, false, true));
  EXPECT_THAT(slow, IsEmpty());
  EXPECT_TRUE(blocked.is_open()) << "it need not wait to be told";
  EXPECT_LE(elsewhere.queued(), 1u);
  elsewhere.run();
  EXPECT_THAT(slow, ElementsAre(true));
}

TEST_F(SignalsTest, WhoHasGoneIsNotTold) {
  Instance& one = add();
  int calls = 0;
  {
    const AllowanceGate gate = watch(one, {.on_gate = [&](bool) { ++calls; }});
    meter->plans["1"] = "5";
    start(one.engine->invalidate(key()), [](const auto&) {});
  }
  world.run();
  EXPECT_EQ(calls, 0);
}

// For those who come and go, and say where they were.
TEST_F(SignalsTest, ACursorKeepsAPlaceWithoutAGate) {
  Instance& one = add();
  const GateCursor before = watch(one).state().cursor;
  world.advance(minutes(3));
  EXPECT_EQ(watch(one).state().cursor, before);
  meter->plans["1"] = "5";
  invalidate(one, key());
  const AllowanceGate early = watch(one);  // Who comes first takes nothing from the late one.
  const AllowanceGate late = watch(one);
  EXPECT_NE(late.state().cursor, before);
  EXPECT_EQ(late.state().cursor, early.state().cursor);
  EXPECT_TRUE(late.state().open);
  EXPECT_EQ(text(late.state().left), "5 left");
}

TEST_F(SignalsTest, ACursorOfAnotherRowIsAnother) {
  AllowancePolicy policy = plain();
  policy.entities_max = 1;
  Instance& one = add(policy);
  const GateCursor cursor = watch(one).state().cursor;
  EXPECT_NE(watch(add()).state().cursor, cursor) << "another instance";
  EXPECT_EQ(spends(one, 0, "2"), "0, 0 left, shut") << "the first one goes";
  world.advance(minutes(3));
  EXPECT_NE(watch(one).state().cursor, cursor) << "forgotten meanwhile";
}

TEST_F(SignalsTest, WhoeverWantsToBeToldOfChangesIsToldThoughTheGateIsAsBefore) {
  Instance& one = add();
  int calls = 0;
  AllowanceGate gate = watch(one, {.on_change = [&] { ++calls; }});
  EXPECT_EQ(calls, 0) << "the first read is no change";
  invalidate(one, key());
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(gate.changed_since_last_look());
  spend(one, 1);
  EXPECT_EQ(calls, 1);
}

TEST_F(SignalsTest, AGateOutlivesTheAllowances) {
  Instance& one = add();
  const AllowanceGate gate = watch(one);
  start(one.allowances->close(), [] {});
  let_go();
  open(one, plain(), &one.way);
  EXPECT_FALSE(gate.is_open());
}

}  // namespace
}  // namespace headrace
