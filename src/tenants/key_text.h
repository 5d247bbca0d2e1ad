// tenants/key_text.h: how an API key is written: hrk_live_<id>_<secret><check>.
//
// The kind is told by the prefix, so that people and scanners see what they have found; the last
// six characters are a checksum of all before them, so that a mistyped key is known as that without
// looking it up.  The id is no secret.
//
// Threads:   pure functions, but for the chance that comes in.
// Errors:    parse() returns null for what is no key.
// Lifetimes: what parse() returns points into the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/random.h"
#include "headrace/tenant_book.h"

namespace headrace {

inline constexpr std::size_t key_id_chars = 8;
inline constexpr std::size_t key_secret_chars = 32;
inline constexpr std::size_t key_check_chars = 6;

struct KeyText {
  KeyKind kind = KeyKind::live;
  std::string_view id{};
  std::string_view secret{};

  // Whoever has a checksum that fits has a key that was written by us, or took the trouble.
  [[nodiscard]] static std::optional<KeyText> parse(std::string_view text) noexcept;
};

// As many characters from 0-9A-Za-z, each as likely as any other.
[[nodiscard]] std::string draw_text(Random& random, std::size_t chars);
// REQUIRES: id and secret have their lengths.
[[nodiscard]] std::string key_text(KeyKind kind, std::string_view id, std::string_view secret);

// CRC-32 as in IEEE 802.3 and zip files, of what stands before it in a key.
[[nodiscard]] std::uint32_t crc32(std::string_view text) noexcept;

}  // namespace headrace
