// io/wakeup.h: one coroutine that waits for whichever comes first.
//
//   auto wakeup = std::make_shared<Wakeup>(executor);
//   ... wakeup->wake(Wakeup::By::grant) ... from anywhere, any number of times
//   const Wakeup::By by = co_await wakeup->waiting();
//
// Threads:   wake() may be called from any thread; the coroutine goes on on the executor.
// Errors:    none.
// Lifetimes: shared by the coroutine and those who may wake it.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>

#include "headrace/executor.h"
#include "headrace/time.h"

namespace headrace::io {

class Wakeup {
 public:
  enum class By : unsigned char { nobody, grant, time, stop };

  explicit Wakeup(Executor& executor) : executor_(executor) {}

  // False if somebody else was first: then this call did nothing.
  bool wake(By by);

  // What the coroutine awaits, once.
  struct Waiting {
    Wakeup& wakeup;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    [[nodiscard]] bool await_suspend(std::coroutine_handle<> awaiting) const {
      return wakeup.suspend(awaiting);
    }
    [[nodiscard]] By await_resume() const { return wakeup.by(); }
  };
  [[nodiscard]] Waiting waiting() noexcept { return Waiting{*this}; }

 private:
  [[nodiscard]] bool suspend(std::coroutine_handle<> awaiting);
  [[nodiscard]] By by();

  Executor& executor_;
  std::mutex mutex_;
  By by_ = By::nobody;
  std::coroutine_handle<> awaiting_;
};

// Wakes by time at `when`.  The timer's id, to be cancelled.
[[nodiscard]] Executor::TimerId wake_at(Executor& executor, Instant when,
                                        std::shared_ptr<Wakeup> wakeup);

}  // namespace headrace::io
