// The acts as they are played, and what their judges find once something is taken out.
#include "replay/act.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "kit/folder.h"
#include "replay/replay.h"
#include "replay/sqlite_backend.h"
#include "replay/sqlite_db.h"

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Population population{.users = 2'000, .lists = 4};

class ActTest : public testing::Test {
 protected:
  static Mix mix_of(std::string_view name, double edits_per_second) {
    Mix mix = mix_named(name).value();
    mix.population = population;
    Workload& workload = mix.workloads.front();
    workload.source_min = 1ms;
    workload.source_max = 8ms;
    // What a slow machine can do, too.
    if (workload.through == Through::merged_view) workload.actors = 5;
    set_edit_rate(mix, edits_per_second);
    return mix;
  }

  // A minute in each second; the acts get a folder of their own for each play.
  Report play(const Mix& mix, Omission omission = Omission::none) {
    Runtime runtime({.threads = 2});
    const std::string folder = folder_.file(std::to_string(++plays_));
    std::filesystem::create_directory(folder);
    const std::string source = folder + "/source.sqlite";
    EXPECT_TRUE(SqliteDb::make(source, population, {}, {}).has_value());
    const auto backend = make_sqlite_backend(source, runtime);
    auto target = make_engine_target({}, {}, *backend, runtime);
    EXPECT_TRUE(target.has_value());
    Acts acts;
    auto act =
        make_act(mix.workloads.front(),
                 {.folder = folder, .population = population, .speed = speed, .omission = omission},
                 runtime);
    EXPECT_TRUE(act.has_value()) << act.error().what;
    acts.push_back(std::move(*act));
    ReplayOptions options{.mix = mix, .warm_up = warm_up_, .lasts = lasts_, .speed = speed};
    options.lanes = 256;
    const std::atomic<bool> never{false};
    auto report = run(options, *backend, **target, runtime, never, acts);
    acts.front()->close();
    acts.clear();
    (*target)->close();
    target->reset();
    runtime.stop();
    EXPECT_TRUE(report.has_value()) << report.error().what;
    return std::move(*report);
  }

  static void expect_sound(const Report& report) {
    const Figures& all = report.total;
    EXPECT_EQ(all.violations(), 0u) << to_text(report, false);
    EXPECT_EQ(all.errors, 0u) << report.first_error;
    EXPECT_EQ(all.write_failures, 0u) << report.first_error;
    EXPECT_GT(all.reads, 100u) << "too little was tried";
    EXPECT_GT(all.writes, 10u);
    EXPECT_GT(all.from_memory, 100u) << "nothing was kept";
    EXPECT_LT(all.billed, all.documents);
    EXPECT_FALSE(report.workloads.front().remarks.empty());
  }
  static std::string remark(const Report& report, std::string_view name) {
    for (const Remark& one : report.workloads.front().remarks) {
      if (one.name == name) return one.figure + " " + one.text;
    }
    return "there is no such remark";
  }

  // Whether what is taken out is missed.  How soon is a matter of chance.
  bool is_missed(const Mix& mix, Omission omission) {
    constexpr int plays_max = 5;
    for (int i = 0; i < plays_max; ++i) {
      if (play(mix, omission).total.violations() > 0) return true;
    }
    return false;
  }

  static constexpr double speed = 60;
  Duration warm_up_{0};
  Duration lasts_ = 3s;
  kit::TemporaryFolder folder_;
  int plays_ = 0;
};

class AllowanceActTest : public ActTest {
 protected:
  static Mix checks(double edits_per_second) {
    Mix mix = mix_of("W1", edits_per_second);
    mix.workloads.front().actors = 200;
    // Many come to the end of what they have.
    mix.workloads.front().reads_per_second = 0.2;
    return mix;
  }
};

TEST_F(AllowanceActTest, GrantsWhatThereIsAndNoMoreWhilePlansChange) {
  const Report report = play(checks(0.2));
  expect_sound(report);
  EXPECT_GT(report.workloads.front().checked_after, 0u);
  EXPECT_EQ(remark(report, "a use is reported within").find("BROKEN"), std::string::npos);
}

TEST_F(AllowanceActTest, WhoIsUsedUpCostsNoMoreReadsThanOthers) {
  const Report report = play(checks(0));
  const auto reads_of = [&](std::string_view name) {
    const std::string found = remark(report, name);  // "1,234 0.0400 reads of ...".
    return std::stod(found.substr(found.find(' ')));
  };
  EXPECT_GT(reads_of("checks of who is used up"), 0);
  EXPECT_LT(reads_of("checks of who is used up"), 2 * reads_of("checks of all others"));
}

TEST_F(AllowanceActTest, LedgersThatAreNotSharedGrantTwice) {
  Mix mix = checks(0);
  mix.workloads.front().reads_per_second = 0.5;
  EXPECT_TRUE(is_missed(mix, Omission::shared_ledger));
}

TEST_F(AllowanceActTest, PlansThatNobodyTellsOfAreNotFollowed) {
  EXPECT_TRUE(is_missed(checks(0.5), Omission::plan_signals));
}

TEST_F(ActTest, AMergedConfigurationIsNeverOlderThanItsEdits) {
  const Report report = play(mix_of("W10", 2));
  expect_sound(report);
  EXPECT_NE(remark(report, "edits of a domain's setting").find("one key"), std::string::npos);
}

TEST_F(ActTest, EditsOfDomainsThatAreNotInvalidatedAreFound) {
  Mix mix = mix_of("W10", 2);
  mix.workloads.front().edits[1].per_second = 1;
  EXPECT_TRUE(is_missed(mix, Omission::domain_invalidations));
}

class SummaryActTest : public ActTest {
 protected:
  static Mix polls(double edits_per_second) {
    Mix mix = mix_of("W11", edits_per_second);
    mix.workloads.front().busy_share = 1;
    return mix;
  }
};

TEST_F(SummaryActTest, IsNeverOlderThanItSays) {
  const Report report = play(polls(0.4));
  expect_sound(report);
  EXPECT_GT(report.workloads.front().checked_after, 0u);
}

TEST_F(SummaryActTest, HitsNeedNoHeavyQuery) {
  const Report report = play(polls(0));
  EXPECT_EQ(report.total.violations(), 0u) << report.first_error;
  EXPECT_EQ(remark(report, "builds of core"), "1 of 14 queries each");
  EXPECT_EQ(remark(report, "builds of tail"), "1 of 6 queries each");
  EXPECT_GT(report.total.from_memory, 50u);
}

TEST_F(SummaryActTest, TriggersThatAreOffAreFound) {
  EXPECT_TRUE(is_missed(polls(0.4), Omission::triggers));
}

TEST_F(ActTest, AWorkloadThatNobodyPlaysIsRefused) {
  Runtime runtime({.threads = 1});
  const auto backend = make_sqlite_backend(folder_.file("none.sqlite"), runtime);
  auto target = make_engine_target({}, {}, *backend, runtime);
  ASSERT_TRUE(target.has_value());
  const std::atomic<bool> never{false};
  const auto report = run({.mix = mix_of("W10", 1)}, *backend, **target, runtime, never);
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code, Code::invalid_argument);
  EXPECT_NE(report.error().what.find("W10"), std::string::npos);
  (*target)->close();
  target->reset();
  runtime.stop();
}

TEST_F(ActTest, WhatWarmsUpIsJudgedAndNotCounted) {
  warm_up_ = 1s;
  lasts_ = 1s;
  const Report report = play(mix_of("W10", 2));
  const Figures& all = report.total;
  EXPECT_EQ(all.violations(), 0u) << report.first_error;
  EXPECT_DOUBLE_EQ(report.warm_up, 1);
  EXPECT_NEAR(report.seconds, 1, 0.5);
  EXPECT_GT(all.warm_documents, 100u);
  EXPECT_GT(all.warm_billed, 100u);
  EXPECT_GT(all.billed, 0u);
  EXPECT_EQ(all.verdicts.reads, all.reads + all.warm_documents) << "each name is one document";
}

}  // namespace
}  // namespace headrace::replay
