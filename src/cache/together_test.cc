// Pieces of work side by side: all of them, and never more at once than may be.
#include "cache/together.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <deque>
#include <thread>
#include <vector>

namespace headrace {
namespace {

// Work that waits until the test lets it go on.
class Waiting {
 public:
  Task<void> piece(std::size_t) {
    ++under_way;
    most = std::max(most, under_way);
    const Held held{*this};
    co_await held;
    --under_way;
    ++ended;
  }
  void go_on() {
    const std::coroutine_handle<> first = held_.front();
    held_.pop_front();
    first.resume();
  }
  std::size_t under_way = 0;
  std::size_t most = 0;
  std::size_t ended = 0;

 private:
  struct Held {
    Waiting& all;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) const { all.held_.push_back(awaiting); }
    void await_resume() const noexcept {}
  };
  std::deque<std::coroutine_handle<>> held_;
};

Task<void> together(std::size_t count, std::size_t at_once, Together::Work work) {
  co_await Together(count, at_once, std::move(work));
}

TEST(Together, RunsSoManyAtOnceAndEndsWithTheLast) {
  Waiting waiting;
  bool over = false;
  start(together(5, 2, [&](std::size_t i) { return waiting.piece(i); }), [&] { over = true; });
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(waiting.under_way, std::min<std::size_t>(2, 5 - i));
    EXPECT_FALSE(over);
    waiting.go_on();
  }
  EXPECT_TRUE(over);
  EXPECT_EQ(waiting.most, 2u);
  EXPECT_EQ(waiting.ended, 5u);
}

TEST(Together, WorkThatNeverWaitsAndNoWorkAtAllEndAtOnce) {
  std::vector<std::size_t> done;
  bool over = false;
  const auto note = [](std::vector<std::size_t>* into, std::size_t i) -> Task<void> {
    into->push_back(i);
    co_return;
  };
  start(together(3, 8, [&](std::size_t i) { return note(&done, i); }), [&] { over = true; });
  EXPECT_TRUE(over);
  EXPECT_EQ(done, (std::vector<std::size_t>{0, 1, 2}));
  over = false;
  start(together(0, 8, [&](std::size_t i) { return note(&done, i); }), [&] { over = true; });
  EXPECT_TRUE(over);
  EXPECT_EQ(done.size(), 3u);
}

}  // namespace
}  // namespace headrace
