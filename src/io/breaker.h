// io/breaker.h: spares callers the wait for a server that does not answer.
//
// After some calls in a row that were not answered nobody is let through for a pause.  Then one may
// try; if that is not answered either the pause doubles, and whoever is answered opens the way to
// all.  That the server refuses is an answer.
//
// Threads:   safe from any thread.
// Errors:    none.
// Lifetimes: outlives its turns.
// Source:    Nygard, Release It!, the circuit breaker.
#pragma once

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "headrace/time.h"

namespace headrace::io {

class Breaker {
 public:
  // One that is slow is no reason, for it may be the documents that others are busy with.
  static constexpr unsigned unanswered_max = 3;
  static constexpr Duration pause_first = std::chrono::milliseconds(100);
  static constexpr Duration pause_max = std::chrono::seconds(2);

  // The leave to make one call.  To destroy it without a word says nothing of the server.
  class Turn {
   public:
    Turn(Breaker& breaker, bool is_trial) noexcept : breaker_(&breaker), is_trial_(is_trial) {}
    Turn(Turn&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)), is_trial_(other.is_trial_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (breaker_ != nullptr) breaker_->end(is_trial_);
    }
    void answered() { breaker_->answered(); }
    void not_answered(Instant now) { breaker_->not_answered(now, is_trial_); }

   private:
    Breaker* breaker_;
    const bool is_trial_;
  };

  // None: not now.
  [[nodiscard]] std::optional<Turn> turn(Instant now) {
    const std::scoped_lock lock(mutex_);
    if (unanswered_ < unanswered_max) return Turn(*this, false);
    if (is_tried_ || now < retry_at_) return std::nullopt;
    is_tried_ = true;
    return Turn(*this, true);
  }

 private:
  void answered() {
    const std::scoped_lock lock(mutex_);
    unanswered_ = 0;
    pause_ = Duration::zero();
  }
  // Those that began before the pause did say nothing new.
  void not_answered(Instant now, bool is_trial) {
    const std::scoped_lock lock(mutex_);
    if (++unanswered_ < unanswered_max || (pause_ > Duration::zero() && !is_trial)) return;
    pause_ = std::clamp(2 * pause_, pause_first, pause_max);
    retry_at_ = now + pause_;
  }
  void end(bool is_trial) {
    const std::scoped_lock lock(mutex_);
    if (is_trial) is_tried_ = false;
  }

  std::mutex mutex_;
  unsigned unanswered_ = 0;  // In a row.
  Duration pause_{0};
  Instant retry_at_ = Instant::min();
  bool is_tried_ = false;  // After a pause, by one.
};

}  // namespace headrace::io
