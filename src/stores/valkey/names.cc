#include "stores/valkey/names.h"

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>

namespace headrace::valkey {

namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// Base 64 without what means something in a name on the server: braces, '*', '?', brackets.
// Five of them belong to every read that the store answers: what they cost counts.
void append_readable(std::string& text, std::string_view bytes) {
  const std::size_t before = text.size();
  text.resize(before + (bytes.size() * 8 + 5) / 6);
  char* to = text.data() + before;
  const auto* from = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, from += 3) {
    const std::uint32_t bits = std::uint32_t{from[0]} << 16 | std::uint32_t{from[1]} << 8 | from[2];
    *to++ = digits[bits >> 18];
    *to++ = digits[bits >> 12 & 63];
    *to++ = digits[bits >> 6 & 63];
    *to++ = digits[bits & 63];
  }
  if (left == 0) return;
  const std::uint32_t second = left > 1 ? from[1] : 0;
  const std::uint32_t bits = std::uint32_t{from[0]} << 16 | second << 8;
  *to++ = digits[bits >> 18];
  *to++ = digits[bits >> 12 & 63];
  if (left > 1) *to = digits[bits >> 6 & 63];
}

std::string name_of(std::string_view prefix, std::string_view mark, std::string_view bytes,
                    std::string_view end) {
  std::string name;
  name.reserve(prefix.size() + mark.size() + (bytes.size() * 8 + 5) / 6 + end.size());
  name += prefix;
  name += mark;
  append_readable(name, bytes);
  name += end;
  return name;
}

}  // namespace

std::string Names::slot(const StoreKey& key) const {
  return name_of(prefix_, ":{", key.bytes(), "}");
}

std::string Names::beside(const StoreKey& key) const {
  return name_of(prefix_, ":{", key.bytes(), "}+");
}

std::string Names::watermark(const WatermarkId& id) const {
  return name_of(prefix_, ":w:", bytes_of({.high = id.high, .low = id.low}), "");
}

std::string Names::slots_pattern() const {
  std::string pattern;
  for (const char c : prefix_) {
    if (std::string_view("*?[]^\\").contains(c)) pattern += '\\';
    pattern += c;
  }
  return pattern + ":{*}";
}

std::optional<StoreKey> Names::key_of(std::string_view slot) const {
  constexpr std::size_t letters = (sizeof StoreKey::words * 8 + 5) / 6;
  const std::size_t before = prefix_.size() + 2;
  if (slot.size() != before + letters + 1) return std::nullopt;
  char bytes[sizeof StoreKey::words];
  std::size_t count = 0;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char letter : slot.substr(before, letters)) {
    const std::size_t digit = digits.find(letter);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes[count++] = static_cast<char>(bits >> held);
  }
  StoreKey key;
  std::memcpy(key.words, bytes, sizeof bytes);
  if (this->slot(key) != slot) return std::nullopt;
  return key;
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
