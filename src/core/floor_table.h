// core/floor_table.h: the floors of many keys, in bounded memory.
//
// A floor is the source's name for a change of an entity: nothing that was read at a state without
// it is kept or answered, while the floor stands.
//
// Past its limit the table forgets the floors that end first, and until they would have ended every
// key has a floor without a name: an empty one.
//
// Threads: any member from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/floor_set.h"
#include "headrace/key.h"

namespace headrace {

// Of one key; an empty one has no name that is known.
using FloorNames = std::vector<std::string>;

class FloorTable {
 public:
  explicit FloorTable(std::size_t floors_max);

  // Adds a floor, whatever room there is, and returns when it ends now.
  Instant raise(const StoreKey& key, std::string_view revision, Instant until, Instant now);
  // Gives every key a floor without a name until then.
  void doubt(Instant until);
  // Forgets what has ended.
  void expire(Instant now);

  // Those of a key that stand.  Cheap where there are none at all.
  [[nodiscard]] FloorNames of(const StoreKey& key, Instant now) const;
  struct Standing {
    StoreKey key{};
    std::string revision{};
    Instant until{};
  };
  // All that have a name.
  [[nodiscard]] std::vector<Standing> standing(Instant now) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  // Nobody has a floor, named or not, nor will by the time alone.
  [[nodiscard]] bool is_empty() const noexcept {
    return size() == 0 && doubt_until_.load(std::memory_order_acquire) == never;
  }

 private:
  static constexpr Instant::rep never = Instant::min().time_since_epoch().count();

  // REQUIRES of both: mutex_ is held.
  void forget_first();
  void erase_end(Instant until, const StoreKey& key);

  const std::size_t floors_max_;
  mutable std::mutex mutex_;
  std::unordered_map<StoreKey, FloorSet, StoreKeyHash> sets_;  // None of them empty.
  std::multimap<Instant, StoreKey> ends_;  // Of all floors in them.  No more than floors_max.
  std::atomic<std::size_t> size_{0};
  std::atomic<Instant::rep> doubt_until_{never};
};

}  // namespace headrace
