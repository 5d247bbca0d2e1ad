// What is asked of a source, in the turns of its budget: by the policy's own source, by callers'
// fetches, by policies that share it.
#include "cache/in_turn.h"

#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;

class BudgetTest : public BenchTop {
 protected:
  void define_with(std::size_t calls_max, std::string budget = "") {
    Policy policy = plain_policy();
    policy.source_calls_max = calls_max;
    policy.budget = std::move(budget);
    define(policy);
  }
};

TEST_F(BudgetTest, AColdStartNeverSendsMoreThanTheBudget) {
  define_with(3);
  source->hold = true;
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 100; ++i) {
    source->rows[std::to_string(i)] = "v";
    outcomes.push_back(ask(std::to_string(i)));
  }
  world.run();
  for (std::size_t asked = 0; asked < 100; asked = source->reads) {
    ASSERT_LE(source->held(), 3u);
    ASSERT_EQ(engine->stats().budgets.at(0).calls, source->held());
    source->release();
    world.run();
  }
  source->release();
  world.run();
  for (const Outcome& outcome : outcomes) EXPECT_EQ(text(outcome), "v");
  EXPECT_EQ(engine->stats().budgets.at(0).waited_total, 97u);
}

TEST_F(BudgetTest, WhoWaitedInVainDoesNotReachTheSource) {
  define_with(1);
  source->rows = {{"1", "one"}, {"2", "two"}};
  source->hold = true;
  const Outcome first = ask("1");
  const Outcome second = ask("2");
  world.advance(plain_policy().load_within);  // The source answers nobody.
  EXPECT_EQ(source->reads, 1u);
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(source->reads, 1u);
  EXPECT_EQ(text(read("2")), "two");
}

TEST_F(BudgetTest, ACallersOwnFetchHasATurnToo) {
  define_with(1);
  source->hold = true;
  source->rows["1"] = "one";
  const Outcome first = ask("1");
  int fetched = 0;
  Loader own = [&fetched](const Fetch&) -> Task<Result<Loaded>> {
    ++fetched;
    co_return Loaded{.value = std::make_shared<const std::string>("own")};
  };
  const Outcome second = catch_outcome(engine->read(users, "2", std::move(own)));
  world.run();
  EXPECT_EQ(fetched, 0);
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(fetched, 1);
  EXPECT_EQ(text(second), "own");
}

TEST_F(BudgetTest, PoliciesOfOneBudgetShareIt) {
  define_with(1, "main");
  Policy other = plain_policy();
  other.name = "others";
  other.budget = "main";
  other.source_calls_max = 1;
  const std::shared_ptr<const ValueCodec> codec(&bytes_codec(), [](auto*) {});
  const PolicyHandle others = *engine->define(other, codec, source);
  source->rows["1"] = "one";
  source->hold = true;
  const Outcome first = ask("1");
  const Outcome second = catch_outcome(engine->read(others, "1"));
  world.run();
  EXPECT_EQ(source->reads, 1u);
  ASSERT_EQ(engine->stats().budgets.size(), 1u);
  EXPECT_EQ(engine->stats().budgets[0].budget, "main");
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(text(second), "one");
}

}  // namespace
}  // namespace headrace
