// cache/admission.h: the budget of a source: how many of its calls run at once.
//
// Who finds it spent waits in line, and is let in in that order; so a cold start, or everything
// invalidated at once, never sends more to the source than it was said to take.  Who waits until
// its deadline, or until nobody wants its answer any more, never reaches the source.
//
// Threads:   any member from any thread; who waited goes on by way of the executor.
// Lifetimes: shared; a permit keeps its budget alive.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/stats.h"

namespace headrace {

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  struct Options {
    std::size_t calls_max = 1;
    std::size_t queue_max = 65536;  // Who would be one more is refused.
  };
  Admission(std::string name, Options options, const Clock& clock, Executor& executor)
      : name_(std::move(name)), options_(options), clock_(clock), executor_(executor) {}

  // One call that may be made.  Its end makes room for the next.
  class Permit {
   public:
    explicit Permit(std::shared_ptr<Admission> of) : of_(std::move(of)) {}
    Permit(Permit&& other) noexcept = default;
    Permit& operator=(Permit&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~Permit() {
      if (of_) of_->leave();
    }

   private:
    std::shared_ptr<Admission> of_;
  };

  class Turn;
  // Awaits a permit: Result<Permit>.
  // May return: timed_out (no turn before `deadline`), cancelled (`stop`), refused (queue_max).
  [[nodiscard]] Turn turn(Instant deadline, std::stop_token stop);

  // A permit for a call that nobody waits for: only while less than half of the calls are made, so
  // that whoever comes next finds room beside it, unless there is room for one call alone.
  [[nodiscard]] std::optional<Permit> spare();

  // Takes effect for who comes later, and for who waits.
  void set_calls_max(std::size_t calls_max);

  [[nodiscard]] BudgetStats stats() const;

 private:
  // False: let in or turned away at once.
  [[nodiscard]] bool enter(Turn& turn, std::coroutine_handle<> awaiting);
  void leave();
  // Lets in who may go, and turns away who need not.  REQUIRES: mutex_ is held.
  void let_go();

  const std::string name_;
  const Options options_;
  const Clock& clock_;
  Executor& executor_;

  mutable std::mutex mutex_;
  std::size_t calls_max_ = options_.calls_max;
  std::size_t calls_ = 0;
  std::uint64_t waited_total_ = 0;
  std::uint64_t turned_away_total_ = 0;
  std::deque<std::pair<Turn*, std::coroutine_handle<>>> line_;  // Up to queue_max.
};

class Admission::Turn {
 public:
  Turn(std::shared_ptr<Admission> of, Instant deadline, std::stop_token stop)
      : of_(std::move(of)), deadline_(deadline), stop_(std::move(stop)) {}

  [[nodiscard]] bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> awaiting) { return of_->enter(*this, awaiting); }
  [[nodiscard]] Result<Permit> await_resume() {
    if (outcome_ == Outcome::let_in) return Permit(std::move(of_));
    return std::unexpected(refusal());
  }

 private:
  friend class Admission;
  enum class Outcome : std::uint8_t { let_in, late, unwanted, too_many };

  [[nodiscard]] Error refusal() const;

  std::shared_ptr<Admission> of_;
  const Instant deadline_;
  const std::stop_token stop_;
  Outcome outcome_ = Outcome::let_in;
};

}  // namespace headrace
