#include "replay/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

Mix named(std::string_view name) {
  auto mix = mix_named(name);
  EXPECT_TRUE(mix.has_value());
  return *mix;
}

const Workload& part(const Mix& mix, std::string_view id) {
  const auto found = std::ranges::find(mix.workloads, id, &Workload::id);
  EXPECT_NE(found, mix.workloads.end()) << id;
  return *found;
}

TEST(Workload, KnowsItsNamesAndRefusesOthers) {
  EXPECT_EQ(named("W2").name, "W2 frequency-setting");
  EXPECT_EQ(named("w6").name, "W6 list-poll");
  EXPECT_EQ(named("Session-Start").workloads.front().id, "W5");
  EXPECT_EQ(named("fleet").workloads.size(), 7u);
  EXPECT_EQ(named("merged-config").workloads.front().id, "W10");
  EXPECT_EQ(named("W11").name, "W11 state-summary");
  const auto unknown = mix_named("W99");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, Code::invalid_argument);
  for (const auto* wanted : {"W99", "W3 (feature-slice)", "W7", "fleet"}) {
    EXPECT_NE(unknown.error().what.find(wanted), std::string::npos) << wanted;
  }
}

TEST(Workload, EachQuestionNamesTheVersionThatTheOracleNeeds) {
  std::set<std::string> names;
  for (const Question& question : named("fleet").questions()) {
    EXPECT_TRUE(names.insert(question.name).second) << "policies are told apart by name";
    EXPECT_EQ(std::ranges::count(question.fields, "version"), 1) << question.name;
    for (const std::string& field : question.fields) {
      EXPECT_EQ(std::ranges::count(shape_of(question.collection).fields, field), 1) << field;
    }
  }
}

TEST(Workload, AFeatureSliceBillsThreeToFourDocuments) {
  const Mix mix = named("W3");
  const Workload& slice = mix.workloads.front();
  EXPECT_TRUE(slice.together);
  int at_most_four = 0;
  double sum = 0;
  for (std::uint64_t number = 0; number < 10'000; ++number) {
    std::uint32_t billed = 0;
    for (const Question& question : slice.questions) {
      billed += std::max(rows_at_start(mix.population, {question.collection, number}), 1u);
    }
    EXPECT_GE(billed, 3u);
    at_most_four += billed <= 4 ? 1 : 0;
    sum += billed;
  }
  EXPECT_GT(at_most_four, 9'900);
  EXPECT_NEAR(sum / 10'000, slice.documents_expected() / slice.actors, 0.1);
}

TEST(Workload, TheFleetHasTheProportionsOfTheReport) {
  const Mix fleet = named("fleet");
  EXPECT_EQ(fleet.speed, 10);
  double all = 0;
  for (const Workload& workload : fleet.workloads) all += workload.documents_expected();
  EXPECT_NEAR(all, 4128, 0.1);
  const double streams =
      part(fleet, "W2").documents_expected() + part(fleet, "W3").documents_expected();
  EXPECT_NEAR(streams / all, 0.31, 0.001);
  EXPECT_DOUBLE_EQ(part(fleet, "W2").actors, part(fleet, "W3").actors) << "the same streams";
  EXPECT_NEAR(part(fleet, "W7").documents_expected(), 936, 0.1);
  EXPECT_NEAR(part(fleet, "W5").documents_expected() / all, 0.03, 0.001);
  EXPECT_NEAR(part(fleet, "W1").documents_expected() / all, 0.30, 0.001);
  EXPECT_NEAR(part(fleet, "W4").documents_expected(), 400, 0.1) << "16 reads of 25 documents";
  EXPECT_GT(part(fleet, "W6").documents_expected(), 100) << "what remains";
}

TEST(Workload, ScalesActorsOfOneAndShareOfAFleet) {
  Mix one = named("W2");
  scale(one, 1300);
  EXPECT_EQ(one.workloads.front().actors, 1300);
  EXPECT_EQ(one.workloads.front().edits_per_second(), 2);
  Mix fleet = named("fleet");
  const double before = part(fleet, "W7").actors;
  const double edits = part(fleet, "W3").edits_per_second();
  scale(fleet, 0.5);
  EXPECT_DOUBLE_EQ(part(fleet, "W7").actors, before / 2);
  EXPECT_DOUBLE_EQ(part(fleet, "W3").edits_per_second(), edits / 2);
}

TEST(Workload, EditsKeepTheirProportions) {
  Mix fleet = named("fleet");
  const double share = part(fleet, "W6").edits_per_second() / part(fleet, "W7").edits_per_second();
  set_edit_rate(fleet, 100);
  double all = 0;
  for (const Workload& workload : fleet.workloads) all += workload.edits_per_second();
  EXPECT_NEAR(all, 100, 1e-9);
  EXPECT_NEAR(part(fleet, "W6").edits_per_second() / part(fleet, "W7").edits_per_second(), share,
              1e-9);
  set_edit_rate(fleet, 0);
  EXPECT_EQ(part(fleet, "W6").edits_per_second(), 0);
}

TEST(Workload, WhatHasAnActCanBeLeftOut) {
  Mix fleet = named("fleet");
  EXPECT_EQ(leave_out_acts(fleet), "W1");
  EXPECT_EQ(fleet.workloads.size(), 6u);
  EXPECT_EQ(leave_out_acts(fleet), "");
  Mix one = named("W10");
  EXPECT_EQ(leave_out_acts(one), "W10");
  EXPECT_TRUE(one.workloads.empty());
}

TEST(Workload, AMixNamesEachOfItsCollectionsOnce) {
  EXPECT_EQ(named("W3").collections(),
            (std::vector{Collection::users, Collection::apps, Collection::flags}));
  EXPECT_EQ(named("fleet").collections().size(), collection_count);
  EXPECT_TRUE(named("W10").collections().empty()) << "its act has tables of its own";
}

}  // namespace
}  // namespace headrace::replay
