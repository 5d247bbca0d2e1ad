// io/boottime.h: the machine's own clock, the one place where it is read.
//
// Threads: any.  Errors: none.  Lifetimes: none.
#pragma once

#include <atomic>
#include <ctime>

#include "headrace/time.h"

namespace headrace::io {

namespace detail {

[[nodiscard]] inline Duration read_clock(clockid_t which) noexcept {
  timespec at{};
  clock_gettime(which, &at);
  return std::chrono::seconds(at.tv_sec) + std::chrono::nanoseconds(at.tv_nsec);
}

// Time spent in suspend: how far the clock that counts it is ahead of the one that does not.
inline std::atomic<Duration::rep> suspended{0};

}  // namespace detail

[[nodiscard]] inline Instant boottime_now() noexcept {
  return Instant(detail::read_clock(CLOCK_BOOTTIME));
}

// Measures anew how long the machine has been suspended; after a suspend that has changed.
inline void note_suspend() noexcept {
  const Duration monotonic = detail::read_clock(CLOCK_MONOTONIC);
  const Duration ahead = detail::read_clock(CLOCK_BOOTTIME) - monotonic;
  // Read in this order `ahead` is never too short; small differences are only the time in between.
  const Duration known{detail::suspended.load(std::memory_order_relaxed)};
  if (ahead - known > std::chrono::milliseconds(1) || known == Duration::zero()) {
    detail::suspended.store(ahead.count(), std::memory_order_relaxed);
  }
}

// How far the kernel's own last tick may lie back.  Ticks come late on a virtual machine whose
// processors are taken away: on a busy one with 4 ms between them the last lay 13 ms back.
[[nodiscard]] inline Duration coarse_tick() noexcept {
  constexpr int ticks_late_max = 4;
  timespec resolution{};
  clock_getres(CLOCK_MONOTONIC_COARSE, &resolution);
  return (1 + ticks_late_max) *
         (std::chrono::seconds(resolution.tv_sec) + std::chrono::nanoseconds(resolution.tv_nsec));
}

// That tick, which costs a fifth of a precise reading, and one ahead of it.
// REQUIRES: `tick` is coarse_tick(); suspends are noted.
[[nodiscard]] inline Instant boottime_at_most(Duration tick) noexcept {
  const Duration suspended{detail::suspended.load(std::memory_order_relaxed)};
  return Instant(detail::read_clock(CLOCK_MONOTONIC_COARSE) + suspended + tick);
}

}  // namespace headrace::io
