#include "headrace/task.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>

#include "headrace/sync.h"

namespace headrace {
namespace {

Task<int> number(int n) {
  co_return n;
}
Task<std::int64_t> sum(int n) {
  std::int64_t total = 0;
  for (int i = 1; i <= n; ++i) {
    const int one = co_await number(i);
    total += one;
  }
  co_return total;
}
Task<std::string> thrower() {
  throw std::runtime_error("out");
  co_return "";
}
Task<void> nothing(bool* ran) {
  *ran = true;
  co_return;
}

struct ResumeOnThread {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    std::thread([awaiting] { awaiting.resume(); }).detach();
  }
  void await_resume() const noexcept {}
};
Task<int> elsewhere() {
  const ResumeOnThread hop;
  co_await hop;
  co_return 7;
}

TEST(Task, ManyAwaitsUseNoStack) {
  EXPECT_EQ(wait(sum(100000)), 5000050000);
}

TEST(Task, WhatItThrowsComesOut) {
  EXPECT_THROW(wait(thrower()), std::runtime_error);
}

TEST(Task, OneThatIsNeverStartedNeverRuns) {
  bool ran = false;
  {
    const Task<void> task = nothing(&ran);
  }
  EXPECT_FALSE(ran);
  wait(nothing(&ran));
  EXPECT_TRUE(ran);
}

TEST(Task, WaitCrossesThreads) {
  EXPECT_EQ(wait(elsewhere()), 7);
}

TEST(Task, StartReportsTheOutcome) {
  int got = 0;
  start(number(3), [&got](int n) { got = n; });
  EXPECT_EQ(got, 3);
}

}  // namespace
}  // namespace headrace
