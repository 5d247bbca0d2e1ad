#include "sim/world.h"

#include <gtest/gtest.h>

#include "core/marks.h"
#include "core/mutants.h"
#include "sim/search.h"
#include "sim/shrink.h"

namespace headrace::sim {
namespace {

#ifdef HEADRACE_SANITIZED
constexpr std::uint64_t budget = 400;
#else
constexpr std::uint64_t budget = 25'000;
constexpr std::uint64_t mutant_budget = 40'000;  // Worlds in which each mutant has to be seen.
#endif

void no_progress(const Searched&) {}

class WorldTest : public testing::Test {
 protected:
  WorldTest() { restore_all(); }
  ~WorldTest() override { restore_all(); }
};

TEST_F(WorldTest, TheSameSeedGivesTheSameHistory) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const World::Outcome once = World::run(plan_of(seed), false);
    const World::Outcome again = World::run(plan_of(seed), true);  // To tell it changes nothing.
    ASSERT_EQ(once.trace, again.trace) << seed;
    ASSERT_EQ(once.events, again.events) << seed;
    ASSERT_EQ(once.violation, again.violation) << seed;
  }
}

TEST_F(WorldTest, DifferentSeedsGiveDifferentHistories) {
  EXPECT_NE(World::run(plan_of(1), false).trace, World::run(plan_of(2), false).trace);
}

TEST_F(WorldTest, EveryAnswerOfManyWorldsIsAccountedForAndEveryMarkIsReached) {
  const Searched done = search({.first = 1, .worlds = budget, .jobs = 2}, no_progress);
  EXPECT_FALSE(done.seed) << "seed " << done.seed.value_or(0) << ": " << done.violation;
  EXPECT_EQ(done.worlds, budget);
  if (budget < 10'000) return;  // Too few to reach everything.
  for (unsigned i = 0; i < static_cast<unsigned>(Mark::last); ++i) {
    EXPECT_NE(done.marks >> i & 1, 0u) << "never reached: " << name_of(static_cast<Mark>(i));
  }
}

#ifndef HEADRACE_SANITIZED  // There a world takes fifty times as long.

// Where the search for a world that shows it begins.  What few worlds show is looked for close to
// one that did, which saves minutes; if worlds have changed since, the search goes on as far as
// any. `simulate --mutants` begins with the first world for all.
std::uint64_t first_world_for(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::copy_lease_first: return 10'301;
    case Mechanism::old_store_first: return 6'701;
    case Mechanism::guard_is_a_set: return 3'301;
    case Mechanism::journal_first: return 6'801;
    case Mechanism::heard_replay: return 5'701;
    case Mechanism::journal_lost: return 5'501;
    case Mechanism::ring_overflow: return 3'301;
    default: return 1;
  }
}

class MutantWorldTest : public WorldTest, public testing::WithParamInterface<unsigned> {};

TEST_P(MutantWorldTest, IsSeenAndItsWorldShrinksAndTellsTheSameTwice) {
  const auto mechanism = static_cast<Mechanism>(GetParam());
  remove(mechanism);
  const std::uint64_t first = first_world_for(mechanism);
  const Searched done = search({.first = first, .worlds = mutant_budget, .jobs = 2}, no_progress);
  ASSERT_TRUE(done.seed) << "nobody misses " << name_of(mechanism);
  const Plan whole = plan_of(*done.seed);
  const Plan small = shrink(whole);
  EXPECT_LE(small.steps.size(), whole.steps.size());
  const World::Outcome once = World::run(small, true);
  const World::Outcome again = World::run(small, true);
  ASSERT_TRUE(once.violation);
  EXPECT_EQ(once.violation, again.violation);
  EXPECT_EQ(once.story, again.story);
  restore_all();
  const World::Outcome sound = World::run(small, false);
  EXPECT_FALSE(sound.violation) << "without " << name_of(mechanism)
                                << " alone: " << *sound.violation;
}

INSTANTIATE_TEST_SUITE_P(Every, MutantWorldTest,
                         testing::Range(0u, static_cast<unsigned>(Mechanism::last)),
                         [](const auto& tested) {
                           return std::string(name_of(static_cast<Mechanism>(tested.param)));
                         });

#endif

}  // namespace
}  // namespace headrace::sim
