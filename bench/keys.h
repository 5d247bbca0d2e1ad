// bench/keys.h: the keys that every bench of a read asks for, and the order in which it asks.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "zipf.h"

namespace headrace::bench {

inline constexpr std::size_t draws = 1 << 20;
inline constexpr std::size_t value_bytes = 100;
inline constexpr double zipf_exponent = 0.99;

// 24 bytes in place: what a read costs shall not depend on how the asking program keeps its keys.
class KeyText {
 public:
  static constexpr std::size_t bytes = 24;

  // Spread over the whole range of its digits.
  explicit KeyText(std::size_t i) {
    char text[bytes + 1];
    std::snprintf(text, sizeof text, "user:%019zu", i * 2654435761u);
    std::copy_n(text, bytes, text_.begin());
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), bytes}; }
  operator std::string_view() const noexcept { return view(); }  // NOLINT: on purpose.

 private:
  std::array<char, bytes> text_;
};

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
    for (std::size_t i = 0; i < count; ++i) all.emplace_back(i);
    for (std::size_t t = 0; t < 2; ++t) order[t] = zipf(count, draws, zipf_exponent, t + 1);
  }
  std::vector<KeyText> all;
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
