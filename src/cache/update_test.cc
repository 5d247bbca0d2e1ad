// Updates: they start from the source, and what comes in between is not overwritten.
#include <utility>

#include "kit/bench_top.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class UpdateTest : public kit::BenchTop {
 protected:
  UpdateTest() {
    source->made_of = {{.database = "test database", .collection = "people", .fields = {"name"}}};
    source->rows = {{"1", "1"}};
    define(writable_policy());
  }
  static Policy writable_policy() {
    Policy policy = plain_policy();
    policy.writable = {"name"};
    policy.removable = true;
    policy.absent_for = seconds(10);
    return policy;
  }

  static Edit name_of(std::string value, Write::Mode mode = Write::Mode::update) {
    return {.mode = mode, .fields = {{"name", std::move(value)}}};
  }
  // One more than it is.
  static Result<std::optional<Edit>> counted(const Current& current) {
    if (current.kind == Kind::absent) return name_of("1", Write::Mode::upsert);
    return name_of(std::to_string(std::stoi(current.payload) + 1));
  }

  using Ended = std::shared_ptr<std::optional<Result<UpdateOutcome>>>;
  Ended begin(Editor editor, std::string entity = "1") {
    auto ended = std::make_shared<std::optional<Result<UpdateOutcome>>>();
    start(engine->update(users, std::move(entity), std::move(editor)),
          [ended](Result<UpdateOutcome> outcome) { ended->emplace(std::move(outcome)); });
    world.run();
    return ended;
  }
  Result<UpdateOutcome> update(Editor editor, std::string entity = "1") {
    const Ended ended = begin(std::move(editor), std::move(entity));
    if (!*ended) world.advance(seconds(8));
    if (!*ended) return failure(Code::cancelled, "the update has not ended");
    return **ended;
  }
  static std::string fault_of(const Result<UpdateOutcome>& outcome) {
    return outcome
               ? "none"
               : std::string(headrace::name_of(outcome.error().code)) + ": " + outcome.error().what;
  }
};

TEST_F(UpdateTest, StartsFromTheSourceAndNotFromWhatIsKept) {
  EXPECT_EQ(text(read("1")), "1");
  source->rows["1"] = "41";  // Nobody has told.
  EXPECT_EQ(text(read("1")), "1");
  const auto outcome = update(counted);
  ASSERT_TRUE(outcome) << fault_of(outcome);
  EXPECT_TRUE(outcome->changed);
  EXPECT_EQ(outcome->tries, 1u);
  EXPECT_EQ(outcome->write.held, Held::everywhere);
  EXPECT_EQ(source->rows["1"], "42");
  EXPECT_EQ(text(read("1")), "42");
  EXPECT_EQ(source->wrote.back().expected, "state:41");
}

TEST_F(UpdateTest, WhatComesInBetweenIsNotOverwritten) {
  int between = 3;
  std::vector<std::string> seen;
  const auto outcome = update([&](const Current& current) {
    seen.push_back(current.payload);
    if (between-- > 0) source->rows["1"] = std::to_string(std::stoi(source->rows["1"]) + 10);
    return counted(current);
  });
  ASSERT_TRUE(outcome) << fault_of(outcome);
  EXPECT_EQ(outcome->tries, 4u);
  EXPECT_THAT(seen, ElementsAre("1", "11", "21", "31"));
  EXPECT_EQ(source->rows["1"], "32");
  EXPECT_EQ(text(read("1")), "32");
}

TEST_F(UpdateTest, TheNextTryWaitsLongerEachTimeAndNeverLong) {
  source->hold_writes = false;
  std::vector<Instant> at;
  const auto outcome = update([&](const Current& current) {
    at.push_back(world.now());
    if (at.size() < 20) source->rows["1"] += "0";
    return counted(current.kind == Kind::value ? Current{.payload = "1"} : current);
  });
  ASSERT_TRUE(outcome) << fault_of(outcome);
  EXPECT_LE(at[1] - at[0], milliseconds(2));
  Duration longest{0};
  for (std::size_t i = 1; i < at.size(); ++i) longest = std::max(longest, at[i] - at[i - 1]);
  EXPECT_GT(longest, milliseconds(2));
  EXPECT_LE(longest, milliseconds(64));
}

