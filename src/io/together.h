// io/together.h: tasks that run side by side, to one that ends when all of them have ended.
//
// Threads:   the tasks begin on this thread, one after the other, until each waits; what awaits
//            them goes on where the last one ends.
// Errors:    the tasks do not throw.
// Lifetimes: takes the tasks by value; what into() writes to must live until they have ended.
#pragma once

#include <atomic>
#include <coroutine>
#include <optional>
#include <utility>
#include <vector>

#include "headrace/task.h"

namespace headrace::io {

// Awaits `task` and keeps what comes out of it.
template <class T>
Task<void> into(Task<T> task, std::optional<T>* outcome) {
  outcome->emplace(co_await std::move(task));
}

class Together {
 public:
  explicit Together(std::vector<Task<void>> tasks) : tasks_(std::move(tasks)) {}

  [[nodiscard]] bool await_ready() const noexcept { return tasks_.empty(); }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> awaiting) {
    left_ = tasks_.size() + 1;
    for (Task<void>& task : tasks_) {
      start(std::move(task), [this, awaiting] {
        if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) awaiting.resume();
      });
    }
    return left_.fetch_sub(1, std::memory_order_acq_rel) != 1;
  }
  void await_resume() const noexcept {}

 private:
  std::vector<Task<void>> tasks_;
  std::atomic<std::size_t> left_{0};
};

}  // namespace headrace::io
