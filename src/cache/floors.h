// cache/floors.h: the floors that this instance knows by itself: of what was invalidated here, and
// of what it has heard from others.
//
// The store tells every instance; this is for where there is no store, while it is away, and until
// it has confirmed.  A floor without a name says that the source must be asked at its primary.
//
// Threads: any member from any thread.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "core/floor_table.h"
#include "headrace/source.h"
#include "headrace/store.h"

namespace headrace {

// Whether what `source` has read at `revision` contains all changes that have a name.
[[nodiscard]] bool covers_all(const Source& source, std::string_view revision,
                              const FloorNames& floors);

class Floors {
 public:
  // Every key has a floor without a name until `doubt_until`, or later if doubt() says so.
  Floors(std::size_t floors_max, Instant doubt_until) : table_(floors_max) {
    if (doubt_until > Instant{}) table_.doubt(doubt_until);
  }

  void raise(std::span<const Store::Floor> floors, Instant now);
  void expire(Instant now) { table_.expire(now); }
  void doubt(Instant until) { table_.doubt(until); }

  [[nodiscard]] FloorNames of(const StoreKey& key, Instant now) const {
    return table_.of(key, now);
  }
  // All that stand and have a name, each with what it has to go.
  [[nodiscard]] std::vector<Store::Floor> standing(Instant now) const;
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

 private:
  FloorTable table_;
};

}  // namespace headrace
