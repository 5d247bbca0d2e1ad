// moving/copier.h: brings one entry from an old store to a new one.
//
// The new store is a cache whose source is the old one, and a copy is a fill: first a lease in the
// new store, with the watermarks there, and only then the look at the old one that counts. Whatever
// voids an entry is carried out on the old store first and then on the new one (headrace/stores/
// moving.h).  So a look that comes after the first half does not see the entry; and a look that
// comes before it comes before the second half too, which then voids the lease, or what was
// published under it, or the watermarks that were read.
//
// The copy has the id of its original, and the age; it depends on the watermarks of the same names
// as they are in the new store.
//
// Threads:   any member from any thread.
// Errors:    store_unavailable, with the name of the store.
// Lifetimes: borrows everything, which must outlive the tasks.
#pragma once

#include <cstdint>

#include "headrace/clock.h"
#include "headrace/random.h"
#include "headrace/store.h"

namespace headrace::moving {

struct Copied {
  enum class Outcome : std::uint8_t {
    copied,
    there_already,  // The same one, or one that was read from the source later.
    gone,           // The old store holds nothing that could be answered.
    unsettled,      // A guard or a floor stands on the key.  To be copied when it has ended.
    busy,           // Somebody else fills the new slot, or something changed.  To be tried again.
  };
  Outcome outcome = Outcome::gone;
  Token from{};  // The incarnations that answered; none if none was asked.
  Token to{};
};

class Copier {
 public:
  // How often a copy begins anew where the entry was replaced by another in between.
  static constexpr int rounds_max = 4;

  struct Ports {
    Store& from;
    Store& to;
    Clock& clock;
    Random& random;
  };
  // `lease_for`: how long the new slot is kept for a copy under way.  REQUIRES: lease_for > 0.
  Copier(Ports ports, Duration lease_for) : ports_(ports), lease_for_(lease_for) {}

  [[nodiscard]] Task<Result<Copied>> copy(StoreKey key) const;

 private:
  Ports ports_;
  Duration lease_for_;
};

}  // namespace headrace::moving
