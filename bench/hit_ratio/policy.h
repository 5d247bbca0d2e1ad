// bench/hit_ratio/policy.h: what a trace is played to: caches of so many entries that differ only
// in what they drop.
//
// The peers are textbook versions, one small file each, and hold no values: an entry is its number.
// Each file names the paper that it follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace headrace::bench {

// The keys of a trace, numbered from zero in the order of their first appearance.
using Id = std::uint32_t;

class Policy {
 public:
  virtual ~Policy() = default;
  // Reads `id`; a miss is loaded.  True if it was there.
  virtual bool access(Id id) = 0;
};

// REQUIRES, for all: capacity > 0 entries; every id that is read is below `ids`.
[[nodiscard]] std::unique_ptr<Policy> make_lru(std::size_t capacity, std::size_t ids);
[[nodiscard]] std::unique_ptr<Policy> make_sieve(std::size_t capacity, std::size_t ids);
[[nodiscard]] std::unique_ptr<Policy> make_textbook_s3_fifo(std::size_t capacity, std::size_t ids);
[[nodiscard]] std::unique_ptr<Policy> make_w_tiny_lfu(std::size_t capacity, std::size_t ids);

// The tier that is shipped: an Engine read through Cache<T>, with room for `capacity` entries.
// `shards` as in Engine::Limits: 0 is what a user gets.
[[nodiscard]] std::unique_ptr<Policy> make_headrace(std::size_t capacity, std::size_t shards);

// The hits of the best cache that knows the future.
[[nodiscard]] std::size_t optimum(const std::vector<Id>& trace, std::size_t capacity);

}  // namespace headrace::bench
