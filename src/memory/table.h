// memory/table.h: the hash table of one shard: open addressing, linear probing, no tombstones.
//
// A slot is one word: the entry's address, which needs 48 bits on the 64-bit machines that we know,
// and above it 16 bits of the hash, so that a look-up touches no entry but the one it wants.
//
// Threads: every call is made under the shard's lock.
#pragma once

#include <cassert>
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
      const Slot slot = slots_[i];
      if (slot.is_empty()) return nullptr;
      if (!slot.may_be(hash)) continue;
      Entry* entry = slot.entry();
      if (entry->scope() == scope && entry->entity() == entity) return entry;
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
    while (slots_[hole].entry() != &entry) hole = next(hole);
    // Moves back what would no longer be found across the hole.
    for (std::size_t i = next(hole); !slots_[i].is_empty(); i = next(i)) {
      const std::size_t want = home(slots_[i].entry()->hash());
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
    for (const Slot slot : slots_) {
      if (!slot.is_empty()) visit(*slot.entry());
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t slots_min = 8;
  class Slot {
   public:
    Slot() = default;
    explicit Slot(Entry& entry)
        : word_(reinterpret_cast<std::uintptr_t>(&entry) | (entry.hash() & ~address_bits)) {
      assert((reinterpret_cast<std::uintptr_t>(&entry) & ~address_bits) == 0);
    }
    [[nodiscard]] bool is_empty() const noexcept { return word_ == 0; }
    [[nodiscard]] bool may_be(std::uint64_t hash) const noexcept {
      return ((word_ ^ hash) & ~address_bits) == 0;
    }
    [[nodiscard]] Entry* entry() const noexcept {
      return reinterpret_cast<Entry*>(word_ & address_bits);
    }

   private:
    static constexpr std::uint64_t address_bits = (std::uint64_t{1} << 48) - 1;
    std::uint64_t word_ = 0;
  };
  static_assert(sizeof(void*) == 8, "a slot packs an address and a tag into 64 bits");

  // The low bits of the hash chose the shard; the table uses those above.
  [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
    return (hash >> 16) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t i) const noexcept {
    return (i + 1) & (slots_.size() - 1);
  }
  void place(Entry& entry) {
    std::size_t i = home(entry.hash());
    while (!slots_[i].is_empty()) i = next(i);
    slots_[i] = Slot(entry);
  }
  void resize(std::size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot slot : old) {
      if (!slot.is_empty()) place(*slot.entry());
    }
  }

  std::vector<Slot> slots_;
  std::size_t count_ = 0;
};

}  // namespace headrace
