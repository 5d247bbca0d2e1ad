// kit/started.h: a call that goes on while a test does something else, and what holds one.
#pragma once

#include <atomic>
#include <latch>
#include <optional>
#include <utility>

#include "headrace/result.h"
#include "headrace/task.h"

namespace headrace::kit {

// Holds whoever passes until open() is called.
class Turnstile {
 public:
  void close() { closed_ = true; }
  void open() {
    closed_ = false;
    closed_.notify_all();
  }
  void pass() {
    ++arrivals_;
    closed_.wait(true);
  }
  [[nodiscard]] int arrivals() const { return arrivals_; }

 private:
  std::atomic<bool> closed_{false};
  std::atomic<int> arrivals_{0};
};

// A call that was started and not waited for.
template <class T>
struct Started {
  explicit Started(Task<Result<T>> task) {
    start(std::move(task), [this](Result<T> value) {
      outcome = std::move(value);
      done.count_down();
    });
  }
  Result<T>& get() {
    done.wait();
    return *outcome;
  }
  std::optional<Result<T>> outcome;
  std::latch done{1};
};

}  // namespace headrace::kit
