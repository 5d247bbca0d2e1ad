// cache/within.h: a task with a deadline, and a pause, both on the executor's time.
//
// within() answers by its deadline whatever the task does; a task that is late goes on by itself
// and its outcome is dropped.  The gate stays held until the task has really ended.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "core/gate.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/task.h"

namespace headrace {

namespace detail {

// Where the task and the timer race; the first to settle it resumes whoever waits.
template <class T>
class Race {
 public:
  Race(Executor& executor, Error late) : executor_(executor), late_(std::move(late)) {}

  bool settle(Result<T>&& outcome) {
    std::coroutine_handle<> waiting;
    Executor::TimerId timer{};
    {
      const std::scoped_lock lock(mutex_);
      if (outcome_) return false;
      outcome_.emplace(std::move(outcome));
      waiting = std::exchange(waiting_, nullptr);
      timer = std::exchange(timer_, Executor::TimerId::none);
    }
    if (timer != Executor::TimerId::none) executor_.cancel(timer);
    if (waiting) waiting.resume();
    return true;
  }

  // The time is up.
  void expire() { settle(std::unexpected(late_)); }

  [[nodiscard]] bool is_settled() {
    const std::scoped_lock lock(mutex_);
    return outcome_.has_value();
  }

  // False if it was settled already: the waiter need not be suspended.
  bool wait(std::coroutine_handle<> waiting, Executor::TimerId timer) {
    {
      const std::scoped_lock lock(mutex_);
      if (!outcome_) {
        waiting_ = waiting;
        timer_ = timer;
        return true;
      }
    }
    executor_.cancel(timer);
    return false;
  }

  [[nodiscard]] Result<T> take() { return *std::move(outcome_); }

 private:
  Executor& executor_;
  const Error late_;
  std::mutex mutex_;
  std::optional<Result<T>> outcome_;
  std::coroutine_handle<> waiting_;
  Executor::TimerId timer_ = Executor::TimerId::none;
};

template <class T>
struct WithinAwaiter {
  Executor& executor;
  std::shared_ptr<Race<T>> race;
  Instant deadline;

  [[nodiscard]] bool await_ready() const { return race->is_settled(); }
  bool await_suspend(std::coroutine_handle<> awaiting) {
    // The awaiter may be gone as soon as the timer is set: only locals from here on.
    const auto here = race;
    const auto timer = executor.post_at(deadline, [here] { here->expire(); });
    return here->wait(awaiting, timer);
  }
  [[nodiscard]] Result<T> await_resume() { return race->take(); }
};

}  // namespace detail

// The outcome of `task`, or `late` once `deadline` has passed.  The task starts at once.
template <class T>
detail::WithinAwaiter<T> within(Executor& executor, Gate& gate, Task<Result<T>> task,
                                Instant deadline, Error late) {
  auto race = std::make_shared<detail::Race<T>>(executor, std::move(late));
  gate.enter();
  start(std::move(task), [race, &gate](Result<T> outcome) {
    race->settle(std::move(outcome));
    gate.leave();
  });
  return {executor, std::move(race), deadline};
}

// Suspends until `when`.
struct Pause {
  Executor& executor;
  Instant when;

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) const {
    executor.post_at(when, [awaiting] { awaiting.resume(); });
  }
  void await_resume() const noexcept {}
};

}  // namespace headrace
