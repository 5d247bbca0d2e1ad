// headrace/token.h: 128-bit names that say "the same" or "not the same", and nothing else.
//
// A Token is random: a lease, a watermark's present state, the id of a kept entry.  Tokens are
// compared for equality only, never ordered and never counted.  The zero token means "none".
// A WatermarkId is the hash of a watermark's name ("tag:user:42"); two names that collide share one
// watermark, which can only invalidate too much.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headrace {

struct Token {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  [[nodiscard]] constexpr bool is_none() const noexcept { return (high | low) == 0; }
  friend constexpr bool operator==(const Token&, const Token&) noexcept = default;
};

struct WatermarkId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  // The id of the watermark with this full name, such as "cache" or "tag:user:42".
  [[nodiscard]] static WatermarkId of(std::string_view name) noexcept;

  friend constexpr bool operator==(const WatermarkId&, const WatermarkId&) noexcept = default;
};

// A watermark and what it was when an entry was built.
struct Watermark {
  WatermarkId id{};
  Token token{};

  friend constexpr bool operator==(const Watermark&, const Watermark&) noexcept = default;
};

// 32 hexadecimal digits, for `explain` and logs.
[[nodiscard]] std::string to_hex(Token token);

}  // namespace headrace
