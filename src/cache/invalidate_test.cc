// Invalidations and switches: what they promise when all is well.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using std::chrono::seconds;
using testing::HasSubstr;

class InvalidateTest : public BenchTop {
 protected:
  InvalidateTest() { source->rows = {{"1", "v1"}, {"2", "w1"}}; }
  void write() { source->rows = {{"1", "v2"}, {"2", "w2"}}; }
  void warm() {
    read("1");
    read("2");
  }
};

TEST_F(InvalidateTest, AKeyTakesItselfAlone) {
  warm();
  write();
  EXPECT_EQ(**invalidate(key("1")), Held::everywhere);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(text(read("2")), "w1");
}

TEST_F(InvalidateTest, ATagTakesWhatHangsOnIt) {
  warm();
  write();
  invalidate(tag("user:2"));
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(text(read("2")), "w2");
}

TEST_F(InvalidateTest, ATagReachesEveryTenantsPolicies) {
  Policy policy = plain_policy();
  policy.tenant = "other";
  define(policy);
  warm();
  write();
  invalidate(tag("user:2"));
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(text(read("2")), "w2");
  ASSERT_TRUE(close());
  make_engine();
  define(policy);
  EXPECT_EQ(text(read("2")), "w2");
}

TEST_F(InvalidateTest, APolicyAndEverythingTakeAllOfIt) {
  for (const bool all : {false, true}) {
    warm();
    write();
    invalidate(all ? everything() : whole_policy());
    EXPECT_EQ(text(read("1")), "v2");
    EXPECT_EQ(text(read("2")), "w2");
    source->rows = {{"1", "v1"}, {"2", "w1"}};
    invalidate(everything());
  }
}

TEST_F(InvalidateTest, WhatIsInvalidatedFreesItsMemory) {
  warm();
  EXPECT_EQ(engine->stats().memory.entries, 2u);
  invalidate(everything());
  world.run();
  EXPECT_EQ(engine->stats().memory.entries, 0u);
}

TEST_F(InvalidateTest, TheLastEntryTakesItsTagsWithIt) {
  read("1");
  invalidate(key("1"));
  EXPECT_EQ(engine->stats().memory.entries, 0u);
  EXPECT_THAT(engine->audit(), testing::IsEmpty());
}

TEST_F(InvalidateTest, AnUnknownPolicyIsNoError) {
  Invalidation what;
  what.keys.push_back({"of-another-version", "1"});
  what.policies.push_back("of-another-version");
  EXPECT_EQ(**invalidate(what), Held::everywhere);
}

// Whoever else uses the store may answer from memory what it was: only the store says otherwise.
TEST_F(InvalidateTest, WithoutABusASharedStoreIsAllThatIsTold) {
  warm();
  write();
  store.shared = true;
  EXPECT_EQ(**invalidate(key("1")), Held::in_store);
  EXPECT_EQ(**world.run(engine->invalidate(key("1"), Wait::everywhere)), Held::in_store);
  EXPECT_EQ(name_of(Held::in_store), "store");
  EXPECT_EQ(text(read("1")), "v2");
  store.shared = false;
  EXPECT_EQ(**invalidate(key("1")), Held::everywhere);
}

TEST_F(InvalidateTest, ABadNameLeavesNothingHalfDone) {
  warm();
  write();
  Invalidation what = key("1");
  what.tags.push_back("");
  EXPECT_EQ(invalidate(what)->error().code, Code::invalid_argument);
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(invalidate({})->error().code, Code::invalid_argument);
  EXPECT_EQ(invalidate(key(std::string(2000, 'x')))->error().code, Code::too_large);
}

TEST_F(InvalidateTest, InvalidationsWorkWhileAPolicyIsOff) {
  warm();
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::off}))->has_value());
  write();
  EXPECT_EQ(read("1")->reason(), Reason::policy_off);
  EXPECT_EQ(**invalidate(key("1")), Held::everywhere);
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::on}))->has_value());
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(text(read("2")), "w1");  // Kept from before; nobody invalidated it.
}

