#include "sim/merged_judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "headrace/engine.h"

namespace headrace::sim {
namespace {

using std::chrono::seconds;

// A real view over one engine without a store; the test changes what it has answered.
class MergedJudgeTest : public testing::Test {
 protected:
  MergedJudgeTest() {
    for (std::size_t i = 0; i < cell_policies; ++i) {
      const Policy policy{.name = std::string(name_of(Cell::Of(i))),
                          .fields = {"value"},
                          .level = Level::strict,
                          .fresh_for = seconds(60),
                          .absent_for = seconds(60)};
      policies.push_back(policy);
      auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](const ValueCodec*) {});
      handles.push_back(*engine.define(policy, std::move(codec),
                                       std::make_shared<CellSource>(truth, link, EntityNumber(0))));
    }
    view = *MergedView::make(engine, view_of_cells());
  }
  ~MergedJudgeTest() override {
    start(engine.close(), [] {});
    run();
  }

  void run() {
    const Instant end = timeline.now() + seconds(1);
    while (timeline.step(end)) {
    }
  }
  // What all names are answered to this user with, now.
  MergedJudge::Answers ask(std::optional<std::string> user) {
    read = {.of = {.host = 1, .level = Level::strict, .began = timeline.now()},
            .user = std::move(user),
            .names = cell_names()};
    MergedJudge::Answers answers;
    start(view->read({.user = read.user}, read.names, {.level = Level::strict}),
          [&answers](const Result<MergedJudge::Answers>& all) { answers = *all; });
    while (answers.empty() && timeline.step(timeline.now() + seconds(1))) {
    }
    return answers;
  }
  void edit(const Cell& cell) {
    note_edit(cell);
    start(engine.invalidate({.keys = {{std::string(name_of(cell.of)), cell.entity()}}}),
          [](const Result<Held>&) {});
  }
  // As it is seen by the oracle alone.
  void note_edit(const Cell& cell) {
    const CellNumber number = *find_cell(cell);
    truth.commit(number);
    const auto called = oracle.invalidation_called(1, {judge.place_of(number)});
    oracle.invalidation_held(called, false);
  }
  // The rule that was broken, if one was, by these answers.
  std::string rule(const MergedJudge::Answers& answers) {
    judge.answered(read, answers);
    const std::string text = oracle.violation().value_or("");
    return text.substr(0, text.find(':'));
  }

  Timeline timeline{1};
  Truth truth{timeline, all_cells().size(), false};
  Host host{timeline, 1, 7, {}};
  Weather weather{};
  Link link{timeline, host, weather, Code::source_unavailable, 3};
  std::vector<Policy> policies;
  Engine engine{{.bytes_max = 1 << 20, .entry_bytes_max = 1 << 20, .shards = 2},
                {host, host, host, nullptr, nullptr, nullptr}};
  std::vector<PolicyHandle> handles;
  std::shared_ptr<const MergedView> view;
  Oracle oracle{timeline,
                truth,
                {.policies = {{.name = "fragments", .fresh_for = seconds(60)},
                              {.name = "scopes", .fresh_for = seconds(60)},
                              {.name = "members", .fresh_for = seconds(60)}}}};
  MergedJudge judge{truth, oracle, {}, policies};
  MergedJudge::Read read;
};

TEST_F(MergedJudgeTest, WhatAViewAnswersIsExplainedThroughAllEdits) {
  for (int turns = 0; turns < 3; ++turns) {
    for (const Cell& cell : all_cells()) {
      edit(cell);
      ASSERT_EQ(rule(ask("u0")), "");
      ASSERT_EQ(rule(ask("u1")), "");
      ASSERT_EQ(rule(ask(std::nullopt)), "");
    }
  }
}

TEST_F(MergedJudgeTest, WhatWasAnsweredBeforeAnEditIsNotAnsweredAfterIt) {
  const Cell cell{.of = Cell::Of::fragments, .scope = "user", .owner = "u0", .name = "n0"};
  MergedJudge::Answers before;
  do {  // Until there is something of that cell's in it.
    edit(cell);
    before = ask("u0");
  } while (before.front()->contributions.back().scope != "user");
  note_edit(cell);
  read.of.began = timeline.now();
  EXPECT_EQ(rule(before), "own truth");
}

TEST_F(MergedJudgeTest, AMembershipThatWasNotOneAnyMoreIsSeenInWhatIsMissing) {
  const MergedJudge::Answers before = ask("u1");
  const Cell cell{.of = Cell::Of::members, .scope = "user", .owner = "u1"};
  note_edit(cell);
  read.of.began = timeline.now();
  EXPECT_EQ(rule(before), "explained");
}

TEST_F(MergedJudgeTest, NothingIsLeftOut) {
  MergedJudge::Answers answers = ask("u0");
  for (auto& answer : answers) {
    if (answer->contributions.size() != 1) continue;
    answer->contributions.clear();
    answer->json.reset();
  }
  EXPECT_EQ(rule(answers), "explained");
}

TEST_F(MergedJudgeTest, TheOrderIsThatOfTheRanks) {
  MergedJudge::Answers answers;
  for (const std::string& user : cell_users()) {
    answers = ask(user);
    if (answers.front()->contributions.size() > 1) break;
  }
  ASSERT_GT(answers.front()->contributions.size(), 1u);
  std::ranges::reverse(answers.front()->contributions);
  EXPECT_NE(rule(answers), "");
}

TEST_F(MergedJudgeTest, TheTextIsTheMerge) {
  MergedJudge::Answers answers = ask("u0");
  answers.front()->json = "{}";
  EXPECT_EQ(rule(answers), "the text");
}

TEST_F(MergedJudgeTest, NobodyIsAnsweredWithWhatIsAnothers) {
  const MergedJudge::Answers answers = ask("u0");
  read.user = std::nullopt;
  EXPECT_EQ(rule(answers), "isolation");
}

TEST_F(MergedJudgeTest, AnAnswerIsAsOldAsItsOldestPart) {
  (void)ask("u0");
  for (int i = 0; i < 5; ++i) run();
  MergedJudge::Answers answers = ask("u0");
  for (auto& answer : answers) answer->age = Duration::zero();
  EXPECT_EQ(rule(answers), "the age");
}

}  // namespace
}  // namespace headrace::sim
