// cache/ring.h: recent invalidations, this instance's own and those it has heard of, each with the
// incarnation of the store that has acknowledged it.
//
// When the store turns out to have another incarnation they are sent again.  The ring remembers for
// a time, and no more names than its limit; if something younger had to go, the only safe replay is
// that of all: the cache's own watermark.
//
// Threads: any member from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "cache/quarantine.h"
#include "headrace/time.h"

namespace headrace {

class Ring {
 public:
  struct Limits {
    Duration remembers_for{};
    std::size_t names_max = 0;
  };

  explicit Ring(Limits limits) : limits_(limits) {}

  // `incarnation` has acknowledged these orders by now.
  void push(const Orders& orders, Token incarnation, Instant now);

  // What `incarnation` has not acknowledged, oldest first: as many names as one call may have, or
  // the watermark of all.
  struct Owed {
    Orders orders{};
    std::uint64_t last = 0;  // Covers everything up to this one.
    bool everything = false;
  };
  [[nodiscard]] Owed owed(Token incarnation, std::size_t names_max, Instant now);
  // `incarnation` has acknowledged it now.
  void acknowledged(const Owed& owed, Token incarnation);

  [[nodiscard]] bool is_empty(Instant now);

 private:
  struct Item {
    std::uint64_t number;
    Orders orders;
    Token incarnation;
    Instant at;
  };
  // REQUIRES: mutex_ is held.
  void forget_old(Instant now);

  const Limits limits_;
  std::mutex mutex_;
  std::deque<Item> items_;  // Names of all: no more than names_max, but for the newest item's.
  std::size_t names_ = 0;
  std::uint64_t last_ = 0;
  Instant lost_until_ = Instant::min();  // Until then something is missing ...
  Token lost_replayed_{};                // ... but not for this incarnation.
};

}  // namespace headrace
