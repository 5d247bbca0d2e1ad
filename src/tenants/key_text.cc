#include "tenants/key_text.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace headrace {

namespace {

constexpr std::string_view digits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view mark = "hrk_";

constexpr std::array<std::uint32_t, 256> crc_steps = [] {
  std::array<std::uint32_t, 256> steps{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t rest = byte;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0xEDB88320U : 0U);
    steps[byte] = rest;
  }
  return steps;
}();

std::string check_of(std::string_view text) {
  std::string check(key_check_chars, digits[0]);
  std::uint32_t rest = crc32(text);
  for (std::size_t i = check.size(); i-- > 0; rest /= 62) check[i] = digits[rest % 62];
  return check;
}

std::optional<KeyKind> kind_of(std::string_view name) noexcept {
  for (const KeyKind kind : {KeyKind::live, KeyKind::test, KeyKind::read_only, KeyKind::admin}) {
    if (name_of(kind) == name) return kind;
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(KeyKind kind) noexcept {
  switch (kind) {
    case KeyKind::live: return "live";
    case KeyKind::test: return "test";
    case KeyKind::read_only: return "ro";
    case KeyKind::admin: return "adm";
  }
  return "";
}

std::uint32_t crc32(std::string_view text) noexcept {
  std::uint32_t rest = 0xFFFFFFFFU;
  for (const char c : text) {
    rest = (rest >> 8) ^ crc_steps[(rest ^ static_cast<unsigned char>(c)) & 0xFF];
  }
  return ~rest;
}

std::string draw_text(Random& random, std::size_t chars) {
  constexpr unsigned fair_max = 256 / 62 * 62;  // A byte from here on would favour some.
  std::string text;
  while (text.size() < chars) {
    const Token token = random.token();
    for (int i = 0; i < 16 && text.size() < chars; ++i) {
      const std::uint64_t word = i < 8 ? token.high : token.low;
      const auto byte = static_cast<unsigned>(word >> (8 * (i % 8)) & 0xFF);
      if (byte < fair_max) text += digits[byte % 62];
    }
  }
  return text;
}

std::string key_text(KeyKind kind, std::string_view id, std::string_view secret) {
  assert(id.size() == key_id_chars && secret.size() == key_secret_chars);
  std::string text(mark);
  text.append(name_of(kind)).append("_").append(id).append("_").append(secret);
  return text + check_of(text);
}

std::optional<KeyText> KeyText::parse(std::string_view text) noexcept {
  constexpr std::size_t tail = 2 + key_id_chars + key_secret_chars + key_check_chars;
  if (!text.starts_with(mark) || text.size() <= mark.size() + tail) return std::nullopt;
  const std::string_view name = text.substr(mark.size(), text.size() - mark.size() - tail);
  const auto kind = kind_of(name);
  if (!kind) return std::nullopt;
  const std::string_view rest = text.substr(mark.size() + name.size());
  if (rest[0] != '_' || rest[1 + key_id_chars] != '_') return std::nullopt;
  const std::string_view id = rest.substr(1, key_id_chars);
  const std::string_view secret = rest.substr(2 + key_id_chars, key_secret_chars);
  const auto is_digit = [](char c) { return digits.contains(c); };
  if (!std::ranges::all_of(id, is_digit) || !std::ranges::all_of(secret, is_digit)) {
    return std::nullopt;
  }
  const std::string_view said = text.substr(text.size() - key_check_chars);
  if (check_of(text.substr(0, text.size() - key_check_chars)) != said) return std::nullopt;
  return KeyText{.kind = *kind, .id = id, .secret = secret};
}

}  // namespace headrace
