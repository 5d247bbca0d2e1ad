#include "stores/valkey/names.h"

#include <array>
#include <cassert>
#include <cstring>

namespace headrace::valkey {

namespace {

// Base 64 without what means something in a name on the server: braces, '*', '?', brackets.
std::string readable(std::string_view bytes) {
  static constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  unsigned bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6; held -= 6) text += digits[bits >> (held - 6) & 63];
  }
  if (held > 0) text += digits[bits << (6 - held) & 63];
  return text;
}

}  // namespace

std::string Names::slot(const StoreKey& key) const {
  return prefix_ + ":{" + readable(key.bytes()) + "}";
}

std::string Names::beside(const StoreKey& key) const {
  return slot(key) + "+";
}

std::string Names::watermark(const WatermarkId& id) const {
  return prefix_ + ":w:" + readable(bytes_of({.high = id.high, .low = id.low}));
}

std::string bytes_of(const Token& token) {
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &token.high, 8);
  std::memcpy(bytes.data() + 8, &token.low, 8);
  return bytes;
}

Token token_of(std::string_view bytes) {
  assert(bytes.size() == 16);
  Token token;
  std::memcpy(&token.high, bytes.data(), 8);
  std::memcpy(&token.low, bytes.data() + 8, 8);
  return token;
}

}  // namespace headrace::valkey
