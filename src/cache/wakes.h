// cache/wakes.h: who waits for which lease, here and elsewhere.
//
// A load that meets another's lease asks the store again after a while, and each time after a
// longer one.  So that it need not wait so long, it says on the bus which lease it waits for, and
// whoever holds that says when it is over.  A lease that nobody waits for costs no message.
//
// Only haste: what is lost, or has no room, is made good by the next look at the store.
//
// Threads: any member from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "headrace/token.h"

namespace headrace {

class Wakes {
 public:
  using Wake = std::function<void()>;
  enum class Id : std::uint64_t { none = 0 };

  // Leases of this instance's that others wait for, at once.  It has no more loads that wait than
  // flights.
  static constexpr std::size_t awaited_max = 4096;

  // Until forget() or its call, `wake` is called once when the lease is over.
  [[nodiscard]] Id add(Token lease, Wake wake);
  void forget(Token lease, Id id);
  // The lease is over.
  void wake(Token lease);

  // Somebody waits for a lease of ours.  False if there is no room to note it.
  [[nodiscard]] bool note_awaited(Token lease);
  // Whether somebody waits for it, who is to be told now.
  [[nodiscard]] bool take_awaited(Token lease);

  // Waiters and leases that are waited for.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Waiter {
    Id id = Id::none;
    Wake wake;
  };

  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::unordered_multimap<std::uint64_t, Waiter> waiting_;  // By the low halves of leases.
  std::unordered_set<std::uint64_t> awaited_;
  std::atomic<std::size_t> awaited_count_{0};  // So that whoever is not awaited takes no lock.
};

}  // namespace headrace
