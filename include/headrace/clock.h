// headrace/clock.h: the port through which time comes in.
//
// Threads:   every member may be called from any thread.
// Errors:    none; reading a clock cannot fail.
// Lifetimes: a clock must outlive whatever borrows it.
#pragma once

#include "headrace/time.h"

namespace headrace {

class Clock {
 public:
  virtual ~Clock() = default;

  // The monotonic clock.  Counts through suspend; never steps; starts anywhere.
  [[nodiscard]] virtual Instant now() const noexcept = 0;

  // A moment not before now() and little after it, for those who ask very often: what it says to be
  // still fresh is fresh.
  [[nodiscard]] virtual Instant now_at_most() const noexcept { return now(); }

  // The calendar, to be shown and to be written into envelopes.  May step.
  [[nodiscard]] virtual WallTime wall_now() const noexcept = 0;
};

}  // namespace headrace
