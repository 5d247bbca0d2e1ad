// memcached/names.h: how our items are called, and which server has them.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "headrace/key.h"
#include "headrace/token.h"

namespace headrace::memcached {

inline constexpr std::size_t prefix_bytes_max = 64;

class Names {
 public:
  // REQUIRES: is_prefix(prefix).
  explicit Names(std::string prefix) : prefix_(std::move(prefix)) {}
  // 1 to prefix_bytes_max bytes, all printable, no space.
  [[nodiscard]] static bool is_prefix(std::string_view text);

  [[nodiscard]] std::string slot(const StoreKey& key) const;
  [[nodiscard]] std::string beside(const StoreKey& key) const;
  [[nodiscard]] std::string mark(const WatermarkId& id) const;
  [[nodiscard]] std::string life() const;
  [[nodiscard]] std::string trial(Token token) const;

 private:
  const std::string prefix_;
};

// Which of `servers`, by their hashes, has what this is the hash of: each server draws a number for
// it, and the highest wins.  A server more or less moves only what it wins or had won; the order
// of the list does not matter.  REQUIRES: there is one.
[[nodiscard]] std::size_t owner_of(std::uint64_t hash, std::span<const std::uint64_t> servers);

[[nodiscard]] std::uint64_t hash_of(const StoreKey& key);
[[nodiscard]] std::uint64_t hash_of(const WatermarkId& id);

}  // namespace headrace::memcached
