// A writer may die at any step of a write: what it leaves behind under a guard is no old value.
#include "cache/guard_death_fixture.h"

namespace headrace {
namespace {

using kit::every_death;
using kit::EveryDeath;
using kit::Way;

// Guard, change, invalidation, its message and the guard's end stop twice each.
constexpr std::size_t steps_min = 10;

TEST(GuardDeath, UnderAGuardNoOldValueIsLeft) {
  const EveryDeath all = every_death(Way::guarded, false);
  EXPECT_EQ(all.fault, "");
  EXPECT_GE(all.steps, steps_min);
  EXPECT_GT(all.old, 0u) << "no memory has answered by itself";
}

TEST(GuardDeath, NorWhereTheChangeIsMadeAtTheLastMoment) {
  const EveryDeath all = every_death(Way::guarded, true);
  EXPECT_EQ(all.fault, "");
  EXPECT_GE(all.steps, steps_min);
  EXPECT_GT(all.old, 0u) << "no memory has answered by itself";
}

TEST(GuardDeath, UnderALinearizablePolicyNoReadAfterTheCommitIsOld) {
  const EveryDeath all = every_death(Way::linearizable, false);
  EXPECT_EQ(all.fault, "");
  EXPECT_GE(all.steps, steps_min);
  EXPECT_EQ(all.old, 0u);
}

TEST(GuardDeath, NorAfterThatOfAnUpdate) {
  const EveryDeath all = every_death(Way::updated, false);
  EXPECT_EQ(all.fault, "");
  EXPECT_GE(all.steps, steps_min + 2) << "and the read that it starts from";
  EXPECT_EQ(all.old, 0u);
}

TEST(GuardDeath, WithoutAGuardOldValuesEndWithTheBound) {
  const EveryDeath all = every_death(Way::unguarded, false);
  EXPECT_EQ(all.fault, "");
  EXPECT_GE(all.steps, 6u) << "change, invalidation and its message";
  EXPECT_GT(all.old, 0u) << "what a guard is for";
}

}  // namespace
}  // namespace headrace
