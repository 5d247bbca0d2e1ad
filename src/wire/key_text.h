// wire/key_text.h: a StoreKey as 64 hexadecimal digits, which sort as its bytes do, and back.
//
// Threads: values.  Errors: what is no such text is no key.  Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/key.h"

namespace headrace {

inline std::string text_of(const StoreKey& key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * sizeof key.words);
  for (const char byte : key.bytes()) {
    text += digits[static_cast<unsigned char>(byte) >> 4];
    text += digits[static_cast<unsigned char>(byte) & 15];
  }
  return text;
}

inline std::optional<StoreKey> key_of_text(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  StoreKey key;
  if (text.size() != 2 * sizeof key.words) return std::nullopt;
  char bytes[sizeof key.words];
  for (std::size_t i = 0; i < sizeof bytes; ++i) {
    const std::size_t high = digits.find(text[2 * i]);
    const std::size_t low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes[i] = static_cast<char>(high << 4 | low);
  }
  std::memcpy(key.words, bytes, sizeof bytes);
  return key;
}

}  // namespace headrace
