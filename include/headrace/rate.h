// headrace/rate.h: how many in how long: three ways to say whether one more may pass.
//
// Each is a function of what it permits, of a state that fits into a record, of a cost and of the
// time.  Gcra spreads its quota evenly and lets a burst of it pass at once; its state is a single
// moment, up to which all that passed is paid for (the "theoretical arrival time" of the generic
// cell rate algorithm of ATM; a token bucket says the same in other words).  FixedWindow counts
// from one full hour, minute or second to the next, and so lets twice its quota pass around a
// border.  ElasticWindow weighs what passed in the window before by how much of it is still less
// than a window ago, as if it had come evenly.
//
// A cost of zero only looks.  A negative cost gives back, never more than the whole quota.  What is
// refused costs nothing.
//
// An interval of Gcra is a whole number of nanoseconds, rounded up: never more passes than is
// permitted, and less by under one nanosecond for each that did.
//
// Threads:   pure functions.
// Errors:    none; see REQUIRES.
// Lifetimes: values.
#pragma once

#include <cstdint>

#include "headrace/time.h"

namespace headrace {

struct RateDecision {
  bool allowed = true;
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;  // Would pass now, after this.
  Duration reset{0};            // Until nothing counts any more, if nothing passes meanwhile.
  Duration retry_after{0};      // Of a refusal: until this cost would pass; never: it never will.
  static constexpr Duration never = Duration::max();

  friend bool operator==(const RateDecision&, const RateDecision&) = default;
};

// Time is reckoned from any moment that stays the same as long as the state is kept.
// REQUIRES: not negative, and less than 200 years.
using RateTime = Duration;

struct Gcra {
  static constexpr std::uint64_t quota_max = 1'000'000'000;
  static constexpr Duration window_max = std::chrono::days(366);

  std::uint64_t quota = 1;  // Pass in ...
  Duration window = std::chrono::seconds(1);
  std::uint64_t burst = 1;  // At once.
  // A cost above the burst passes when nothing counts, and is paid off afterwards.
  bool lends = false;

  // 1 to quota_max; 1 ns to window_max; 1 to quota_max, and no more than pass in window_max.
  [[nodiscard]] bool is_sound() const noexcept;
  // Looks and changes `paid_until`, which begins with zero.
  // REQUIRES: is_sound().
  [[nodiscard]] RateDecision spend(RateTime& paid_until, std::int64_t cost,
                                   RateTime now) const noexcept;

 private:
  [[nodiscard]] Duration interval() const noexcept;
};

struct WindowCount {
  std::int64_t window = 0;   // Which one, counted from the moment that time is reckoned from.
  std::uint64_t count = 0;   // Passed in it.
  std::uint64_t before = 0;  // Passed in the one before; of an elastic window.

  friend bool operator==(const WindowCount&, const WindowCount&) = default;
};

struct FixedWindow {
  std::uint64_t quota = 1;
  Duration window = std::chrono::seconds(1);

  // REQUIRES: quota from 1 to Gcra::quota_max, window from 1 ns to Gcra::window_max.
  [[nodiscard]] RateDecision spend(WindowCount& counted, std::int64_t cost,
                                   RateTime now) const noexcept;
};

struct ElasticWindow {
  std::uint64_t quota = 1;
  Duration window = std::chrono::seconds(1);

  // REQUIRES: as FixedWindow.
  [[nodiscard]] RateDecision spend(WindowCount& counted, std::int64_t cost,
                                   RateTime now) const noexcept;
};

}  // namespace headrace
