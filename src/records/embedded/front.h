// embedded/front.h: what memory holds of the records, so that most reads never reach the file.
//
// Bounded in bytes; it knows of records and of keys that have none.  What it says is what was
// published last, and nothing that was read before that can take its place: whoever reads the file
// takes a ticket first, and the ticket is void once the key is being changed.
//
// Threads:   find(), ticket() and fill() from any thread; a change by one thread at a time.
// Errors:    none; what there is no room for is not held.
// Lifetimes: what was found stays alive through its reference.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "headrace/records.h"
#include "records/embedded/kept.h"

namespace headrace::embedded_records {

class Front {
 public:
  explicit Front(std::size_t bytes_max);

  // Empty: memory cannot say.
  [[nodiscard]] KeptRef find(std::string_view key) noexcept;

  // To be taken before the file is read, and handed in with what was found there.
  class Ticket {
   private:
    friend class Front;
    explicit Ticket(std::uint64_t epoch) : epoch_(epoch) {}
    std::uint64_t epoch_;
  };
  [[nodiscard]] Ticket ticket(std::string_view key) noexcept;
  void fill(const KeptRef& kept, Ticket ticket);

  // The keys are about to change: from here to end_change() nothing that is read of them is held,
  // and what memory holds of them stays.
  void begin_change(std::span<const KeptRef> changed);
  // They have, to this.
  void publish(std::span<const KeptRef> changed);
  void end_change(std::span<const KeptRef> changed);

  [[nodiscard]] std::size_t bytes() const;

 private:
  static constexpr std::size_t shards = 16;
  static constexpr std::size_t epochs = 1024;  // Of a shard; keys share them.

  struct Slot {
    std::uint64_t hash = 0;
    KeptRef kept{};
    std::uint32_t visits = 0;  // Since the hand was here.
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Slot> slots;  // A power of two of them, or none.
    std::size_t used = 0;
    std::size_t bytes = 0;
    std::size_t hand = 0;
    std::array<std::uint64_t, epochs> epoch{};  // Odd: one of its keys is being changed.
  };

  [[nodiscard]] std::uint64_t hash_of(std::string_view key) const noexcept;
  [[nodiscard]] Shard& shard_of(std::uint64_t hash) noexcept { return (*shards_)[hash >> 60]; }
  [[nodiscard]] static std::uint64_t& epoch_of(Shard& shard, std::uint64_t hash) noexcept {
    return shard.epoch[(hash >> 40) % epochs];
  }
  [[nodiscard]] static std::size_t place_of(const Shard& shard, std::uint64_t hash,
                                            std::string_view key) noexcept;
  void put(Shard& shard, std::uint64_t hash, const KeptRef& kept);
  static void erase(Shard& shard, std::size_t at);
  static void grow(Shard& shard);
  void make_room(Shard& shard);

  // Nobody can choose keys that all have the same place, and so make each search a long one.
  const std::uint64_t seed_;
  const std::size_t shard_bytes_max_;
  const std::unique_ptr<std::array<Shard, shards>> shards_;
};

}  // namespace headrace::embedded_records