TEST_F(UpdateTest, IsGivenUpAfterSoManyTriesAndHasChangedNothing) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 4, .update_tries_max = 5});
  define(writable_policy());
  int others = 0;
  const auto outcome = update([&](const Current&) {
    source->rows["1"] = std::to_string(100 + ++others);
    return Result<std::optional<Edit>>(name_of("0"));
  });
  EXPECT_THAT(fault_of(outcome), HasSubstr("refused: update_tries_max or load_within"));
  EXPECT_EQ(others, 5);
  EXPECT_EQ(source->rows["1"], "105");
}

TEST_F(UpdateTest, TheEditorMayLeaveItOrRefuse) {
  EXPECT_EQ(text(read("1")), "1");
  const auto left =
      update([](const Current&) { return Result<std::optional<Edit>>(std::nullopt); });
  ASSERT_TRUE(left) << fault_of(left);
  EXPECT_FALSE(left->changed);
  EXPECT_EQ(source->wrote.size(), 0u);
  const std::size_t reads = source->reads;
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_EQ(source->reads, reads) << "what is kept stays";

  const auto refused = update([](const Current&) -> Result<std::optional<Edit>> {
    return failure(Code::invalid_argument, "the balance is too low");
  });
  EXPECT_EQ(fault_of(refused), "invalid-argument: the balance is too low");
  const auto threw = update([](const Current&) -> Result<std::optional<Edit>> {
    throw std::runtime_error("no such luck");
  });
  EXPECT_EQ(fault_of(threw), "loader-threw: no such luck");
  const auto foreign = update([](const Current&) -> Result<std::optional<Edit>> {
    return Edit{.fields = {{"role", "1"}}};
  });
  EXPECT_THAT(fault_of(foreign), HasSubstr("not-allowed: policy \"users\" does not allow"));
  EXPECT_THAT(fault_of(update(Editor())), HasSubstr("invalid-argument: an update needs an editor"));
  EXPECT_EQ(source->wrote.size(), 0u);
}

TEST_F(UpdateTest, MakesWhatIsAbsentOnceAndRemoves) {
  EXPECT_EQ(text(read("2")), "absent");
  const auto missing =
      update([](const Current&) { return Result<std::optional<Edit>>(name_of("5")); }, "2");
  ASSERT_TRUE(missing) << fault_of(missing);
  EXPECT_FALSE(missing->changed);
  EXPECT_FALSE(missing->write.found);
  EXPECT_FALSE(source->rows.contains("2"));

  bool is_first = true;
  const auto made = update(
      [&](const Current& current) {
        if (std::exchange(is_first, false)) source->rows["2"] = "7";  // Somebody else was faster.
        return counted(current);
      },
      "2");
  ASSERT_TRUE(made) << fault_of(made);
  EXPECT_EQ(made->tries, 2u);
  EXPECT_EQ(source->rows["2"], "8");
  EXPECT_EQ(text(read("2")), "8");

  const auto removed = update(
      [](const Current&) { return Result<std::optional<Edit>>(Edit{.mode = Write::Mode::remove}); },
      "2");
  ASSERT_TRUE(removed) << fault_of(removed);
  EXPECT_TRUE(removed->changed);
  EXPECT_EQ(text(read("2")), "absent");
}

TEST_F(UpdateTest, ASourceThatCannotBeReadHasChangedNothing) {
  source->failing = true;
  const auto outcome = update(counted);
  EXPECT_THAT(fault_of(outcome), HasSubstr("refused: the source could not be read"));
  EXPECT_THAT(fault_of(outcome), HasSubstr("nothing was changed"));
}

