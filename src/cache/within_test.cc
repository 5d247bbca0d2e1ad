#include "cache/within.h"

#include <gtest/gtest.h>

#include <atomic>
#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kit/threads.h"
#include "kit/world.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Task<void> wait_until_empty(Gate* gate) {
  auto empty = gate->empty();
  co_await empty;
}

// Whether the gate is seen to be empty; may become true later.
std::shared_ptr<bool> watch(Gate& gate) {
  auto empty = std::make_shared<bool>(false);
  start(wait_until_empty(&gate), [empty] { *empty = true; });
  return empty;
}

TEST(GateTest, IsEmptyAtFirst) {
  Gate gate;
  EXPECT_EQ(gate.inside(), 0u);
  EXPECT_TRUE(*watch(gate));
}

TEST(GateTest, TheLastToLeaveLetsAllWhoWaitGoOn) {
  Gate gate;
  gate.enter();
  gate.enter();
  EXPECT_EQ(gate.inside(), 2u);
  const auto first = watch(gate), second = watch(gate);
  gate.leave();
  EXPECT_FALSE(*first || *second);
  gate.enter();
  gate.leave();
  EXPECT_FALSE(*first || *second);
  gate.leave();
  EXPECT_TRUE(*first && *second);
  EXPECT_EQ(gate.inside(), 0u);
}

TEST(GateTest, CanBeUsedAgain) {
  Gate gate;
  gate.enter();
  const auto first = watch(gate);
  gate.leave();
  EXPECT_TRUE(*first);
  gate.enter();
  const auto second = watch(gate);
  EXPECT_FALSE(*second);
  gate.leave();
  EXPECT_TRUE(*second);
}

TEST(GateTest, WhoWaitsMayDestroyIt) {
  auto gate = std::make_unique<Gate>();
  gate->enter();
  start(wait_until_empty(gate.get()), [&gate] { gate.reset(); });
  gate->leave();
  EXPECT_EQ(gate, nullptr);
}

TEST(GateTest, ManyThreadsThroughOneGate) {
  Gate gate;
  gate.enter();
  std::atomic<bool> empty{false};
  start(wait_until_empty(&gate), [&empty] { empty = true; });
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&gate] {
        for (int i = 0; i < 5'000; ++i) {
          gate.enter();
          gate.leave();
        }
      });
    }
  }
  EXPECT_FALSE(empty);
  gate.leave();
  EXPECT_TRUE(empty);
}

// Work that ends when the test says so.
struct Work {
  std::coroutine_handle<> waiting;
  Result<std::string> outcome = "done";

  void end() { std::exchange(waiting, nullptr).resume(); }
};
struct Ended {
  Work& work;
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const { work.waiting = awaiting; }
  void await_resume() const noexcept {}
};

Task<Result<std::string>> run_until_ended(Work* work) {
  Ended ended{*work};
  co_await ended;
  co_return work->outcome;
}
Task<Result<std::string>> run_at_once(Work* work) {
  co_return work->outcome;
}

class WithinTest : public testing::Test {
 protected:
  void TearDown() override {
    if (work.waiting) work.end();
    EXPECT_EQ(gate.inside(), 0u);
    EXPECT_EQ(world.queued(), 0u);
  }

  static Task<Result<std::string>> limited(kit::World* world, Gate* gate,
                                           Task<Result<std::string>> task, Duration limit) {
    Error late{.code = Code::timed_out, .what = "too late"};
    auto answer = within(*world, *gate, std::move(task), world->now() + limit, std::move(late));
    Result<std::string> outcome = co_await answer;
    co_return outcome;
  }
  void begin(Task<Result<std::string>> task, Duration limit = seconds(1)) {
    start(limited(&world, &gate, std::move(task), limit), [this](Result<std::string> outcome) {
      ++answers;
      answer = outcome ? *outcome : outcome.error().what;
      if (!outcome) code = outcome.error().code;
    });
  }

  kit::World world;
  Gate gate;
  Work work;
  int answers = 0;
  std::string answer;
  std::optional<Code> code;
};

TEST_F(WithinTest, WhatEndsAtOnceIsAnsweredAtOnce) {
  begin(run_at_once(&work));
  EXPECT_EQ(answer, "done");
  EXPECT_EQ(world.queued(), 0u);  // Without a timer.
  EXPECT_EQ(gate.inside(), 0u);
}

TEST_F(WithinTest, WhatEndsInTimeIsAnsweredAndItsTimerDropped) {
  begin(run_until_ended(&work));
  EXPECT_EQ(gate.inside(), 1u);
  EXPECT_EQ(world.queued(), 1u);
  world.advance(seconds(1) - Duration(1));
  EXPECT_EQ(answers, 0);
  work.end();
  EXPECT_EQ(answer, "done");
  EXPECT_EQ(world.queued(), 0u);
  EXPECT_EQ(gate.inside(), 0u);
  world.advance(seconds(10));
  EXPECT_EQ(answers, 1);
}

