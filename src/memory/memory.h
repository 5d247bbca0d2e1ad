// memory/memory.h: the memory tier: entries in this process, bounded in bytes, exactly.
//
// Sharded by hash; each shard has its own lock, table, eviction order and expiry wheel.  The bytes
// are one sum over all shards, so that a large value may use room that another shard has left.
//
// Threads:   any member may be called from any thread.
// Errors:    none; what is not kept is said.
// Lifetimes: an entry that was found stays alive through its EntryRef.  What was dropped is freed
//            soon after, when no reader can be looking at it (core/pins.h).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/pins.h"
#include "headrace/entry.h"
#include "headrace/stats.h"
#include "memory/eviction.h"
#include "memory/lock.h"
#include "memory/table.h"
#include "memory/wheel.h"

namespace headrace {

class Memory {
 public:
  struct Limits {
    std::size_t bytes_max = 64 << 20;
    std::size_t entry_bytes_max = 8 << 20;  // A larger entry is refused; nothing makes way for it.
    std::size_t shards = 64;                // A power of two.
    Duration tick = std::chrono::milliseconds(250);
  };
  enum class Kept : std::uint8_t { kept, oversize, fenced };

  // REQUIRES: 0 < entry_bytes_max <= bytes_max; shards is a power of two.
  explicit Memory(Limits limits);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  // The entry under this key, if it is fresh and its tags still hold; a pinned reference.  Counts
  // as a visit.  Takes no lock.  Empty does not mean that find() would find nothing.
  [[nodiscard, gnu::always_inline]] EntryRef::Bare glance(std::uint32_t scope, std::uint64_t hash,
                                                          std::string_view entity, Instant now) {
    const EntryRef::Bare seen = shard_of(hash).table.glance(scope, hash, entity);
    if (seen.entry == nullptr) [[unlikely]]
      return {};
    if (seen.entry->fresh_until() <= now || !seen.entry->stamps_hold()) [[unlikely]] {
      const EntryRef end(seen);
      return {};
    }
    visit(*seen.entry);
    return seen;
  }

  // The entry under this key, if it may still be answered: not gone, and its tags still hold.
  // One that may not is dropped.  Counts as a visit.
  [[nodiscard]] EntryRef find(std::uint32_t scope, std::uint64_t hash, std::string_view entity,
                              Instant now);

  // Keeps `entry`, in place of one under the same key, if `holds` returns true.  The fence and the
  // insertion are one step: whoever makes the fence fall and then erases the key leaves nothing.
  template <class Fence>
  Kept keep(const EntryRef& entry, Fence holds) {
    const std::size_t charge = entry->charge();
    if (charge > limits_.entry_bytes_max) {
      oversize_.fetch_add(1, std::memory_order_relaxed);
      return Kept::oversize;
    }
    Shard& shard = shard_of(entry->hash());
    if (!reserve(charge, static_cast<std::size_t>(&shard - shards_.get()))) return Kept::oversize;
    bool kept = false;
    {
      const std::scoped_lock lock(shard.lock);
      kept = holds();
      if (kept) insert(shard, entry, charge);
    }
    if (!kept) bytes_.fetch_sub(charge);
    Pins::reclaim_if_due();
    return kept ? Kept::kept : Kept::fenced;
  }

  // Drops what is under this key.  True if something was.
  bool erase(std::uint32_t scope, std::uint64_t hash, std::string_view entity);

  // Drops the entries that are gone at `now`.  Returns how many.
  std::size_t expire(Instant now);

  // Drops the entries that `dead` condemns, shard by shard.
  template <class Dead>
  void sweep(Dead dead) {
    for (std::size_t i = 0; i < limits_.shards; ++i) {
      const std::scoped_lock lock(shards_[i].lock);
      std::vector<Entry*> condemned;
      shards_[i].table.each([&](Entry& entry) {
        if (dead(static_cast<const Entry&>(entry))) condemned.push_back(&entry);
      });
      for (Entry* entry : condemned) drop(shards_[i], *entry);
    }
    Pins::reclaim();
  }

  [[nodiscard]] MemoryStats stats() const;
  [[nodiscard]] std::vector<std::string> audit() const;

 private:
  struct alignas(64) Shard {
    ShardLock lock;
    Table table;
    std::size_t bytes = 0;
    std::unique_ptr<Eviction> eviction;
    std::unique_ptr<Wheel> wheel;
    std::uint64_t evicted = 0;
    std::uint64_t expired = 0;
  };

  // Marked once it is popular, an entry is not written again: hot entries stay shared.
  static void visit(Entry& entry) noexcept {
    const std::uint8_t visits = entry.visits.load(std::memory_order_relaxed);
    if (visits >= visits_max) return;
    entry.visits.store(static_cast<std::uint8_t>(visits + 1), std::memory_order_relaxed);
  }
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) const {
    return shards_[hash & (limits_.shards - 1)];
  }
  // Takes `charge` from the budget, dropping entries until it fits; from shard `first` on.
  bool reserve(std::size_t charge, std::size_t first);
  void insert(Shard& shard, const EntryRef& entry, std::size_t charge);
  void drop(Shard& shard, Entry& entry);

  Limits limits_;
  std::unique_ptr<Shard[]> shards_;
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::uint64_t> oversize_{0};
};

}  // namespace headrace
