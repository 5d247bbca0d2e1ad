#include "sim/snapshot_judge.h"

#include <gtest/gtest.h>

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A snapshot of two sections: one of the whole of a table, one of its rows of the entity.
class SnapshotJudgeTest : public testing::Test {
 protected:
  void wait(Duration time) { (void)timeline.step(timeline.now() + time); }
  std::uint64_t build(std::size_t section, const std::string& entity = "1") {
    return tables.build(parts_for(plan.sections[section], entity), WallTime(milliseconds(5)));
  }
  static SectionAnswer said(std::uint64_t build, SnapshotState state = SnapshotState::hit_revision,
                            Duration outdated_for = Duration::zero()) {
    return {.state = state,
            .json = std::to_string(build),
            .generated_at = WallTime(milliseconds(5)),
            .outdated_for = outdated_for};
  }
  // An answer of these, whose read begins now.
  static SnapshotAnswer whole(SectionAnswer first, SectionAnswer second) {
    SnapshotAnswer answer{.state = SnapshotState::hit_revision,
                          .generated_at = std::min(first.generated_at, second.generated_at),
                          .outdated_for = std::max(first.outdated_for, second.outdated_for)};
    if (first.state == SnapshotState::stale || second.state == SnapshotState::stale) {
      answer.state = SnapshotState::stale;
    }
    answer.sections = {std::move(first), std::move(second)};
    return answer;
  }
  void answer(const SnapshotAnswer& answer) {
    judge.answered({.host = 1, .entity = 1, .began = timeline.now()}, answer);
  }
  void answer(SectionAnswer first, SectionAnswer second) {
    answer(whole(std::move(first), std::move(second)));
  }
  // The rule that was broken, if one was.
  [[nodiscard]] std::string rule() const {
    const std::string text = oracle.violation().value_or("");
    return text.substr(0, text.find(':'));
  }

  Timeline timeline{1};
  Truth truth{timeline, 1, false};
  Oracle oracle{timeline, truth, {}};
  Tables tables{timeline};
  SnapshotPlan plan{.tables = 1,
                    .entities = 2,
                    .sections = {{part_of(0)}, {part_of(0, "{entity}")}},
                    .stale_for = seconds(2),
                    .builds_are_alone = true};
  SnapshotJudge judge{oracle, tables, plan};
};

TEST_F(SnapshotJudgeTest, WhatIsTrueMayBeAnsweredHoweverOldItIs) {
  const std::uint64_t core = build(0);
  const std::uint64_t tail = build(1);
  wait(seconds(1000));
  answer(said(core), said(tail));
  EXPECT_EQ(rule(), "");
}

TEST_F(SnapshotJudgeTest, WhatWasNotTrueAnyMoreWhenTheReadBeganIsStale) {
  const std::uint64_t core = build(0);
  const std::uint64_t tail = build(1);
  tables.commit({{.table = 0, .entity = 2}});  // The table, and not the row.
  wait(seconds(1));
  answer(said(core, SnapshotState::stale, seconds(1)), said(tail));
  EXPECT_EQ(rule(), "");
  answer(said(core), said(tail));
  EXPECT_EQ(rule(), "revision");
}

TEST_F(SnapshotJudgeTest, TheStaleSaysForHowLongAtLeast) {
  const std::uint64_t core = build(0);
  const std::uint64_t tail = build(1);
  tables.commit({{.table = 0, .entity = 2}});
  wait(seconds(1));
  answer(said(core, SnapshotState::stale, milliseconds(900)), said(tail));
  EXPECT_EQ(rule(), "stale");
}

TEST_F(SnapshotJudgeTest, TheStaleIsOutdatedForNoLongerThanItMay) {
  const std::uint64_t core = build(0);
  answer(said(core, SnapshotState::stale, seconds(3)), said(build(1)));
  EXPECT_EQ(rule(), "stale");
}

TEST_F(SnapshotJudgeTest, ASectionIsOneOfItsOwnBuilds) {
  answer(said(build(1)), said(build(0)));
  EXPECT_EQ(rule(), "section");
}

TEST_F(SnapshotJudgeTest, NoEntityIsAnsweredWithAnother) {
  const std::uint64_t core = build(0);
  answer(said(core), said(build(1, "0")));
  EXPECT_EQ(rule(), "section");
}

TEST_F(SnapshotJudgeTest, ThereIsNoAnswerThatWasNeverBuilt) {
  answer(said(build(0)), said(7));
  EXPECT_EQ(rule(), "section");
}

TEST_F(SnapshotJudgeTest, TheAgeIsThatOfTheBuild) {
  SectionAnswer younger = said(build(0));
  younger.generated_at += milliseconds(1);
  answer(younger, said(build(1)));
  EXPECT_EQ(rule(), "generated");
}

TEST_F(SnapshotJudgeTest, TheWholeIsAsItsSectionsAre) {
  SnapshotAnswer told = whole(said(build(0), SnapshotState::stale, seconds(1)), said(build(1)));
  told.state = SnapshotState::hit_revision;
  answer(told);
  EXPECT_EQ(rule(), "state");
}

TEST_F(SnapshotJudgeTest, ASectionIsBuiltOnceAtATime) {
  judge.build_began(1, 0, 1);
  judge.build_began(1, 0, 2);
  judge.build_began(2, 0, 1);
  judge.build_ended(1, 0, 1);
  judge.build_began(1, 0, 1);
  EXPECT_EQ(rule(), "");
  judge.build_began(1, 0, 1);
  EXPECT_EQ(rule(), "one build");
}

}  // namespace
}  // namespace headrace::sim
