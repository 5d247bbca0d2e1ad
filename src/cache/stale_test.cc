// Stale-while-revalidate, stale-if-error, and the back-off of refreshes.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using std::chrono::seconds;

class StaleTest : public BenchTop {
 protected:
  StaleTest() {
    Policy policy = plain_policy();  // Fresh for 10 s.
    policy.stale_for = seconds(100);
    policy.stale_if_error_for = seconds(1000);
    policy.retry_after = seconds(1);
    policy.retry_after_max = seconds(4);
    define(policy);
    source->rows["1"] = "v1";
    read("1");
  }
};

TEST_F(StaleTest, TheStaleIsAnsweredAtOnceWhileOneRefreshRuns) {
  world.advance(seconds(20));
  source->rows["1"] = "v2";
  source->hold = true;
  for (int i = 0; i < 5; ++i) {
    const AnyResult answer = read("1");
    EXPECT_EQ(text(answer), "v1");
    EXPECT_EQ(answer->reason(), Reason::stale);
    EXPECT_EQ(answer->fresh_left(), -seconds(10));
  }
  EXPECT_EQ(source->reads, 2u);
  source->release();
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(StaleTest, PastStaleForItIsGoneEvenWhileTheRefreshRuns) {
  world.advance(seconds(95));
  source->rows["1"] = "v2";
  source->hold = true;
  EXPECT_EQ(text(read("1")), "v1");
  world.advance(seconds(6));
  const Outcome late = ask("1");
  EXPECT_EQ(text(late), "pending");  // It joins the refresh.
  EXPECT_EQ(source->reads, 2u);
  source->release();
  world.run();
  EXPECT_EQ(text(late), "v2");
}

TEST_F(StaleTest, AFailedRefreshKeepsTheAnswerAndIsTriedAgainLaterAndLater) {
  world.advance(seconds(20));
  source->failing = true;
  const std::vector<int> tried_at = {0, 1, 3, 7, 11, 15};  // Pauses of 1, 2, 4, 4, 4 seconds.
  std::vector<int> seen;
  for (int second = 0; second < 16; ++second) {
    const std::size_t before = source->reads;
    EXPECT_EQ(text(read("1")), "v1");
    if (source->reads > before) seen.push_back(second);
    world.advance(seconds(1));
  }
  EXPECT_EQ(seen, tried_at);
  EXPECT_EQ(stats().load_failures, tried_at.size());
  source->failing = false;
  source->rows["1"] = "v2";
  world.advance(seconds(4));
  read("1");
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(StaleTest, AfterAFailureTheKeptIsAnsweredUntilItIsGone) {
  world.advance(seconds(200));
  source->failing = true;
  AnyResult answer = read("1");
  EXPECT_EQ(answer->reason(), Reason::stale_on_error);
  EXPECT_EQ(text(answer), "v1");
  const std::size_t reads = source->reads;
  answer = read("1");  // The next try is not due: no second failure to wait for.
  EXPECT_EQ(answer->reason(), Reason::stale_on_error);
  EXPECT_EQ(source->reads, reads);
  world.advance(seconds(801));
  EXPECT_EQ(read("1").error().code, Code::source_failed);
}

TEST_F(StaleTest, AfterARestartTheStoresStaleIsAnsweredToo) {
  ASSERT_TRUE(close());
  world.advance(seconds(20));
  make_engine();
  Policy policy = plain_policy();
  policy.stale_for = seconds(100);
  policy.stale_if_error_for = seconds(1000);
  define(policy);
  source->rows["1"] = "v2";
  const AnyResult answer = read("1");
  EXPECT_EQ(text(answer), "v1");
  EXPECT_EQ(answer->origin(), Origin::store);
  EXPECT_EQ(answer->reason(), Reason::stale);
  world.run();
  EXPECT_EQ(text(read("1")), "v2");  // Refreshed behind it, in memory and in the store.
  EXPECT_EQ(store.writes, 2u);
}

TEST_F(StaleTest, AStoresOldEntryServesAfterAFailure) {
  ASSERT_TRUE(close());
  world.advance(seconds(200));
  make_engine();
  Policy policy = plain_policy();
  policy.stale_for = seconds(100);
  policy.stale_if_error_for = seconds(1000);
  define(policy);
  source->failing = true;
  const AnyResult answer = read("1");
  EXPECT_EQ(text(answer), "v1");
  EXPECT_EQ(answer->reason(), Reason::stale_on_error);
}

TEST_F(StaleTest, WhatWasInvalidatedIsNeverServedStale) {
  world.advance(seconds(200));
  invalidate(key("1"));
  source->failing = true;
  EXPECT_EQ(read("1").error().code, Code::source_failed);
}

TEST_F(StaleTest, AnInvalidationDuringAFailingLoadWins) {
  world.advance(seconds(200));
  source->failing = true;
  source->hold = true;
  const Outcome waiting = ask("1");
  invalidate(tag("user:1"));
  source->release();
  world.run();
  EXPECT_EQ((*waiting)->error().code, Code::source_failed);
}

TEST_F(StaleTest, WhoInsistsOnTheSourceIsToldThatItFailed) {
  source->failing = true;
  EXPECT_EQ(read("1", {.refresh = true}).error().code, Code::source_failed);
  EXPECT_EQ(text(read("1")), "v1");
}

TEST_F(StaleTest, JitterOnlyShortens) {
  Policy policy = plain_policy();
  policy.jitter = 0.5;
  define(policy);
  for (int i = 0; i < 200; ++i) {
    source->rows[std::to_string(i)] = "v";
    const Duration left = read(std::to_string(i))->fresh_left();
    EXPECT_LE(left, seconds(10));
    EXPECT_GE(left, seconds(5));
  }
}

}  // namespace
}  // namespace headrace
