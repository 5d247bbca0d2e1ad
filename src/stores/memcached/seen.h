// memcached/seen.h: what this instance has seen in slots, and under which numbers.
//
// A server gives an item a number for compare-and-set with each change, counting up for as long as
// it lives: while one connection lasts, the same number of the same key is the same item.  Who has
// seen an item need not read it again to replace it, or to know that it is still there.
//
// So a memory belongs to one connection, and goes with it: after a restart the numbers begin anew.
//
// Threads: any member from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "headrace/envelope.h"
#include "headrace/key.h"
#include "stores/memcached/records.h"

namespace headrace::memcached {

struct SeenSlot {
  StoreKey key{};
  std::uint64_t cas = 0;
  SlotRecord record{};  // Without the envelope's bytes.
  bool is_damaged = false;
  Envelope envelope{};  // Without its payload; of an envelope that is not damaged.
};

class Seen {
 public:
  // Holds `slots_max` at most; a new one may take the place of another.  REQUIRES: slots_max > 0.
  explicit Seen(std::size_t slots_max) : slots_(slots_max) {}

  void note(SeenSlot slot) {
    slot.record.envelope = {};
    slot.envelope.payload = {};
    auto made = std::make_unique<const SeenSlot>(std::move(slot));
    const std::lock_guard lock(mutex_);
    at(made->key).swap(made);
  }
  void forget(const StoreKey& key) {
    const std::lock_guard lock(mutex_);
    auto& slot = at(key);
    if (slot && slot->key == key) slot.reset();
  }
  [[nodiscard]] std::optional<SeenSlot> find(const StoreKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto& slot = slots_[StoreKeyHash()(key) % slots_.size()];
    if (!slot || slot->key != key) return std::nullopt;
    return *slot;
  }

 private:
  std::unique_ptr<const SeenSlot>& at(const StoreKey& key) {
    return slots_[StoreKeyHash()(key) % slots_.size()];
  }

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<const SeenSlot>> slots_;
};

}  // namespace headrace::memcached