// "One more" must not be made twice.
TEST_F(UpdateTest, ATryWhoseEndNobodyKnowsIsTheLast) {
  EXPECT_EQ(text(read("1")), "1");
  source->write_fault = Error{Code::source_unavailable, "the line is cut"};
  int tries = 0;
  const auto outcome = update([&](const Current& current) {
    ++tries;
    return counted(current);
  });
  EXPECT_EQ(fault_of(outcome), "source-unavailable: the line is cut");
  EXPECT_EQ(tries, 1);
  source->write_fault.reset();
  EXPECT_EQ(text(read("1")), "2") << "it was made, and what was kept is gone";
}

TEST_F(UpdateTest, WhatIsMadeAfterItsTimeOutdatesWhenItEnds) {
  EXPECT_EQ(text(read("1")), "1");
  source->hold_writes = true;
  const Ended late = begin(counted);
  world.advance(seconds(11));  // load_within is over.
  ASSERT_TRUE(late->has_value());
  EXPECT_THAT(fault_of(**late), HasSubstr("timed-out: the update did not end in time"));
  EXPECT_EQ(text(read("1")), "1") << "not made yet";
  source->release_writes();
  world.run();
  EXPECT_EQ(source->rows["1"], "2");
  EXPECT_EQ(text(read("1")), "2");
}

TEST_F(UpdateTest, NobodyBeginsToWriteAfterItsTime) {
  source->hold = true;
  const Ended late = begin(counted);
  world.advance(seconds(11));
  ASSERT_TRUE(late->has_value());
  EXPECT_THAT(fault_of(**late), HasSubstr("timed-out"));
  source->hold = false;
  let_go();
  EXPECT_EQ(source->rows["1"], "1");
  EXPECT_EQ(source->wrote.size(), 0u);
}

TEST_F(UpdateTest, UnderALinearizablePolicyTheGuardStandsAround) {
  Policy policy = writable_policy();
  policy.level = Level::linearizable;
  define(policy);
  EXPECT_EQ(text(read("1")), "1");
  source->hold_writes = true;
  const Ended ended = begin(counted);
  EXPECT_EQ(text(read("1")), "1");
  const std::size_t reads = source->reads;
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_GT(source->reads, reads) << "nothing is kept while it is under way";
  source->hold_writes = false;
  source->release_writes();
  world.run();
  ASSERT_TRUE(ended->has_value());
  ASSERT_TRUE(**ended) << fault_of(**ended);
  EXPECT_EQ(text(read("1")), "2");
  const std::size_t kept = source->reads;
  EXPECT_EQ(text(read("1")), "2");
  EXPECT_EQ(source->reads, kept) << "the guard is gone";
}

TEST_F(UpdateTest, ARefusalUnderAGuardTakesTheGuardAway) {
  Policy policy = writable_policy();
  policy.level = Level::linearizable;
  define(policy);
  const auto refused = update([](const Current&) -> Result<std::optional<Edit>> {
    return failure(Code::source_failed, "of the editor's own");
  });
  EXPECT_EQ(fault_of(refused), "source-failed: of the editor's own");
  EXPECT_EQ(text(read("1")), "1");
  const std::size_t kept = source->reads;
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_EQ(source->reads, kept) << "the guard is gone";
}

TEST_F(UpdateTest, AWriteThatExpectsAStateSaysConflict) {
  Write write{.entity = "1", .fields = {{"name", "9"}}, .expected = "state:0"};
  auto outcome = world.run(engine->write(users, write));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_TRUE((*outcome)->conflict);
  EXPECT_EQ(source->rows["1"], "1");
  const auto current = world.run(engine->fetch_for_update(users, "1"));
  ASSERT_TRUE(current && *current);
  EXPECT_EQ((*current)->payload, "1");
  write.expected = (*current)->state;
  outcome = world.run(engine->write(users, write));
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_FALSE((*outcome)->conflict);
  EXPECT_EQ(source->rows["1"], "9");
  write.expected = "";
  outcome = world.run(engine->write(users, write));
  EXPECT_THAT(outcome->error().what, HasSubstr("can only be made"));
  EXPECT_EQ(world.run(engine->fetch_for_update(users, "2"))->value().state, "");
  EXPECT_EQ(stats().source_reads, 2u) << "reads for updates are billed too";
}

}  // namespace
}  // namespace headrace
