#include "replay/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

Report sample() {
  Report report{.name = "W5 session-start", .target = "engine", .counted_by = "a counter"};
  report.seconds = 10;
  report.speed = 2;
  Figures& all = report.total;
  all.workload = "all";
  all.reads = 80'000;
  all.documents = 100'000;
  all.billed = 5'000;
  all.from_memory = 74'000;
  all.writes = 150;
  all.deletes = 50;
  all.verdicts.reads = 80'000;
  all.verdicts.staleness[0] = 79'990;
  all.verdicts.staleness[3] = 10;
  all.hits = {.count = 74'000, .p50 = 900ns, .p90 = 2us, .p99 = 30us, .longest = 4ms};
  report.workloads = {all};
  return report;
}

void expect_all(const std::string& text, std::initializer_list<const char*> wanted) {
  for (const char* part : wanted) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(Report, CountsMoneyOfTheSimulatedTime) {
  const Report report = sample();
  EXPECT_DOUBLE_EQ(report.total.avoided(), 0.95);
  EXPECT_DOUBLE_EQ(report.reads_before(), 0.06) << "of documents, not of reads";
  EXPECT_DOUBLE_EQ(report.reads_after(), 0.003);
  EXPECT_DOUBLE_EQ(report.writes(), 150 * 0.18 / 100'000);
  // 100,000 documents in 20 simulated seconds are 12.96 billion in 30 days.
  EXPECT_NEAR(report.per_month(report.reads_before()), 7776, 0.01);
}

TEST(Report, DeletesHaveTheirOwnPrice) {
  Report report = sample();
  report.prices.per_100k_writes = 1;
  report.prices.per_100k_deletes = 100;
  EXPECT_DOUBLE_EQ(report.writes(), 100 * 1.0 / 100'000 + 50 * 100.0 / 100'000);
}

TEST(Report, OfNothingDividesByNothing) {
  const Report empty;
  EXPECT_EQ(empty.total.avoided(), 0);
  EXPECT_EQ(empty.per_month(empty.reads_before()), 0);
  EXPECT_FALSE(to_text(empty, false).empty());
}

TEST(Report, TextHasTheFiguresAndNoColourUnlessAsked) {
  const std::string text = to_text(sample(), false);
  expect_all(text, {"80,000", "100,000", "5,000", "95.00 %", "$ 7776.00", "$ 388.80", "$ 7387.20",
                    "current", "<= 100 ms", "must be 0", "900 ns", "a counter"});
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find("Workloads"), std::string::npos) << "there is only one";
  EXPECT_NE(to_text(sample(), true).find('\033'), std::string::npos);
}

TEST(Report, AMixHasARowForEachWorkloadAndATotal) {
  Report report = sample();
  report.workloads = {
      {.workload = "W2 frequency-setting", .reads = 30'000, .documents = 30'000, .billed = 300},
      {.workload = "W6 list-poll", .reads = 50'000, .documents = 70'000, .billed = 4'700}};
  report.workloads[1].verdicts.incomplete = 7;
  expect_all(to_text(report, false), {"Workloads", "W2 frequency-setting", "99.00 %",
                                      "W6 list-poll", "93.29 %", "           7\n", "  all  "});
}

TEST(Report, SaysWhatKindOfViolation) {
  Report report = sample();
  report.total.verdicts.resurrected = 3;
  report.total.verdicts.incomplete = 2;
  report.total.wrong_after = 1;
  report.first_error = "a violation: user:7";
  EXPECT_EQ(report.total.violations(), 6u);
  expect_all(to_text(report, false), {"3 resurrected", "2 incomplete", "1 at the end", "user:7"});
}

TEST(Report, GrantsAndBoundsAreViolationsToo) {
  Report report = sample();
  report.total.verdicts.overspent = 2;
  report.total.verdicts.late = 3;
  EXPECT_EQ(report.total.violations(), 5u);
  expect_all(to_text(report, false), {"2 overspent", "3 late"});
  const auto json = boost::json::parse(to_json(report));
  EXPECT_EQ(json.at("truth").at("overspent").to_number<int>(), 2);
  EXPECT_EQ(json.at("truth").at("late").to_number<int>(), 3);
}

TEST(Report, AWorkloadMayHaveFiguresOfItsOwn) {
  Report report = sample();
  report.workloads.front().remarks = {{"builds of core", "7", "of 14 queries each"}};
  expect_all(to_text(report, false),
             {"builds of core                               7   of 14 queries each\n"});
  const auto json = boost::json::parse(to_json(report));
  const auto& remark = json.at("workloads").at(0).at("remarks").at("builds of core");
  EXPECT_EQ(remark.at("figure").as_string(), "7");
}

TEST(Report, AWarmUpIsToldApart) {
  Report report = sample();
  EXPECT_EQ(to_text(report, false).find("warm-up"), std::string::npos) << "there was none";
  report.warm_up = 60;
  report.total.warm_documents = 90'000;
  report.total.warm_billed = 40'000;
  EXPECT_DOUBLE_EQ(report.total.avoided(), 0.95) << "which it does not change";
  expect_all(to_text(report, false), {"in the warm-up", "40,000   of 90,000; 60 s"});
  const auto json = boost::json::parse(to_json(report));
  EXPECT_EQ(json.at("source").at("warm_up_after").to_number<int>(), 40'000);
  EXPECT_EQ(json.at("warm_up_seconds").to_number<int>(), 60);
}

TEST(Report, TwoCountsMustAgree) {
  Report report = sample();
  EXPECT_TRUE(report.counts_agree()) << "nobody else has counted";
  report.billed_outside = 5'000;
  report.counted_outside_by = "a proxy";
  EXPECT_TRUE(report.counts_agree());
  expect_all(to_text(report, false), {"counted by a proxy\n"});
  report.billed_outside = 5'001;
  EXPECT_FALSE(report.counts_agree());
  expect_all(to_text(report, false), {"5,001", "THE COUNTS DIFFER"});
  const auto json = boost::json::parse(to_json(report));
  EXPECT_EQ(json.at("source").at("reads_after_outside").to_number<int>(), 5'001);
}

// What was billed for a read that failed nobody here knows.
TEST(Report, TwoCountsAreNotComparedIfReadsFailed) {
  Report report = sample();
  report.billed_outside = 5'002;
  report.counted_outside_by = "a proxy";
  report.failed_at_source = 3;
  EXPECT_TRUE(report.counts_agree());
  const std::string text = to_text(report, false);
  expect_all(text, {"5,002", "not compared, for 3 reads of the source failed"});
  EXPECT_EQ(text.find("DIFFER"), std::string::npos);
  const auto json = boost::json::parse(to_json(report));
  EXPECT_FALSE(json.at("source").at("counts_compare").as_bool());
  EXPECT_EQ(json.at("source").at("failed").to_number<int>(), 3);
}

TEST(Report, JsonIsForPrograms) {
  const auto json = boost::json::parse(to_json(sample()));
  EXPECT_EQ(json.at("source").at("reads_before").to_number<int>(), 100'000);
  EXPECT_EQ(json.at("source").at("reads_after").to_number<int>(), 5'000);
  EXPECT_EQ(json.at("truth").at("violations").to_number<int>(), 0);
  EXPECT_EQ(json.at("truth").at("staleness").at("<= 100 ms").to_number<int>(), 10);
  EXPECT_DOUBLE_EQ(json.at("latency").at("hits").at("p90_us").to_number<double>(), 2.0);
  EXPECT_EQ(json.at("workloads").as_array().size(), 1u);
  EXPECT_EQ(json.at("workloads").at(0).at("reads").at("asked").to_number<int>(), 80'000);
  EXPECT_NEAR(json.at("money").at("saved_per_month").to_number<double>(), 7387.2, 0.01);
}

TEST(Comparison, HasBothColumns) {
  Report plain = sample();
  plain.target = "plain cache";
  plain.total.billed = 20'000;
  plain.total.verdicts.resurrected = 41;
  plain.first_error = "a violation: flags:7";
  const std::string text = comparison_text(sample(), plain, false);
  expect_all(text, {"Headrace               TTL", "95.00 %           80.00 %",
                    "violations                                     0                41\n",
                    "Headrace: engine", "TTL: plain cache", "flags:7"});
  EXPECT_EQ(text.find('\033'), std::string::npos);
  const auto json = boost::json::parse(comparison_json(sample(), plain));
  EXPECT_EQ(json.at("headrace").at("truth").at("violations").to_number<int>(), 0);
  EXPECT_EQ(json.at("ttl").at("truth").at("violations").to_number<int>(), 41);
}

}  // namespace
}  // namespace headrace::replay