TEST_F(WithinTest, AnErrorInTimeIsTheTasksOwn) {
  work.outcome = failure(Code::source_failed, "broken");
  begin(run_until_ended(&work));
  work.end();
  EXPECT_EQ(answer, "broken");
  EXPECT_EQ(code, Code::source_failed);
}

TEST_F(WithinTest, WhatIsLateIsAnsweredByTheDeadlineAndGoesOnByItself) {
  begin(run_until_ended(&work));
  world.advance(seconds(1));
  EXPECT_EQ(answer, "too late");
  EXPECT_EQ(code, Code::timed_out);
  EXPECT_EQ(gate.inside(), 1u);  // It has not ended.
  const auto empty = watch(gate);
  world.advance(seconds(10));
  EXPECT_FALSE(*empty);
  work.end();
  EXPECT_TRUE(*empty);
  EXPECT_EQ(answers, 1);  // Its outcome is dropped.
  EXPECT_EQ(answer, "too late");
}

TEST_F(WithinTest, ADeadlineThatHasPassedStillLetsItStart) {
  begin(run_until_ended(&work), -seconds(5));
  EXPECT_EQ(answers, 0);
  world.run();
  EXPECT_EQ(answer, "too late");
  work.end();
  begin(run_at_once(&work), -seconds(5));
  EXPECT_EQ(answer, "done");  // What is there is answered.
}

TEST_F(WithinTest, WhatEndsBeforeItIsWaitedForNeedsNoTimer) {
  Error late{.code = Code::timed_out, .what = "too late"};
  auto race = within(world, gate, run_until_ended(&work), world.now() + seconds(1), late);
  EXPECT_FALSE(race.await_ready());
  work.end();
  EXPECT_TRUE(race.await_ready());
  EXPECT_EQ(race.await_resume(), "done");
  EXPECT_EQ(world.queued(), 0u);
}

TEST_F(WithinTest, WhatEndsBetweenTheLookAndTheWaitDoesNotSuspend) {
  Error late{.code = Code::timed_out, .what = "too late"};
  auto race = within(world, gate, run_until_ended(&work), world.now() + seconds(1), late);
  EXPECT_FALSE(race.await_ready());
  work.end();  // As on another thread, just now.
  EXPECT_FALSE(race.await_suspend(std::noop_coroutine()));
  EXPECT_EQ(world.queued(), 0u);  // The timer that it had set is dropped.
  EXPECT_EQ(race.await_resume(), "done");
}

TEST_F(WithinTest, OnlyTheFirstSettles) {
  const auto race = std::make_shared<detail::Race<int>>(world, Error{});
  EXPECT_FALSE(race->is_settled());
  EXPECT_TRUE(race->settle(1));
  EXPECT_FALSE(race->settle(2));
  EXPECT_TRUE(race->is_settled());
  EXPECT_EQ(race->take(), 1);
}

Task<void> pause_until(kit::World* world, Instant when) {
  Pause pause{*world, when};
  co_await pause;
}

TEST_F(WithinTest, APauseEndsAtItsMoment) {
  bool over = false;
  start(pause_until(&world, world.now() + milliseconds(50)), [&over] { over = true; });
  world.advance(milliseconds(50) - Duration(1));
  EXPECT_FALSE(over);
  world.advance(Duration(1));
  EXPECT_TRUE(over);
}

TEST_F(WithinTest, APauseThatIsOverIsNotEndedOnTheCallersStack) {
  bool over = false;
  start(pause_until(&world, world.now() - seconds(1)), [&over] { over = true; });
  EXPECT_FALSE(over);
  world.run();
  EXPECT_TRUE(over);
}

// The task and its deadline on two threads at once: one answer, and the gate empties.
Task<Result<std::string>> elsewhere(kit::Threads* threads, Instant when) {
  Pause pause{*threads, when};
  co_await pause;
  co_return "done";
}
Task<Result<std::string>> raced(kit::Threads* threads, Gate* gate, Instant ends, Instant deadline) {
  Error late{.code = Code::timed_out, .what = "too late"};
  auto answer = within(*threads, *gate, elsewhere(threads, ends), deadline, std::move(late));
  Result<std::string> outcome = co_await answer;
  co_return outcome;
}

TEST(WithinThreadsTest, ARaceHasOneWinner) {
  kit::Threads threads;
  Gate gate;
  constexpr int races = 3'000;
  std::atomic<int> done{0}, late{0}, other{0};
  for (int i = 0; i < races; ++i) {
    const Instant when = threads.now() + milliseconds(1);
    start(raced(&threads, &gate, when, when), [&](const Result<std::string>& outcome) {
      const bool in_time = outcome.has_value();
      ++(in_time ? done : outcome.error().code == Code::timed_out ? late : other);
    });
    if (i % 3 == 0) threads.advance(milliseconds(1));
  }
  threads.advance(seconds(1));
  std::atomic<bool> empty{false};
  start(wait_until_empty(&gate), [&empty] { empty = true; });
  // Polled; the bound only ends a test that fails.
  for (int i = 0; (!empty || done + late + other < races) && i < 10'000'000; ++i) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(empty);
  EXPECT_EQ(done + late, races);
  EXPECT_EQ(other, 0);
}

}  // namespace
}  // namespace headrace
