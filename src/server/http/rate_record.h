// server/http/rate_record.h: a rate limit whose state is a record: so it is the same for all who
// share the records, and outlives the process.
//
// The state is kept with the shape that it belongs to: of another algorithm, or another window,
// nothing is counted yet.
//
// Threads:   functions of their arguments.
// Errors:    none: a record that is no state counts as none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "headrace/keyspace.h"
#include "headrace/rate.h"

namespace headrace::http {

struct RateLimit {
  enum class Algorithm : std::uint8_t { gcra, fixed, sliding };
  Algorithm algorithm = Algorithm::gcra;
  std::uint64_t limit = 1;
  Duration window = std::chrono::seconds(1);
  std::uint64_t burst = 1;  // Of gcra.

  [[nodiscard]] bool is_sound() const noexcept;
};

// Spends `cost` of it, and writes what is left; what is refused, or costs nothing, writes nothing.
// REQUIRES: limit.is_sound().
[[nodiscard]] RateDecision spend(Workspace& work, std::size_t at, const RateLimit& limit,
                                 std::int64_t cost);

}  // namespace headrace::http
