// memory/table.h: the hash table of one shard: open addressing, linear probing, no tombstones.
//
// A slot is one word: the entry's address, which needs 48 bits on the 64-bit machines that we know,
// and above it 16 bits of the hash, so that a look-up touches no entry but the one it wants.
//
// Threads: glance() from any thread at any time; every other call under the shard's lock.  A
// glancing reader pins the table and the entry, and looks again whether the entry is still there:
// what is pinned while it can be reached is not freed.  While entries move it may miss one that is
// there, so only a look under the lock can tell that something is not.
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "core/pins.h"
#include "headrace/entry.h"

namespace headrace {

class Table {
 public:
  Table() : slots_(Slots::make(slots_min)) {}
  ~Table() { Slots::free(slots_.load().address()); }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // A pinned reference; empty if the entry is not there, if it was moved meanwhile, or if the
  // thread cannot pin it.
  [[nodiscard, gnu::always_inline]] EntryRef::Bare glance(std::uint32_t scope, std::uint64_t hash,
                                                          std::string_view entity) const noexcept {
    Pins::Record& pins = Pins::mine();
    const Slots slots = slots_.load(std::memory_order_acquire);
    Pins::set(pins, pins.passing, slots.address());
    EntryRef::Bare found;
    if (slots_.load(std::memory_order_acquire) == slots) [[likely]] {
      found = look(slots, slots.likely(hash), pins, scope, hash, entity);
      if (found.entry == nullptr) [[unlikely]] {
        found = look_along(slots, pins, scope, hash, entity);
      }
    }
    pins.passing.store(nullptr, std::memory_order_release);
    return found;
  }

  [[nodiscard]] Entry* find(std::uint32_t scope, std::uint64_t hash,
                            std::string_view entity) const noexcept {
    const Slots slots = slots_.load(std::memory_order_relaxed);
    for (std::size_t i = slots.home(hash);; i = slots.next(i)) {
      const Slot slot = slots.at(i);
      if (slot.is_empty()) return nullptr;
      if (!slot.may_be(hash)) continue;
      Entry* entry = slot.entry();
      if (entry->scope() == scope && entry->has_entity(entity)) return entry;
    }
  }

  // REQUIRES: no equal key is in the table.
  void insert(Entry& entry) {
    const std::size_t size = slots_.load(std::memory_order_relaxed).size();
    if ((count_ + 1) * 4 > size * 3) resize(size * 2);
    place(slots_.load(std::memory_order_relaxed), entry);
    ++count_;
  }

  // REQUIRES: the entry is in the table.
  void remove(const Entry& entry) {
    const Slots slots = slots_.load(std::memory_order_relaxed);
    std::size_t hole = slots.home(entry.hash());
    while (slots.at(hole).entry() != &entry) hole = slots.next(hole);
    // Moves back what would no longer be found across the hole.
    for (std::size_t i = slots.next(hole); !slots.at(i).is_empty(); i = slots.next(i)) {
      const std::size_t want = slots.home(slots.at(i).entry()->hash());
      const bool stays = hole < i ? (hole < want && want <= i) : (hole < want || want <= i);
      if (stays) continue;
      slots.put(hole, slots.at(i));
      hole = i;
    }
    slots.put(hole, Slot{});
    --count_;
    if (slots.size() > slots_min && count_ * 8 < slots.size()) shrink();
  }

  template <class Visit>
  void each(Visit visit) const {
    const Slots slots = slots_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (!slots.at(i).is_empty()) visit(*slots.at(i).entry());
    }
  }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  static constexpr std::size_t slots_min = 8;

  class Slot {
   public:
    Slot() = default;
    explicit Slot(std::uint64_t word) : word_(word) {}
    explicit Slot(Entry& entry)
        : word_(reinterpret_cast<std::uintptr_t>(&entry) | (entry.hash() & ~address_bits)) {
      assert((reinterpret_cast<std::uintptr_t>(&entry) & ~address_bits) == 0);
    }
    [[nodiscard]] std::uint64_t word() const noexcept { return word_; }
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

  // An array of slots and its size in one word, so that a reader gets both or neither.
  class Slots {
   public:
    using Word = std::atomic<std::uint64_t>;

    [[nodiscard]] static Slots make(std::size_t size) {
      Slots slots;
      auto* words = static_cast<Word*>(::operator new(size * sizeof(Word), alignment));
      for (std::size_t i = 0; i < size; ++i) new (words + i) Word(0);
      slots.word_ = reinterpret_cast<std::uintptr_t>(words) |
                    static_cast<std::uintptr_t>(std::countr_zero(size));
      return slots;
    }
    static void free(void* address) { ::operator delete(address, alignment); }

