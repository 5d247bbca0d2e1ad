// headrace/stores/moving.h: a store that moves from an old one to a new one, under traffic.
//
// The new store is a cache whose source is the old one (stores/moving/copier.h).  Whatever voids an
// entry goes to the old store first and then to the new one, and is acknowledged when both have
// acknowledged it: so the new store never holds what was voided, however late a copy comes.
//
//   off   the old store alone.
//   dual  reads, leases and fills are of the old store; what voids goes to both; what was filled is
//         copied behind the caller's back.
//   next  ("new") reads, leases and fills are of the new store; what voids still goes to both.
//
// Instances that share the stores may be in neighbouring phases at the same time (off and dual,
// dual and next, next and the new store alone) and in no others.  Before `next` the new store must
// be told everything by all of them, and hold nothing from before that: see docs/migration.md. Back
// from `next` to `dual` is possible at any time, for the old store was told everything: it misses
// fills, which costs loads.  After `off` the new store is not kept true any more, and must be
// emptied in the next `dual`.
//
// A read that began on one store and ends in the next phase is as good as before, for that store
// was told everything; a fill whose lease is of the other store is refused, which costs a load.  A
// phase that changes while something is voided is noticed: the new store is told as well.
//
// It names no database in which its changes could be made along with a source's (commits_in), even
// if one of the stores does: such a commit would not tell the other.
//
// The incarnation is made of those of both stores, that which this call was answered in and of the
// other the last that was seen; in `off` it is the old store's.
//
// Threads:   as Store.  close() waits for the copies under way: not on a thread that they end on.
// Errors:    as Store; of what has to go to both, the text names the one that failed.  The other
// may
//            have done it.
// Lifetimes: borrows both stores, clock and random, which must outlive it; close() closes both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "headrace/clock.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/store.h"
#include "headrace/time.h"

namespace headrace {

enum class MovingPhase : std::uint8_t { off, dual, next };

// "off", "dual", "new": in configurations, routes and metrics.
[[nodiscard]] constexpr std::string_view name_of(MovingPhase phase) noexcept {
  constexpr std::string_view names[] = {"off", "dual", "new"};
  return names[static_cast<std::size_t>(phase)];
}
[[nodiscard]] constexpr std::optional<MovingPhase> moving_phase_of(std::string_view name) noexcept {
  for (const MovingPhase phase : {MovingPhase::off, MovingPhase::dual, MovingPhase::next}) {
    if (name_of(phase) == name) return phase;
  }
  return std::nullopt;
}

struct MovingStoreOptions {
  MovingPhase phase = MovingPhase::off;
  // The longest that a guard or a floor may last which was set before `dual`, and so stands in the
  // old store alone: `next` is refused for as long after `dual` began.
  Duration beside_lasts_max = Store::guard_lasts_max;
  std::size_t copies_max = 64;      // Of fills, at once; others wait for their turn ...
  std::size_t waiting_max = 65536;  // ... so many of them; one more is left out.
  Duration copy_lease_for = std::chrono::seconds(2);  // How long a slot is kept for a copy.
};

class MovingStore : public Store {
 public:
  struct Counters {
    std::uint64_t copied_total = 0;
    std::uint64_t left_out_total = 0;  // Beyond waiting_max, or not to be copied at that moment.
    std::uint64_t failed_total = 0;    // A store could not be asked.
    std::size_t copying = 0;           // Now ...
    std::size_t waiting = 0;           // ... and waiting for their turn.
  };

  [[nodiscard]] virtual MovingPhase phase() const noexcept = 0;
  // When this phase began, on the clock that was given.
  [[nodiscard]] virtual Instant phase_since() const = 0;
  // How much longer `next` is refused; zero if it is not.
  [[nodiscard]] virtual Duration next_in() const = 0;
  [[nodiscard]] virtual Counters counters() const = 0;

  // Goes to a neighbouring phase; the present one is no change.
  // May return: not_allowed (no neighbour, or next_in() is not over; the text says how long yet).
  [[nodiscard]] virtual Result<void> set_phase(MovingPhase phase) = 0;
};

struct MovingStorePorts {
  Store& from;
  Store& to;
  Clock& clock;
  Random& random;
};

// REQUIRES: the options' sizes and times are above zero.
[[nodiscard]] std::unique_ptr<MovingStore> make_moving_store(MovingStoreOptions options,
                                                             MovingStorePorts ports);

}  // namespace headrace
