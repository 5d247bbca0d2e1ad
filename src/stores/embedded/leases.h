// embedded/leases.h: who may fill which empty slot.  In memory only: losing one may only cost a
// miss.
//
// Threads:   every member may be called from any thread.
// Errors:    none.
// Lifetimes: owns its parts.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "headrace/key.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace::embedded {

class Leases {
 public:
  struct Holder {
    Token lease{};
    Duration left{0};
  };
  enum class Grant : std::uint8_t { granted, held, full };

  explicit Leases(std::size_t leases_max) : leases_max_(leases_max) {}

  // Grants `lease` if nobody has a live one; `holder` is who has it otherwise.
  Grant grant(const StoreKey& key, Token lease, Instant now, Duration lease_for, Holder& holder);
  // Grants `lease` in place of `expected`, if that is live.
  bool replace(const StoreKey& key, Token expected, Token lease, Instant now, Duration lease_for);
  // Gives the slot to `lease` whoever has it.  False if there are leases_max already.
  bool enter(const StoreKey& key, Token lease, Instant now, Duration lease_for);

  // Marks a live lease as being published: from now on it neither expires nor publishes again, and
  // it keeps others away until drop(), when its envelope can be seen.
  bool spend(const StoreKey& key, Token lease, Instant now);
  // Takes spend() back.
  void unspend(const StoreKey& key, Token lease);

  // Ends this lease, whatever its state.
  void drop(const StoreKey& key, Token lease);
  // Ends this lease if it is not being published.
  void release(const StoreKey& key, Token lease);
  // Ends whatever lease there is.
  void void_key(const StoreKey& key);
  // Forgets the leases that have run out.
  void expire(Instant now);

  [[nodiscard]] std::optional<Holder> holder(const StoreKey& key, Instant now) const;
  [[nodiscard]] std::size_t size() const;

 private:
  using Deadlines = std::multimap<Instant, StoreKey>;
  struct Lease {
    Token token{};
    Deadlines::iterator deadline{};
    bool spent = false;
  };
  using Map = std::unordered_map<StoreKey, Lease, StoreKeyHash>;

  [[nodiscard]] static bool lives(const Lease& lease, Instant now) noexcept;
  bool set(const StoreKey& key, Token lease, Instant now, Duration lease_for);
  void erase(Map::iterator lease);
  void erase_expired(Instant now);

  const std::size_t leases_max_;
  mutable std::mutex mutex_;
  Map leases_;
  Deadlines deadlines_;
};

}  // namespace headrace::embedded