    [[nodiscard]] void* address() const noexcept { return words(); }
    [[nodiscard]] std::size_t size() const noexcept {
      return std::size_t{1} << (word_ & size_bits);
    }
    // The low bits of the hash chose the shard; the table uses those above.  Two slots each are
    // home to the same hashes.
    [[nodiscard]] std::size_t home(std::uint64_t hash) const noexcept {
      return (hash >> 16) & (size() - 2);
    }
    // Which slot of the hash's home pair is its entry's, if one is.  Finds it without a branch: to
    // guess wrong would cost more than to look at both.
    [[nodiscard, gnu::always_inline]] std::size_t likely(std::uint64_t hash) const noexcept {
      const std::size_t first = home(hash);
      return first + static_cast<std::size_t>(at(first + 1).may_be(hash));
    }
    [[nodiscard]] std::size_t next(std::size_t i) const noexcept { return (i + 1) & (size() - 1); }
    [[nodiscard]] Slot at(std::size_t i) const noexcept {
      return Slot(words()[i].load(std::memory_order_acquire));
    }
    void put(std::size_t i, Slot slot) const noexcept {
      words()[i].store(slot.word(), std::memory_order_release);
    }
    bool operator==(const Slots&) const = default;

   private:
    static constexpr std::align_val_t alignment{64};
    static constexpr std::uintptr_t size_bits = 63;
    [[nodiscard]] Word* words() const noexcept {
      return reinterpret_cast<Word*>(word_ & ~size_bits);
    }
    std::uintptr_t word_ = 0;
  };

  // The entry in slot `i`, if it is the one that is wanted.
  [[nodiscard, gnu::always_inline]] static EntryRef::Bare look(Slots slots, std::size_t i,
                                                               Pins::Record& pins,
                                                               std::uint32_t scope,
                                                               std::uint64_t hash,
                                                               std::string_view entity) noexcept {
    const Slot slot = slots.at(i);
    if (!slot.may_be(hash) || slot.is_empty()) return {};
    PinSlot* const pin = Pins::free_slot(pins);
    if (pin == nullptr) return {};
    Entry* const entry = slot.entry();
    entry->prefetch();
    Pins::set(pins, *pin, entry);
    const bool is_there = slots.at(i).word() == slot.word();
    if (is_there && entry->scope() == scope && entry->has_entity(entity)) {
      return {.entry = entry, .pin = pin};
    }
    pin->store(nullptr, std::memory_order_release);
    return {};
  }

  // Looks at all slots in which it may be.
  [[nodiscard, gnu::noinline]] static EntryRef::Bare look_along(Slots slots, Pins::Record& pins,
                                                                std::uint32_t scope,
                                                                std::uint64_t hash,
                                                                std::string_view entity) noexcept {
    std::size_t i = slots.home(hash);
    for (std::size_t looked = 0; looked < slots.size(); ++looked, i = slots.next(i)) {
      if (slots.at(i).is_empty()) return {};
      const EntryRef::Bare found = look(slots, i, pins, scope, hash, entity);
      if (found.entry != nullptr) return found;
    }
    return {};
  }

  static void place(Slots slots, Entry& entry) {
    std::size_t i = slots.home(entry.hash());
    while (!slots.at(i).is_empty()) i = slots.next(i);
    slots.put(i, Slot(entry));
  }

  // Without memory for a smaller array the one that is there does.
  void shrink() noexcept {
    try {
      resize(slots_.load(std::memory_order_relaxed).size() / 2);
    } catch (const std::bad_alloc&) {
      return;
    }
  }

  void resize(std::size_t size) {
    const Slots old = slots_.load(std::memory_order_relaxed);
    const Slots bigger = Slots::make(size);
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (!old.at(i).is_empty()) place(bigger, *old.at(i).entry());
    }
    slots_.store(bigger, std::memory_order_release);
    // A reader that still looks here shall not take what it finds for something that can be
    // reached.
    for (std::size_t i = 0; i < old.size(); ++i) old.put(i, Slot{});
    Pins::retire({.what = old.address(),
                  .free = [](void* what) { Slots::free(what); },
                  .bytes = old.size() * sizeof(Slot)});
  }

  std::atomic<Slots> slots_;
  std::size_t count_ = 0;
};

}  // namespace headrace
