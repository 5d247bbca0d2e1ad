// cache/together.h: pieces of work side by side, so many of them at once.
//
// Threads:   any; a piece goes on wherever its own work ends.
// Errors:    none of its own; a piece must not throw.
// Lifetimes: the work is kept until the last piece has ended.
#pragma once

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "headrace/task.h"

namespace headrace {

// Ends when work(0) to work(count - 1) have ended; each begins in its turn, as soon as less than
// `at_once` of them are under way.  REQUIRES: at_once > 0.
class Together {
 public:
  using Work = std::function<Task<void>(std::size_t)>;

  Together(std::size_t count, std::size_t at_once, Work work)
      : all_(std::make_shared<All>(count, std::min(count, at_once), std::move(work))) {}

  [[nodiscard]] bool await_ready() const noexcept { return all_->count == 0; }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    // The awaiter may be gone as soon as the last lane has ended: only locals from here on.
    const auto all = all_;
    all->awaiting = awaiting;
    const std::size_t lanes = all->lanes;
    all->running.store(lanes + 1);  // This one too, so that nobody is resumed too early.
    for (std::size_t i = 0; i < lanes; ++i) {
      start(lane(all), [all] {
        if (all->running.fetch_sub(1) == 1) all->awaiting.resume();
      });
    }
    return all->running.fetch_sub(1) != 1;
  }
  void await_resume() const noexcept {}

 private:
  struct All {
    All(std::size_t pieces, std::size_t at_once, Work what)
        : count(pieces), lanes(at_once), work(std::move(what)) {}
    const std::size_t count;
    const std::size_t lanes;
    const Work work;
    std::atomic<std::size_t> next{0};
    std::atomic<std::size_t> running{0};
    std::coroutine_handle<> awaiting{};
  };
  static Task<void> lane(std::shared_ptr<All> all) {
    for (std::size_t i = all->next++; i < all->count; i = all->next++) {
      auto piece = all->work(i);
      co_await std::move(piece);
    }
  }

  std::shared_ptr<All> all_;
};

}  // namespace headrace
