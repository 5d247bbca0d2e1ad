#include "headrace/runtime.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "io/loops.h"

namespace headrace {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// Runs `work` on a thread of the runtime and returns what it says.
template <class F>
auto on_loop(Runtime& runtime, F work) {
  std::promise<decltype(work())> said;
  auto outcome = said.get_future();
  runtime.post([&said, &work] { said.set_value(work()); });
  return outcome.get();
}

TEST(Runtime, WorkFromOutsideIsDealtOutInTurn) {
  Runtime runtime({.threads = 3});
  std::multiset<std::size_t> loops;
  for (int i = 0; i < 6; ++i) {
    loops.insert(on_loop(runtime, [&runtime] { return runtime.loops().current().value(); }));
  }
  EXPECT_EQ(loops, (std::multiset<std::size_t>{0, 0, 1, 1, 2, 2}));
  EXPECT_FALSE(runtime.loops().current());
}

TEST(Runtime, WorkPostedOnALoopStaysThereAndNeverRunsInsidePost) {
  Runtime runtime({.threads = 4});
  std::promise<bool> same;
  std::atomic<bool> inside = true;
  runtime.post([&] {
    const std::size_t mine = runtime.loops().current().value();
    runtime.post([&, mine] { same.set_value(runtime.loops().current() == mine && !inside); });
    inside = false;
  });
  EXPECT_TRUE(same.get_future().get());
}

TEST(Runtime, TimersFireInTheOrderOfTheirMomentsAndNeverEarly) {
  Runtime runtime({.threads = 1});
  std::promise<std::vector<int>> done;
  std::vector<int> order;
  std::atomic<bool> early = false;
  const Instant start = runtime.now();
  for (const int ms : {30, 10, 20, 0, -5}) {
    const Instant when = start + milliseconds(ms);
    runtime.post_at(when, [&, when, ms] {
      if (runtime.now() < when) early = true;
      order.push_back(ms);
      if (order.size() == 5) done.set_value(order);
    });
  }
  const auto seen = done.get_future().get();
  EXPECT_FALSE(early);
  // Those already due when they were posted may run before a later call posts an earlier one.
  EXPECT_EQ(std::vector<int>(seen.end() - 3, seen.end()), (std::vector<int>{10, 20, 30}));
}

TEST(Runtime, ACancelledTimerNeverRunsAndIsCancelledOnce) {
  Runtime runtime({.threads = 2});
  auto held = std::make_shared<int>(1);
  const auto timer = runtime.post_at(runtime.now() + hours(1), [held] { FAIL(); });
  EXPECT_EQ(held.use_count(), 2);
  EXPECT_TRUE(runtime.cancel(timer));
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(runtime.cancel(timer));
  EXPECT_FALSE(runtime.cancel(Executor::TimerId::none));
  EXPECT_FALSE(runtime.cancel(Executor::TimerId{~0ULL}));
}

TEST(Runtime, ATimerThatRanCannotBeCancelled) {
  Runtime runtime({.threads = 1});
  std::promise<void> ran;
  const auto timer = runtime.post_at(runtime.now(), [&ran] { ran.set_value(); });
  ran.get_future().wait();
  EXPECT_FALSE(runtime.cancel(timer));
}

TEST(Runtime, EveryTimerEitherRunsOrIsCancelledAndNeverBoth) {
  Runtime runtime({.threads = 2});
  std::atomic<int> ran = 0;
  int cancelled = 0;
  constexpr int timers = 5000;
  for (int i = 0; i < timers; ++i) {
    const auto timer = runtime.post_at(runtime.now(), [&ran] { ran.fetch_add(1); });
    if (i % 2 == 0 && runtime.cancel(timer)) ++cancelled;
  }
  const Instant deadline = runtime.now() + std::chrono::seconds(20);
  while (ran + cancelled < timers && runtime.now() < deadline) std::this_thread::yield();
  EXPECT_EQ(ran + cancelled, timers);
}

TEST(Runtime, ATimerThatPostsItselfAgainLetsOthersRun) {
  Runtime runtime({.threads = 1});
  std::atomic<bool> stop = false;
  struct Again {
    Runtime& runtime;
    std::atomic<bool>& stop;
    void operator()() const {
      if (!stop) runtime.post_at(Instant(), Again{runtime, stop});
    }
  };
  runtime.post(Again{runtime, stop});
  EXPECT_TRUE(on_loop(runtime, [] { return true; }));
  stop = true;
}

TEST(Runtime, StopIsIdempotentAndDropsWhatWaits) {
  auto held = std::make_shared<int>(1);
  {
    Runtime runtime({.threads = 2});
    runtime.post_at(runtime.now() + hours(1), [held] { FAIL(); });
    runtime.stop();
    runtime.stop();
    runtime.post([held] { FAIL(); });
    EXPECT_EQ(held.use_count(), 3);
  }
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Runtime, TokensNeverRepeat) {
  Runtime runtime({.threads = 2});
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    seen.insert(to_hex(runtime.token()));
    seen.insert(on_loop(runtime, [&runtime] { return to_hex(runtime.token()); }));
  }
  EXPECT_EQ(seen.size(), 2000U);
  EXPECT_NE(runtime.bits(), runtime.bits());
}

// GetRandom is buffered; a child that went on with its parent's buffer would share its tokens.
TEST(Runtime, AForkedChildDrawsOtherTokens) {
  Runtime runtime({.threads = 1});
  static_cast<void>(runtime.token());
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const Token token = runtime.token();
    const bool whole = write(pipe_ends[1], &token, sizeof token) == sizeof token;
    _exit(whole ? 0 : 1);
  }
  Token theirs;
  ASSERT_EQ(read(pipe_ends[0], &theirs, sizeof theirs), static_cast<ssize_t>(sizeof theirs));
  const Token ours = runtime.token();
  waitpid(child, nullptr, 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  EXPECT_NE(to_hex(ours), to_hex(theirs));
}

// On a busy virtual machine a third of all readings would fail with one tick alone.
TEST(Runtime, TheCheapClockIsNotBehind) {
  constexpr Duration little = milliseconds(100);
  const Runtime runtime({.threads = 1});
  const Instant end = runtime.now() + little;
  Instant now;
  while ((now = runtime.now()) < end) ASSERT_GE(runtime.now_at_most(), now);
  EXPECT_LT(runtime.now_at_most(), runtime.now() + little);
}

TEST(Runtime, ClocksMove) {
  Runtime runtime({.threads = 1});
  const Instant before = runtime.now();
  EXPECT_GT(runtime.wall_now().time_since_epoch(), hours(24 * 365 * 50));
  EXPECT_GE(runtime.now(), before);
}

}  // namespace
}  // namespace headrace
