#include "memory/memory.h"

#include <bit>
#include <cassert>

namespace headrace {

Memory::Memory(Limits limits) : limits_(limits), shards_(std::make_unique<Shard[]>(limits.shards)) {
  assert(limits_.bytes_max > 0);
  assert(limits_.entry_bytes_max > 0 && limits_.entry_bytes_max <= limits_.bytes_max);
  assert(std::has_single_bit(limits_.shards));
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    shards_[i].eviction = make_s3_fifo();
    shards_[i].wheel = std::make_unique<Wheel>(limits_.tick);
  }
}

Memory::~Memory() {
  sweep([](const Entry&) { return true; });
}

bool Memory::reserve(std::size_t charge, std::size_t first) {
  // Every turn drops an entry or leaves a shard behind for good, so this ends.
  std::size_t emptied = 0;
  while (true) {
    std::size_t used = bytes_.load();
    while (used + charge <= limits_.bytes_max) {
      if (bytes_.compare_exchange_weak(used, used + charge)) return true;
    }
    if (emptied == limits_.shards) return false;  // The rest is reserved by others just now.
    Shard& shard = shards_[(first + emptied) & (limits_.shards - 1)];
    const std::scoped_lock lock(shard.lock);
    if (Entry* victim = shard.eviction->victim()) {
      ++shard.evicted;
      drop(shard, *victim);
    } else {
      ++emptied;
    }
  }
}

void Memory::insert(Shard& shard, const EntryRef& entry, std::size_t charge) {
  if (Entry* old = shard.table.find(entry->scope(), entry->hash(), entry->entity())) {
    drop(shard, *old);
  }
  EntryRef kept(entry);
  kept->published();
  shard.table.insert(*kept);  // First, for it may find no memory to grow into.
  shard.eviction->add(*kept);
  shard.wheel->add(*kept);
  (void)kept.release();  // Now the table's; drop() gives it back.
  shard.bytes += charge;
}

void Memory::drop(Shard& shard, Entry& entry) {
  const std::size_t charge = entry.charge();
  assert(shard.bytes >= charge);
  shard.table.remove(entry);
  shard.eviction->remove(entry);
  shard.wheel->remove(entry);
  shard.bytes -= charge;
  bytes_.fetch_sub(charge);
  entry.let_go();
}

EntryRef Memory::find(std::uint32_t scope, std::uint64_t hash, std::string_view entity,
                      Instant now) {
  Shard& shard = shard_of(hash);
  const std::scoped_lock lock(shard.lock);
  Entry* entry = shard.table.find(scope, hash, entity);
  if (!entry) return {};
  if (entry->gone_at() <= now || !entry->stamps_hold()) {
    drop(shard, *entry);
    return {};
  }
  visit(*entry);
  return EntryRef::share(entry);
}

bool Memory::erase(std::uint32_t scope, std::uint64_t hash, std::string_view entity) {
  bool dropped = false;
  {
    Shard& shard = shard_of(hash);
    const std::scoped_lock lock(shard.lock);
    if (Entry* entry = shard.table.find(scope, hash, entity)) {
      drop(shard, *entry);
      dropped = true;
    }
  }
  if (dropped) Pins::reclaim_if_due();
  return dropped;
}

std::size_t Memory::expire(Instant now) {
  std::size_t dropped = 0;
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    Shard& shard = shards_[i];
    const std::scoped_lock lock(shard.lock);
    shard.wheel->turn(now, [&](Entry& entry) {
      ++shard.expired;
      ++dropped;
      drop(shard, entry);
    });
  }
  Pins::reclaim();
  return dropped;
}

MemoryStats Memory::stats() const {
  MemoryStats stats{
      .bytes = bytes_.load(), .bytes_max = limits_.bytes_max, .refused_total = oversize_.load()};
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    const std::scoped_lock lock(shards_[i].lock);
    stats.entries += shards_[i].table.count();
    stats.evicted_total += shards_[i].evicted;
    stats.expired_total += shards_[i].expired;
  }
  return stats;
}

std::vector<std::string> Memory::audit() const {
  std::vector<std::string> faults;
  std::size_t total = 0;
  for (std::size_t i = 0; i < limits_.shards; ++i) {
    Shard& shard = shards_[i];
    const std::scoped_lock lock(shard.lock);
    std::size_t bytes = 0;
    shard.table.each([&](Entry& entry) {
      bytes += entry.charge();
      if (&shard_of(entry.hash()) != &shard)
        faults.push_back("memory: an entry is in a wrong shard");
      if (shard.table.find(entry.scope(), entry.hash(), entry.entity()) != &entry) {
        faults.push_back("memory: an entry cannot be found under its own key");
      }
    });
    if (bytes != shard.bytes) faults.push_back("memory: a shard's bytes are wrong");
    for (std::string& fault : shard.eviction->audit(shard.table.count(), bytes)) {
      faults.push_back(std::move(fault));
    }
    total += bytes;
  }
  if (total > limits_.bytes_max) faults.push_back("memory: more bytes than the budget");
  if (total > bytes_.load()) faults.push_back("memory: bytes that nobody reserved");
  return faults;
}

}  // namespace headrace
