#include "stores/memcached/names.h"

#include <algorithm>
#include <array>

#include "core/hash.h"

namespace headrace::memcached {

namespace {

std::string hex_of(const StoreKey& key) {
  return to_hex({.high = key.words[0], .low = key.words[1]}) +
         to_hex({.high = key.words[2], .low = key.words[3]});
}

}  // namespace

bool Names::is_prefix(std::string_view text) {
  return !text.empty() && text.size() <= prefix_bytes_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string Names::slot(const StoreKey& key) const {
  return prefix_ + ":s:" + hex_of(key);
}

std::string Names::beside(const StoreKey& key) const {
  return prefix_ + ":b:" + hex_of(key);
}

std::string Names::mark(const WatermarkId& id) const {
  return prefix_ + ":w:" + to_hex({.high = id.high, .low = id.low});
}

std::string Names::life() const {
  return prefix_ + ":life";
}

std::string Names::trial(Token token) const {
  return prefix_ + ":trial:" + to_hex(token);
}

std::size_t owner_of(std::uint64_t hash, std::span<const std::uint64_t> servers) {
  std::size_t owner = 0;
  std::uint64_t highest = 0;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const std::array<std::uint64_t, 2> both{hash, servers[i]};
    const std::uint64_t drawn = hash64({reinterpret_cast<const char*>(both.data()), sizeof both});
    if (i > 0 && drawn <= highest) continue;
    owner = i;
    highest = drawn;
  }
  return owner;
}

std::uint64_t hash_of(const StoreKey& key) {
  return hash64(key.bytes());
}

std::uint64_t hash_of(const WatermarkId& id) {
  const std::array<std::uint64_t, 2> both{id.high, id.low};
  return hash64({reinterpret_cast<const char*>(both.data()), sizeof both});
}

}  // namespace headrace::memcached
