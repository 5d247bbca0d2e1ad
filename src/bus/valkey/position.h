// bus/valkey/position.h: where an entry stands in a stream: milliseconds, and a number within them.
//
// Threads: values.  Errors: none for what is no position.  Lifetimes: values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::valkey {

struct Position {
  std::uint64_t ms = 0;
  std::uint64_t number = 0;

  friend auto operator<=>(const Position&, const Position&) = default;
};

[[nodiscard]] std::optional<Position> read_position(std::string_view text);  // "1700000000000-0"
[[nodiscard]] std::string to_string(const Position& position);

}  // namespace headrace::valkey
