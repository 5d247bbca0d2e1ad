// allowance/grants.h: what this instance has granted, and how much of it is old enough to be in
// whatever the source says from now on.
//
// Threads: belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <deque>

#include "headrace/allowance.h"

namespace headrace {

class Grants {
 public:
  // Young grants are kept in so many lots, each as old as its last grant, and never more than twice
  // that: a little longer than need be, and in little room.
  static constexpr std::size_t lots_max = 16;

  explicit Grants(Duration reported_within) : reported_within_(reported_within) {}

  void add(Amount amount, Instant now);
  // What every read of the source that begins now, or later, contains.  Never falls.
  [[nodiscard]] Amount reported(Instant now);
  // All that was added.
  [[nodiscard]] Amount total() const noexcept { return total_; }

  // `amount`, which was reported, is counted no more: neither here nor there.
  void forget(Amount amount);

 private:
  struct Lot {
    Instant first{};
    Instant last{};
    Amount amount = 0;
  };

  const Duration reported_within_;
  std::deque<Lot> young_;  // At most 2 * lots_max.
  Amount total_ = 0;
  Amount reported_ = 0;
};

}  // namespace headrace
