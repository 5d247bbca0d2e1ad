// keyspace/accesses.h: accesses that are not yet written down.
//
// An access is noted if it is due (is_access_due), and kept until it has been written: until then
// seen() shows a sliding record with the end that its accesses have given it.  What is not due
// costs a comparison; what is noted already, a look into one shard and no allocation.
//
// Threads:   any member from any thread.
// Errors:    none: where there is no room an access is forgotten.  Those to sliding records have
//            half of the room for themselves.
// Lifetimes: keys are copied.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/hash.h"
#include "headrace/records.h"
#include "headrace/time.h"

namespace headrace {

class Accesses {
 public:
  struct Access {
    std::string key{};  // bytes() of it.
    WallTime at{};
    bool slides = false;
  };

  Accesses(std::size_t accesses_max, Duration every, std::uint64_t hash_seed = 0);

  // Says whether it cannot wait for long, for the record would end before it is written.
  bool note(std::string_view key, const Record& record, WallTime now, Duration written_within);

  // The record as its accesses have left it.  REQUIRES: `record` is not null.
  [[nodiscard]] RecordRef seen(std::string_view key, RecordRef record) const;

  // All of sliding records, and up to `others_max` more.
  [[nodiscard]] std::vector<Access> waiting(std::size_t others_max) const;
  // It is written, or there is nothing to write it to.
  void settle(const Access& access);

  [[nodiscard]] std::size_t size() const;

 private:
  static constexpr std::size_t shard_count = 64;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const noexcept { return hash64(key, seed); }
    std::uint64_t seed;
  };
  struct Noted {
    WallTime at{};
    bool slides = false;
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::string, Noted, Hash, std::equal_to<>> noted{};
  };
  [[nodiscard]] Shard& shard_of(std::string_view key) const noexcept {
    return shards_[hash64(key, ~seed_) % shard_count];
  }

  const std::uint64_t seed_;
  const std::size_t shard_accesses_max_;
  const Duration every_;
  mutable std::array<Shard, shard_count> shards_;
};

}  // namespace headrace
