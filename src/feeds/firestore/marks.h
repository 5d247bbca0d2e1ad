// feeds/firestore/marks.h: from a moment of Firestore's to one of this machine's.
//
// A mark is a question that was put to Firestore at `asked_at` and answered as of `moment`.
// Firestore answers as of a moment that is not before any that could be read when it was asked: so
// whoever has been told of all until that moment knows all that could be read at `asked_at`.  No
// two clocks are compared.
//
// Threads:   belongs to one thread.
// Errors:    with marks_max of them, none is added until the first have been reached.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "firestore/moment.h"
#include "headrace/time.h"

namespace headrace::firestore::feed {

class Marks {
 public:
  static constexpr std::size_t marks_max = 8;

  // REQUIRES: neither is before what was added last.
  void add(Instant asked_at, Moment moment);
  // All until `reached` has been told: the latest instant that this proves, once.
  [[nodiscard]] std::optional<Instant> take(Moment reached);

 private:
  struct Mark {
    Instant asked_at{};
    Moment moment{};
  };
  std::vector<Mark> marks_;  // In their order.
};

}  // namespace headrace::firestore::feed
