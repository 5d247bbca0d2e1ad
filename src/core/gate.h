// core/gate.h: counts the work that is under way, so that close() can wait for its end.
//
// Threads: any member from any thread.
#pragma once

#include <cassert>
#include <coroutine>
#include <cstddef>
#include <mutex>
#include <vector>

namespace headrace {

class Gate {
 public:
  void enter() {
    const std::scoped_lock lock(mutex_);
    ++inside_;
  }

  // The last to leave lets those go on who wait for that.
  void leave() {
    std::vector<std::coroutine_handle<>> waiting;
    {
      const std::scoped_lock lock(mutex_);
      assert(inside_ > 0);
      if (--inside_ > 0) return;
      waiting.swap(waiting_);
    }
    for (const auto& handle : waiting) handle.resume();
  }

  // Awaits the moment at which nothing is inside.
  auto empty() {
    struct Awaiter {
      Gate& gate;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> awaiting) const {
        const std::scoped_lock lock(gate.mutex_);
        if (gate.inside_ == 0) return false;
        gate.waiting_.push_back(awaiting);
        return true;
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

  [[nodiscard]] std::size_t inside() const {
    const std::scoped_lock lock(mutex_);
    return inside_;
  }

 private:
  mutable std::mutex mutex_;
  std::size_t inside_ = 0;
  std::vector<std::coroutine_handle<>> waiting_;
};

}  // namespace headrace
