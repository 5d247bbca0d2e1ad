// memory/table.h: the hash table of one shard: open addressing, linear probing, no tombstones.
//
// Threads: every call is made under the shard's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "headrace/entry.h"

namespace headrace {

class Table {
 public:
  Table() : slots_(slots_min) {}

  [[nodiscard]] Entry* find(std::uint32_t scope, std::uint64_t hash,
                            std::string_view entity) const noexcept {
    for (std::size_t i = home(hash);; i = next(i)) {
      const Slot& slot = slots_[i];
      if (!slot.entry) return nullptr;
      if (slot.hash == hash && slot.entry->scope() == scope && slot.entry->entity() == entity) {
        return slot.entry;
      }
    }
  }

  // REQUIRES: no equal key is in the table.
  void insert(Entry& entry) {
    if ((count_ + 1) * 4 > slots_.size() * 3) resize(slots_.size() * 2);
    place(entry);
    ++count_;
  }

  // REQUIRES: the entry is in the table.
  void remove(const Entry& entry) {
    std::size_t hole = home(entry.hash());
    while (slots_[hole].entry != &entry) hole = next(hole);
    // Moves back what would no longer be found across the hole.
    for (std::size_t i = next(hole); slots_[i].entry; i = next(i)) {
      const std::size_t want = home(slots_[i].hash);
      const bool stays = hole < i ? (hole < want && want <= i) : (hole < want || want <= i);
      if (stays) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = Slot{};
    --count_;
    if (slots_.size() > slots_min && count_ * 8 < slots_.size()) resize(slots_.size() / 2);
  }

  template <class Visit>
  void each(Visit visit) const {
    for (const Slot& slot : slots_) {
      if (slot.entry) visit(*slot.entry);
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t slots_min = 8;
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };

  // The low bits of the hash chose the shard; the table uses those above.
  [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
    return (hash >> 16) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept {
    return (i + 1) & (slots_.size() - 1);
  }
  void place(Entry& entry) {
    std::size_t i = home(entry.hash());
    while (slots_[i].entry) i = next(i);
    slots_[i] = {entry.hash(), &entry};
  }
  void resize(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.entry) place(*slot.entry);
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace headrace
