// A short run of two faults on real servers; and the same with a mechanism taken out of the
// program, which the oracle has to see: so that a run which finds nothing says something.
#include <gtest/gtest.h>
#include <stdio.h>

#include <string>

#include "chaos/calendar.h"
#include "chaos/report.h"
#include "chaos/run.h"
#include "kit/clean_environment.h"
#include "kit/start_or_skip.h"

namespace headrace::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

RunOptions short_run(Fault::Times times) {
  kit::clean_environment();
  return {.length = seconds(1),
          .instances = 3,
          .entities = 200,
          .program = HEADRACE_PROGRAM,
          .traffic = {.reads_per_second = 300,
                      .writes_per_second = 100,
                      .registers_per_second = 40,
                      .readers = 1,
                      .writers = 1},
          .times = times};
}

RunOptions without(std::string mechanism, RunOptions options) {
  options.program = HEADRACE_PROGRAM_WITHOUT;
  options.environment = {"CHAOS_WITHOUT=" + std::move(mechanism)};
  return options;
}

// Longer than the bound, and until the program has had to say so.
constexpr Fault::Times deaf{.lasts = milliseconds(3500), .rests = milliseconds(500)};
constexpr Fault::Times forgetful{.lasts = seconds(1), .rests = milliseconds(500)};

TEST(Chaos, WithoutABusNothingIsOlderThanTheBound) {
  KIT_START(outcome, run_fault(*find_fault("bus-cut"), short_run(deaf)));
  EXPECT_EQ(outcome.violations(), 0u) << remarks(outcome);
  EXPECT_GT(outcome.verdict.from[static_cast<std::size_t>(From::memory)], 0u);
  EXPECT_GT(outcome.verdict.from[static_cast<std::size_t>(From::store)], 0u);
  EXPECT_EQ(outcome.registers.too_hard, 0u);
}

TEST(Chaos, WithoutTheBusLeaseThatIsSeen) {
  KIT_START(outcome, run_fault(*find_fault("bus-cut"), without("session", short_run(deaf))));
  EXPECT_TRUE(outcome.verdict.violation.starts_with("the bus bound: ")) << remarks(outcome);
}

TEST(Chaos, WhatAFailoverForgetsIsNotAnswered) {
  KIT_START(outcome, run_fault(*find_fault("failover"), short_run(forgetful)));
  EXPECT_EQ(outcome.violations(), 0u) << remarks(outcome);
}

TEST(Chaos, WithoutReplayThatIsSeen) {
  KIT_START(outcome, run_fault(*find_fault("failover"), without("replay", short_run(forgetful))));
  EXPECT_GT(outcome.verdict.violations, 0u) << table_row(outcome);
}

TEST(Chaos, ManyWhoMissAtOnceReadTheSourceOnce) {
  KIT_START(outcome, run_burst(short_run({}), 20, false));
  EXPECT_EQ(outcome.why(), "") << remarks(outcome);
  EXPECT_EQ(outcome.verdict.source_reads, 1u);
}

TEST(Chaos, AndTwiceIfWhoReadsItDies) {
  KIT_START(outcome, run_burst(short_run({}), 20, true));
  EXPECT_EQ(outcome.why(), "") << remarks(outcome);
  EXPECT_EQ(outcome.verdict.source_reads, 2u);
}

TEST(Calendar, StepsForOtherPrograms) {
  Calendar calendar;
  calendar.step(1'000'000'000);
  std::string command = "env";
  for (const std::string& one : calendar.environment()) command += " '" + one + "'";
  command += " date +%s";
  FILE* const date = ::popen(command.c_str(), "r");
  ASSERT_NE(date, nullptr);
  long there = 0;
  EXPECT_EQ(::fscanf(date, "%ld", &there), 1);
  ::pclose(date);
  EXPECT_NEAR(static_cast<double>(there - ::time(nullptr)), 1e9, 100);
}

}  // namespace
}  // namespace headrace::chaos
