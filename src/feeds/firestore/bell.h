// feeds/firestore/bell.h: wakes the one coroutine that waits, and what rings it when it is done.
//
//   co_await bell.rest(until);      goes on when it has rung since the last rest, or then
//
//   Errand<Result<void>> errand(bell);
//   errand.begin(some_task());      rings when the task has ended
//   if (auto outcome = errand.take()) ...
//
// Threads:   ring() from any thread; rest() from one coroutine; an errand belongs to who rests.
// Errors:    none.
// Lifetimes: shared, so that who rings late rings nobody.  A task that was begun must have ended
//            before what it uses is gone.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "headrace/executor.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/wakeup.h"

namespace headrace::firestore::feed {

class Bell {
 public:
  explicit Bell(Executor& executor) : executor_(executor) {}

  void ring();
  [[nodiscard]] Task<void> rest(Instant until);

 private:
  Executor& executor_;
  std::mutex mutex_;
  bool has_rung_ = false;
  std::shared_ptr<io::Wakeup> waiting_;
};

// A task at a time, beside what its owner does.
template <class T>
class Errand {
 public:
  explicit Errand(std::shared_ptr<Bell> bell) : end_(std::make_shared<End>(std::move(bell))) {}

  // REQUIRES: it is not busy.
  void begin(Task<T> task) {
    is_busy_ = true;
    start(std::move(task), [end = end_](T outcome) { end->put(std::move(outcome)); });
  }
  // From begin() until take() has had the outcome.
  [[nodiscard]] bool is_busy() const noexcept { return is_busy_; }
  [[nodiscard]] std::optional<T> take() {
    std::optional<T> outcome = end_->take();
    if (outcome) is_busy_ = false;
    return outcome;
  }

 private:
  class End {
   public:
    explicit End(std::shared_ptr<Bell> bell) : bell_(std::move(bell)) {}
    void put(T outcome) {
      {
        const std::scoped_lock lock(mutex_);
        outcome_ = std::move(outcome);
      }
      bell_->ring();
    }
    std::optional<T> take() {
      const std::scoped_lock lock(mutex_);
      return std::exchange(outcome_, std::nullopt);
    }

   private:
    const std::shared_ptr<Bell> bell_;
    std::mutex mutex_;
    std::optional<T> outcome_;
  };

  bool is_busy_ = false;
  std::shared_ptr<End> end_;
};

}  // namespace headrace::firestore::feed
