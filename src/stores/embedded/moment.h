// embedded/moment.h: when a row was written, so that its age is known after a restart as well.
//
// The monotonic clock counts within one boot of the machine; a moment of another boot is compared
// by the calendar, and what cannot be accounted for counts as expired.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "headrace/clock.h"
#include "headrace/time.h"

namespace headrace::embedded {

struct Moment {
  std::int64_t boot = 0;     // Which boot of the machine, hashed.
  std::int64_t instant = 0;  // Nanoseconds of that boot.
  std::int64_t wall = 0;     // Milliseconds since 1970.

  [[nodiscard]] static Moment read(const Clock& clock, std::int64_t boot) noexcept;
};

// How long ago `then` was, never too short; nothing if it cannot be known.
[[nodiscard]] std::optional<Duration> elapsed(const Moment& then, const Moment& now) noexcept;

// The calendar's millisecond at which something that is kept for `keep_for` has surely expired; for
// the sweep, which may be late but finds rows of any boot.
[[nodiscard]] std::int64_t expiry_wall(const Moment& written, Duration keep_for) noexcept;

// This boot of this machine, hashed; nothing if the machine does not tell.
[[nodiscard]] std::optional<std::int64_t> this_boot();

}  // namespace headrace::embedded
