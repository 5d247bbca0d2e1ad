// server/http/handover.h: a value that one coroutine waits for; the first that is given counts.
//
// Threads:   any; the coroutine goes on inside give().
// Errors:    none.
// Lifetimes: outlives the wait.
#pragma once

#include <coroutine>
#include <mutex>
#include <optional>
#include <utility>

namespace headrace::http {

template <class T>
class Handover {
 public:
  // False: another was given before.
  bool give(T value) {
    std::coroutine_handle<> waiting;
    {
      const std::scoped_lock lock(mutex_);
      if (value_) return false;
      value_.emplace(std::move(value));
      waiting = std::exchange(waiting_, nullptr);
    }
    if (waiting) waiting.resume();
    return true;
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> waiting) {
    const std::scoped_lock lock(mutex_);
    if (value_) return false;
    waiting_ = waiting;
    return true;
  }
  [[nodiscard]] T await_resume() {
    const std::scoped_lock lock(mutex_);
    return *value_;
  }

 private:
  std::mutex mutex_;
  std::optional<T> value_;
  std::coroutine_handle<> waiting_;
};

}  // namespace headrace::http