TEST_F(InvalidateTest, TheGlobalSwitchBeatsEveryPolicy) {
  warm();
  engine->set_reads(false);
  write();
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_FALSE(engine->policies().at(0).reads_on);
  invalidate(key("1"));
  engine->set_reads(true);
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(InvalidateTest, AVersionBumpAbandonsAllAndOutlivesARestart) {
  warm();
  write();
  const auto view = world.run(engine->change("users", {.bump_version = true}));
  EXPECT_EQ((*view)->version, 2u);
  EXPECT_EQ(text(read("1")), "v2");
  ASSERT_TRUE(close());
  make_engine();  // The declaration still says version 1.
  EXPECT_EQ(text(read("2")), "w2");
}

TEST_F(InvalidateTest, AChangeIsCheckedWhole) {
  EXPECT_EQ(world.run(engine->change("none", {}))->error().code, Code::unknown_policy);
  const PolicyChange bad{.rollout = Rollout::off, .percentage = 101};
  EXPECT_EQ(world.run(engine->change("users", bad))->error().code, Code::invalid_argument);
  warm();
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(InvalidateTest, AReloadThatShortensTimesAppliesToWhatIsKept) {
  warm();
  world.advance(seconds(5));
  Policy policy = plain_policy();
  policy.fresh_for = seconds(2);
  define(policy);
  write();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(InvalidateTest, ExplainTellsTheWholeStory) {
  read("1");
  world.advance(seconds(3));
  const auto story = world.run(engine->explain(users, "1"));
  ASSERT_TRUE(story->has_value());
  EXPECT_EQ((*story)->memory.state, "fresh");
  EXPECT_EQ((*story)->store.state, "fresh");
  EXPECT_EQ((*story)->store.age, seconds(3));
  ASSERT_EQ((*story)->watermarks.size(), 4u);
  EXPECT_EQ((*story)->watermarks[3].name, "tag:default/user:1");
  for (const auto& mark : (*story)->watermarks) EXPECT_TRUE(mark.holds) << mark.name;
  EXPECT_THAT((*story)->verdict, HasSubstr("from memory"));

  invalidate(tag("user:1"));
  const auto after = world.run(engine->explain(users, "1"));
  EXPECT_EQ((*after)->memory.state, "empty");
  EXPECT_EQ((*after)->store.state, "invalidated");
  EXPECT_FALSE((*after)->watermarks[3].holds);
  EXPECT_THAT((*after)->verdict, HasSubstr("goes to the source"));
}

// While a policy is away nobody can outdate what the store holds of it.
TEST_F(InvalidateTest, APolicyThatComesBackFindsNothingOfBefore) {
  source->rows["1"] = "v1";
  read("1");
  engine->undefine("users");
  engine->undefine("users");  // Of one that is not there: nothing.
  world.run();
  source->rows["1"] = "v2";
  define(plain_policy());
  const AnyResult answer = read("1");
  EXPECT_EQ(text(answer), "v2");
  EXPECT_EQ(answer->origin(), Origin::source);
}

TEST_F(InvalidateTest, APolicyThatComesBackToItsQuestionFindsNothingOfBefore) {
  const std::vector<Dependency> people = {{.database = "d", .collection = "people"}};
  source->made_of = people;
  define(plain_policy());
  source->rows["1"] = "v1";
  read("1");
  source->made_of = {{.database = "d", .collection = "others"}};
  define(plain_policy());
  world.run();
  source->rows["1"] = "v2";
  source->made_of = people;
  define(plain_policy());
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(InvalidateTest, APolicyDefinedAgainAlikeFindsWhatTheStoreHolds) {
  source->rows["1"] = "v1";
  read("1");
  define(plain_policy());
  world.run();
  EXPECT_EQ(read("1")->origin(), Origin::store);
}

}  // namespace
}  // namespace headrace
