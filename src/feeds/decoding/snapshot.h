// feeds/decoding/snapshot.h: which transactions could be read at a moment, as the primary says.
//
// The log has a transaction before it can be read: its commit is written, and sent to who decodes
// it, while whoever commits may still wait for a standby.  Who reads afresh sees it once it is no
// longer among those that run, which is what a snapshot says.
//
// Threads:   values.
// Errors:    parsed() says damaged.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "headrace/result.h"

namespace headrace::postgres::decoding {

class Snapshot {
 public:
  // Of before all.
  Snapshot() = default;

  // "xmin:xmax:xip,xip", as pg_current_snapshot() has it.
  [[nodiscard]] static Result<Snapshot> parsed(std::string_view text);

  // Whether what was committed under that number can be read.  The log has its lower half; a number
  // that it still has is less than half of them away from those that run, for the server sees to
  // it that no number in use is further away.
  [[nodiscard]] bool shows(std::uint32_t transaction) const;

  // All transactions with smaller numbers are over.
  [[nodiscard]] std::uint64_t oldest_running() const noexcept { return min_; }

 private:
  std::uint64_t min_ = 0;
  std::uint64_t max_ = 0;  // This one and those after it had not ended.
  std::vector<std::uint64_t> running_{};
};

}  // namespace headrace::postgres::decoding
