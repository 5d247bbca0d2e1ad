// core/hash.h: the hashes of keys and watermarks: XXH3, 64 and 128 bits.
//
// They are fast and well spread, and not secret: nothing relies on collisions being hard to find.
// Every place where a collision could matter compares the bytes as well.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace headrace {

[[nodiscard]] inline std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// Of an entry: what memory and flights know it by.
[[nodiscard]] inline std::uint64_t hash_of(std::uint32_t scope, std::string_view entity) noexcept {
  return hash64(entity, scope * 0x9e3779b97f4a7c15ull);
}

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] inline Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0) noexcept {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.high64, hash.low64};
}

}  // namespace headrace
