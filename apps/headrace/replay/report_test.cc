#include "replay/report.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

Report sample() {
  Report report{.workload = "W5 session-start", .target = "engine", .counted_by = "a counter"};
  report.seconds = 10;
  report.speed = 2;
  report.reads = 100'000;
  report.billed = 5'000;
  report.from_memory = 94'000;
  report.verdicts.reads = 100'000;
  report.verdicts.staleness[0] = 99'990;
  report.verdicts.staleness[3] = 10;
  report.hits = {.count = 94'000, .p50 = 900ns, .p90 = 2us, .p99 = 30us, .longest = 4ms};
  return report;
}

TEST(Report, CountsMoneyOfTheSimulatedTime) {
  const Report report = sample();
  EXPECT_DOUBLE_EQ(report.avoided(), 0.95);
  EXPECT_DOUBLE_EQ(report.money_before(), 0.06);
  EXPECT_DOUBLE_EQ(report.money_after(), 0.003);
  // 100,000 reads in 20 simulated seconds are 12.96 billion in 30 days.
  EXPECT_NEAR(report.per_month(report.money_before()), 7776, 0.01);
}

TEST(Report, OfNothingDividesByNothing) {
  const Report empty;
  EXPECT_EQ(empty.avoided(), 0);
  EXPECT_EQ(empty.per_month(empty.money_before()), 0);
  EXPECT_FALSE(to_text(empty, false).empty());
}

TEST(Report, TextHasTheFiguresAndNoColourUnlessAsked) {
  const std::string text = to_text(sample(), false);
  for (const auto* wanted : {"100,000", "5,000", "95.00 %", "$ 7776.00", "current", "<= 100 ms",
                             "must be 0", "900 ns", "a counter"}) {
    EXPECT_NE(text.find(wanted), std::string::npos) << wanted << "\n" << text;
  }
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_NE(to_text(sample(), true).find('\033'), std::string::npos);
}

TEST(Report, SaysWhatKindOfViolation) {
  Report report = sample();
  report.verdicts.resurrected = 3;
  report.wrong_after = 1;
  EXPECT_EQ(report.violations(), 4u);
  EXPECT_NE(to_text(report, false).find("3 resurrected"), std::string::npos);
}

TEST(Report, JsonIsForPrograms) {
  const auto json = boost::json::parse(to_json(sample()));
  EXPECT_EQ(json.at("source").at("reads_after").to_number<int>(), 5000);
  EXPECT_EQ(json.at("truth").at("violations").to_number<int>(), 0);
  EXPECT_EQ(json.at("truth").at("staleness").at("<= 100 ms").to_number<int>(), 10);
  EXPECT_DOUBLE_EQ(json.at("latency").at("hits").at("p90_us").to_number<double>(), 2.0);
}

}  // namespace
}  // namespace headrace::replay
