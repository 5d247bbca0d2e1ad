// Many writes at once: each on its own, and all that they outdate before the reply.
#include <utility>

#include "kit/bench_top.h"

namespace headrace {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class WriteManyTest : public kit::BenchTop {
 protected:
  WriteManyTest() {
    source->made_of = {{.database = "test database", .collection = "people", .fields = {"name"}}};
    source->rows = {{"1", "a1"}, {"2", "b1"}, {"3", "c1"}};
    define(writable_policy());
  }
  static Policy writable_policy() {
    Policy policy = plain_policy();
    policy.writable = {"name"};
    policy.removable = true;
    return policy;
  }
  static Write name(std::string entity, std::string value) {
    return {.entity = std::move(entity), .fields = {{"name", std::move(value)}}};
  }
  std::vector<std::string> write(std::vector<Write> writes) {
    std::vector<std::string> told;
    const auto outcomes = world.run(engine->write_many(users, std::move(writes)));
    if (!outcomes) return {"not ended"};
    for (const Result<WriteOutcome>& outcome : *outcomes) {
      told.push_back(outcome ? outcome->found ? "found" : "not found"
                             : std::string(name_of(outcome.error().code)));
    }
    return told;
  }
  std::size_t reads_of(std::string_view entity, std::string_view expected) {
    const std::size_t before = source->reads;
    EXPECT_EQ(text(read(entity)), expected);
    return source->reads - before;
  }
};

TEST_F(WriteManyTest, WhatSucceededIsOutdatedAndNothingElse) {
  for (const char* entity : {"1", "2", "3"}) (void)read(entity);
  EXPECT_THAT(write({name("1", "a2"),
                     {.entity = "2", .fields = {{"role", "x"}}},
                     name("4", "d2"),
                     {.entity = "3", .mode = Write::Mode::remove}}),
              ElementsAre("found", "not-allowed", "not found", "found"));
  EXPECT_EQ(reads_of("1", "a2"), 1u);
  EXPECT_EQ(reads_of("2", "b1"), 0u) << "it was not written";
  EXPECT_EQ(reads_of("3", "absent"), 1u);
}

TEST_F(WriteManyTest, TheStoreIsToldOnceForAll) {
  store.asked_to_void = 0;
  EXPECT_THAT(write({name("1", "a2")}), ElementsAre("found"));
  const std::size_t of_one = std::exchange(store.asked_to_void, 0);
  EXPECT_THAT(write({name("1", "a3"), name("2", "b2"), name("3", "c2")}),
              ElementsAre("found", "found", "found"));
  EXPECT_EQ(store.asked_to_void, of_one);
}

TEST_F(WriteManyTest, AnOutcomeThatNobodyKnowsOutdatesAsWell) {
  EXPECT_EQ(text(read("1")), "a1");
  source->write_fault = Error{Code::source_unavailable, "the line is cut"};
  EXPECT_THAT(write({name("1", "a2")}), ElementsAre("source-unavailable"));
  source->write_fault.reset();
  EXPECT_EQ(reads_of("1", "a2"), 1u);
}

TEST_F(WriteManyTest, NoMoreAreUnderWayAtOnceThanMayBe) {
  source->hold_writes = true;
  std::vector<Write> writes;
  for (int i = 0; i < 40; ++i) {
    source->rows["e" + std::to_string(i)] = "x";
    writes.push_back(name("e" + std::to_string(i), "y"));
  }
  bool ended = false;
  start(engine->write_many(users, std::move(writes)),
        [&](const std::vector<Result<WriteOutcome>>& all) {
          ended = true;
          EXPECT_EQ(all.size(), 40u);
        });
  world.run();
  EXPECT_EQ(source->held_writes(), Engine::Limits{}.writes_at_once);
  let_go();
  EXPECT_TRUE(ended);
}

TEST_F(WriteManyTest, OneEntityTwiceOrTooManyAreRefusedWhole) {
  EXPECT_THAT(write({name("1", "a2"), name("1", "a3")}),
              ElementsAre("invalid-argument", "invalid-argument"));
  std::vector<Write> many;
  for (int i = 0; i < 1001; ++i) many.push_back(name(std::to_string(i), "x"));
  const std::vector<std::string> told = write(std::move(many));
  EXPECT_EQ(told.size(), 1001u);
  EXPECT_EQ(told.back(), "invalid-argument");
  EXPECT_EQ(source->rows["1"], "a1");
}

TEST_F(WriteManyTest, UnderALinearizablePolicyEachHasItsGuard) {
  Policy policy = writable_policy();
  policy.level = Level::linearizable;
  define(policy);
  EXPECT_EQ(text(read("1")), "a1");
  EXPECT_THAT(write({name("1", "a2"), name("9", "x")}), ElementsAre("found", "not found"));
  EXPECT_EQ(reads_of("1", "a2"), 1u);
  EXPECT_EQ(reads_of("1", "a2"), 0u);
}

// A watermark that one commit has replaced is older than another commit, which did not take it
// along: what was kept in between is outdated.
TEST_F(WriteManyTest, AWatermarkThatOnlyOneCommitHasReplacedIsReplacedAgain) {
  store.database = source->database = "test database";
  auto all = std::make_shared<kit::HeldSource>();
  all->rows = {{"all", "1 2"}};
  all->made_of = source->made_of;
  all->made_of.front().of_entity = false;
  Policy policy = plain_policy();
  policy.name = "query";
  policy.tags = {};
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  PolicyHandle query = *engine->define(policy, codec, all);
  source->along_left = 1;
  Outcome between;
  source->make_along = [&](const std::vector<std::string>& along) {
    store.make(along);
    between = catch_outcome(engine->read(query, "all"));  // Sees the first change alone.
    world.run();
  };
  source->hold_writes = true;
  bool ended = false;
  start(engine->write_many(users, {name("1", "a2"), name("2", "b2")}),
        [&](const std::vector<Result<WriteOutcome>>&) { ended = true; });
  world.run();
  ASSERT_EQ(source->held_writes(), 2u);
  source->release_writes();
  source->hold_writes = false;
  world.run();
  ASSERT_TRUE(ended);
  EXPECT_EQ(text(between), "1 2");
  all->rows = {{"all", "1 2 and more"}};
  ASSERT_TRUE(close());
  make_engine();
  query = *engine->define(policy, codec, all);
  const Outcome after = catch_outcome(engine->read(query, "all"));
  world.run();
  EXPECT_EQ(text(after), "1 2 and more");
}

}  // namespace
}  // namespace headrace
