// cache/floors.h: the floors that this instance knows by itself: of what was invalidated here, and
// of what it has heard from others.
//
// A floor is the source's name for a change of an entity: nothing that was read at a state without
// it is kept or answered, while the floor stands.  The store tells every instance; this table is
// for where there is no store, while it is away, and until it has confirmed.
//
// Past its limit the table forgets the floors that end first, and until they would have ended every
// key has a floor without a name: its source must be asked at its primary.
//
// Threads: any member from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/floor_set.h"
#include "headrace/key.h"
#include "headrace/source.h"
#include "headrace/store.h"

namespace headrace {

// Of one key; an empty one has no name that is known.
using FloorNames = std::vector<std::string>;

// Whether what `source` has read at `revision` contains all changes that have a name.
[[nodiscard]] bool covers_all(const Source& source, std::string_view revision,
                              const FloorNames& floors);

class Floors {
 public:
  // Every key has a floor without a name until `doubt_until`.
  Floors(std::size_t floors_max, Instant doubt_until);

  void raise(std::span<const Store::Floor> floors, Instant now);
  // Forgets what has ended.
  void expire(Instant now);

  // Those of a key that stand.  Cheap where there are none at all.
  [[nodiscard]] FloorNames of(const StoreKey& key, Instant now) const;
  // All that stand and have a name, each with what it has to go.
  [[nodiscard]] std::vector<Store::Floor> standing(Instant now) const;
  // Raised and not forgotten; one that was raised twice is counted twice.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  // When one of a key's floors ends.
  struct End {
    Instant until{};
    StoreKey key{};
  };
  // Forgets the first in order_.  REQUIRES: mutex_ is held, and there is one.
  void forget_first();

  const std::size_t floors_max_;
  mutable std::mutex mutex_;
  std::unordered_map<StoreKey, FloorSet, StoreKeyHash> sets_;  // None of them empty.
  std::deque<End> order_;  // Of the ends, as they were raised.  No more than floors_max.
  std::atomic<std::size_t> size_{0};
  std::atomic<Instant::rep> doubt_until_;
};

}  // namespace headrace
