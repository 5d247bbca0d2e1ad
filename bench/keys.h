// bench/keys.h: the keys that every bench of a read asks for, and the order in which it asks.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "zipf.h"

namespace headrace::bench {

inline constexpr std::size_t draws = 1 << 20;
inline constexpr std::size_t value_bytes = 100;
inline constexpr double zipf_exponent = 0.99;

// 24 bytes, spread over the whole range of their digits.
inline std::string key_of(std::size_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "user:%019zu", i * 2654435761u);
  return text;
}

inline std::string value() {
  return std::string(value_bytes, 'v');
}

// The same in one piece, as the values of other languages are: Java's arrays, Go's slices of bytes.
using Flat = std::array<char, value_bytes>;
inline Flat flat() {
  Flat bytes;
  bytes.fill('v');
  return bytes;
}

struct Keys {
  explicit Keys(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) all.push_back(key_of(i));
    for (std::size_t t = 0; t < 2; ++t) order[t] = zipf(count, draws, zipf_exponent, t + 1);
  }
  std::vector<std::string> all;
  std::vector<std::uint32_t> order[2];  // One for each thread.
};

// Made once, by the first thread that comes.
inline const Keys& keys(std::size_t count) {
  static std::mutex making;
  const std::scoped_lock lock(making);
  static std::vector<std::unique_ptr<const Keys>> all;
  for (const auto& made : all) {
    if (made->all.size() == count) return *made;
  }
  return *all.emplace_back(std::make_unique<const Keys>(count));
}

}  // namespace headrace::bench
