// wire/plain_text.h: how much of a text can be taken as it is, many bytes at a step.
//
// Nearly all that is written is such text; so who escapes looks for where it ends, and goes byte by
// byte only there.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <cstddef>
#include <string_view>

namespace headrace::wire {

// What neither JSON nor a header needs escaped: printable ASCII but quotes and backslashes.
[[nodiscard]] constexpr bool is_plain(char c) noexcept {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}
[[nodiscard]] constexpr bool is_ascii(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x80;
}

// The number of bytes at the front that are all `good`.
template <auto good>
[[nodiscard]] constexpr std::size_t prefix_of(std::string_view text) noexcept {
  constexpr std::size_t step = 16;  // Without a branch inside, so that it becomes one comparison.
  std::size_t at = 0;
  for (; at + step <= text.size(); at += step) {
    bool all = true;
    for (std::size_t i = 0; i < step; ++i) all &= good(text[at + i]);
    if (!all) break;
  }
  while (at < text.size() && good(text[at])) ++at;
  return at;
}

}  // namespace headrace::wire
