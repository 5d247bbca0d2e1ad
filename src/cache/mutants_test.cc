// Takes each mechanism out and shows that the race is lost then: the other tests can fail.
#include "core/mutants.h"
#include "cache/guard_death_fixture.h"
#include "cache/late_fill_fixture.h"

namespace headrace {
namespace {

using kit::How;
using kit::LateFill;
using kit::Path;

class MutantTest : public LateFill {
 protected:
  MutantTest() { restore_all(); }
  ~MutantTest() override { restore_all(); }
};

using Case = std::tuple<Path, How>;
class LateFillMutantTest : public MutantTest, public testing::WithParamInterface<Case> {};

TEST_P(LateFillMutantTest, NothingRemovedTheRaceIsWon) {
  const auto [path, how] = GetParam();
  EXPECT_EQ(run(path, how, Then::read), "v2");
}

// Without the fence of the memory the old value is answered, on every path and whatever was
// invalidated.
TEST_P(LateFillMutantTest, WithoutTheMemoryFenceTheOldValueComesBack) {
  const auto [path, how] = GetParam();
  remove(Mechanism::memory_fence);
  EXPECT_EQ(run(path, how, Then::read), "v1");
}

TEST_P(LateFillMutantTest, WithoutTheStoreFenceItComesBackFromTheStore) {
  const auto [path, how] = GetParam();
  remove(Mechanism::store_fence);
  EXPECT_EQ(run(path, how, Then::restart_and_read), "v1");
}

INSTANTIATE_TEST_SUITE_P(All, LateFillMutantTest,
                         testing::Combine(testing::ValuesIn(kit::all_paths),
                                          testing::ValuesIn(kit::all_hows)));

TEST_F(MutantTest, WithoutTheJoinRuleANewReaderGetsTheOldLoad) {
  source->rows["1"] = "v1";
  source->hold = true;
  const Outcome before = ask("1");
  world.run();
  source->rows["1"] = "v2";
  remove(Mechanism::join_rule);
  invalidate(key("1"));
  const Outcome after = ask("1");
  let_go();
  EXPECT_EQ(text(after), "v1");
}

TEST_F(MutantTest, WithoutTheQuarantineTheStoreAnswersOld) {
  source->rows["1"] = "v1";
  read("1");
  source->rows["1"] = "v2";
  remove(Mechanism::quarantine);
  store.mood = kit::PlainStore::Mood::failing;
  invalidate(key("1"));
  store.mood = kit::PlainStore::Mood::well;
  EXPECT_EQ(text(read("1")), "v1");
}

TEST_F(MutantTest, WithoutTheWatermarkCheckATagIsNotInvalidated) {
  source->rows["1"] = "v1";
  read("1");
  source->rows["1"] = "v2";
  remove(Mechanism::watermark_check);
  invalidate(tag("user:1"));
  EXPECT_EQ(text(read("1")), "v1");
}

class StrictMutantTest : public MutantTest {
 protected:
  StrictMutantTest() {
    Policy policy = plain_policy();
    policy.level = Level::strict;
    define(policy);
    source->rows["1"] = "v1";
  }
};

TEST_F(StrictMutantTest, WithoutTheReloadAStrictWaiterGetsTheLostRacesValue) {
  remove(Mechanism::strict_reload);
  source->hold = true;
  const Outcome waiting = ask("1");
  world.run();
  source->rows["1"] = "v2";
  invalidate(key("1"));
  let_go();
  EXPECT_EQ(text(waiting), "v1");
}

TEST_F(StrictMutantTest, WithoutTheValidationAnothersInvalidationIsMissed) {
  read("1");
  source->rows["1"] = "v2";
  remove(Mechanism::validation);
  ASSERT_TRUE(world.run(store.invalidate({store_key_of("default", "users", "1")}))->has_value());
  EXPECT_EQ(text(read("1")), "v1");
}

TEST_F(MutantTest, WithoutTheSingleFlightManyLoads) {
  remove(Mechanism::single_flight);
  source->rows["1"] = "v1";
  source->hold = true;
  for (int i = 0; i < 3; ++i) ask("1");
  let_go();
  EXPECT_GT(source->reads, 1u);
}

// The source lags: once it answers state 1, although the invalidation has named change 2.
class FloorMutantTest : public MutantTest {
 protected:
  FloorMutantTest() {
    source->lags = true;
    Invalidation what = key("1");
    what.keys[0].revision = "2";
    invalidate(what);
    source->next_answers["1"] = {{.payload = "v1", .revision = "1"}};
    source->rows["1"] = "v2";
    source->revisions = true;
  }
};

TEST_F(FloorMutantTest, WithoutTheFloorWhatIsTooOldIsAnsweredAndKept) {
  remove(Mechanism::floor);
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(FloorMutantTest, WithoutALeaseItIsAnswered) {
  remove(Mechanism::floor_without_lease);
  const StoreKey slot = store_key_of("default", "users", "1");
  ASSERT_TRUE(world.run(store.guard({slot}, world.token(), std::chrono::seconds(9)))->has_value());
  ASSERT_TRUE((**world.run(store.get_or_lease(slot, world.token(), Duration(1), {}))).granted);
  EXPECT_EQ(text(read("1")), "v1");
}

TEST_F(FloorMutantTest, InDoubtAReplicaAnswers) {
  remove(Mechanism::primary_in_doubt);
  store.mood = kit::PlainStore::Mood::failing;
  source->rows["2"] = "1";
  EXPECT_EQ(text(read("2")), "1");
  EXPECT_FALSE(source->asked.back().primary);
}

// A writer dies at each step of its write; see guard_death_fixture.h.
class GuardDeathMutantTest : public testing::TestWithParam<Mechanism> {
 protected:
  GuardDeathMutantTest() { restore_all(); }
  ~GuardDeathMutantTest() override { restore_all(); }
};

TEST_P(GuardDeathMutantTest, SomeDeathLeavesTheOldValue) {
  remove(GetParam());
  EXPECT_NE(kit::every_death(kit::Way::guarded, true).fault, "");
}

INSTANTIATE_TEST_SUITE_P(All, GuardDeathMutantTest,
                         testing::Values(Mechanism::write_guard, Mechanism::guard_met,
                                         Mechanism::guard_after_grant, Mechanism::guard_outlives,
                                         Mechanism::silence),
                         [](const auto& one) { return std::string(name_of(one.param)); });

class LinearizableDeathMutantTest : public GuardDeathMutantTest {};

TEST_P(LinearizableDeathMutantTest, SomeDeathLeavesTheOldValue) {
  remove(GetParam());
  EXPECT_NE(kit::every_death(kit::Way::linearizable, false).fault, "");
}

INSTANTIATE_TEST_SUITE_P(All, LinearizableDeathMutantTest,
                         testing::Values(Mechanism::write_guard, Mechanism::guard_met,
                                         Mechanism::guard_after_grant, Mechanism::validation),
                         [](const auto& one) { return std::string(name_of(one.param)); });

}  // namespace
}  // namespace headrace
