// sim/linear.h: judges whether all that was done with one key fits one register.
//
// It does if there is an order of all operations in which whatever had ended before another began
// stands before it, and in which each read returns what the last write before it wrote.  Nothing is
// presumed of that order: not the numbers of the versions, nor when the source committed them.
//
// An operation takes effect at one moment from its beginning to its end, both included.  A write
// without an end may take effect at any moment after its beginning, or never: its caller died, or
// was not told.  A read without an end says nothing, and is not to be recorded.
//
// If no version is written twice, w writes cost at most w * (w + 1) / 2 configurations, and it is
// never too hard; the initial version counts as written.  Otherwise the worst case is exponential.
//
// Threads: none.  Errors: none; what is wrong is the answer.  Lifetimes: values.
//
// Sources: Wing and Gong, Testing and Verifying Concurrent Objects, JPDC 1993: the search; Lowe,
// Testing for linearizability, CCPE 2017: its memory of where it has been.  Knossos and Porcupine
// do it likewise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "headrace/time.h"
#include "sim/truth.h"

namespace headrace::sim {

// REQUIRES: a read has ended, and nothing before it began.
struct Operation {
  bool is_write = false;
  Version version = 0;  // Written or returned.
  Instant began{};
  std::optional<Instant> ended{};
};

struct Linearity {
  enum class Outcome : std::uint8_t { linearizable, violated, too_hard };
  Outcome outcome = Outcome::linearizable;
  // For people; empty if it is linearizable.  If no version is written twice, what it says of a
  // violation is a contradiction by itself; otherwise, where the order that gets furthest ends.
  std::string why{};
  std::size_t configurations = 0;  // What it cost.
};

// Enough for 700 writes, if no version is written twice; takes some 40 MB with a few hundred.
inline constexpr std::size_t configurations_enough = 250'000;

// The operations may come in any order.
[[nodiscard]] Linearity check(Version initial, const std::vector<Operation>& history,
                              std::size_t configurations_max = configurations_enough);

}  // namespace headrace::sim
