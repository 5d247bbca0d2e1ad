// memory/wheel.h: entries by the time at which they are gone, so that the dead leave without a
// reader.
//
// A ring of lists, one per tick.  An entry stands in the list of its last tick modulo the ring; one
// that lives longer than a turn of the ring is passed over once a turn.  One that comes when its
// last tick is over stands apart: the ring would pass its list only at the end of a turn.
//
// Threads: every call is made under the shard's lock.
#pragma once

#include <array>
#include <cstddef>

#include "headrace/entry.h"

namespace headrace {

class Wheel {
 public:
  static constexpr std::size_t slots = 256;

  explicit Wheel(Duration tick) : tick_(tick) {}

  void add(Entry& entry) {
    const bool is_late = tick_of(entry.gone_at()) < turned_until_;
    Entry*& head = is_late ? late_ : heads_[slot_of(entry.gone_at())];
    entry.links.wheel_previous = nullptr;
    entry.links.wheel_next = head;
    if (head) head->links.wheel_previous = &entry;
    head = &entry;
  }

  void remove(Entry& entry) {
    Entry::Links& links = entry.links;
    Entry*& head = late_ == &entry ? late_ : heads_[slot_of(entry.gone_at())];
    (links.wheel_previous ? links.wheel_previous->links.wheel_next : head) = links.wheel_next;
    if (links.wheel_next) links.wheel_next->links.wheel_previous = links.wheel_previous;
    links.wheel_next = links.wheel_previous = nullptr;
  }

  // Calls `drop` for each entry that is gone at `now`; drop must remove() it.
  template <class Drop>
  void turn(Instant now, Drop drop) {
    const std::int64_t until = tick_of(now);
    std::int64_t from = turned_until_;
    if (until - from >= static_cast<std::int64_t>(slots)) {
      from = until - static_cast<std::int64_t>(slots) + 1;
    }
    walk(late_, now, drop);
    // The present tick is walked again next time: it is not over yet.
    for (std::int64_t tick = from; tick <= until; ++tick) {
      walk(heads_[static_cast<std::size_t>(tick) % slots], now, drop);
    }
    turned_until_ = until;
  }

 private:
  template <class Drop>
  static void walk(Entry* entry, Instant now, Drop& drop) {
    while (entry) {
      Entry* next = entry->links.wheel_next;
      if (entry->gone_at() <= now) drop(*entry);
      entry = next;
    }
  }
  [[nodiscard]] std::int64_t tick_of(Instant when) const { return when.time_since_epoch() / tick_; }
  [[nodiscard]] std::size_t slot_of(Instant when) const {
    return static_cast<std::size_t>(tick_of(when)) % slots;
  }

  Duration tick_;
  std::int64_t turned_until_ = 0;
  std::array<Entry*, slots> heads_{};
  Entry* late_ = nullptr;
};

}  // namespace headrace
