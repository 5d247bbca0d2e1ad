// embedded/guards.h: which write guards stand, in memory, so that reads need no SQL to be told.
//
// The file keeps them too; what stands in the file stands here, unless it has been taken away.
//
// Threads:   stands() and size() may be called from any thread; what changes is the writer's alone.
// Errors:    none.
// Lifetimes: owns its parts.
#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "headrace/clock.h"
#include "headrace/key.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace::embedded {

class Guards {
 public:
  explicit Guards(std::size_t guards_max) : guards_max_(guards_max) {}

  // Whether there is room for `guard` on all of `keys`, once those that have ended are forgotten.
  [[nodiscard]] bool has_room(const std::vector<StoreKey>& keys, Token guard, Instant now);
  // Puts `guard` on the key, whatever room there is; if it is there, it ends when the later does.
  // Returns its end.
  Instant add(const StoreKey& key, Token guard, Instant until);
  void remove(const StoreKey& key, Token guard);
  // Forgets the guards that have ended.
  void expire(Instant now);

  // Whether a guard stands on the key.  The clock is read only where there are any.
  [[nodiscard]] bool stands(const StoreKey& key, const Clock& clock) const;
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  struct Guard {
    Token token{};
    Instant until{};
  };
  using Set = std::vector<Guard>;  // Small: the writers of one key at one time.

  void erase_expired(Instant now);

  const std::size_t guards_max_;
  mutable std::mutex mutex_;
  std::unordered_map<StoreKey, Set, StoreKeyHash> sets_;  // None of them empty.
  std::atomic<std::size_t> size_{0};                      // Guards in all of them.
};

}  // namespace headrace::embedded
