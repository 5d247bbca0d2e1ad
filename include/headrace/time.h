// headrace/time.h: the three kinds of time.
//
// Duration is a length of time.  Instant is a moment on the machine's monotonic clock, which counts
// through suspend and never steps; all decisions are made with it.  WallTime is a moment on the
// calendar; it is shown to people and never compared to decide.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <chrono>

namespace headrace {

using Duration = std::chrono::nanoseconds;

struct MonotonicTime {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  static constexpr bool is_steady = true;
};

using Instant = std::chrono::time_point<MonotonicTime, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

}  // namespace headrace
