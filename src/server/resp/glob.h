// server/resp/glob.h: patterns of keys, as Redis matches them.
//
//   *  any bytes    ?  any one byte    [a-c] [^ab]  one of a class, or none of it    \x  x itself
//
// Threads:   any.
// Errors:    none: every text is a pattern.
// Lifetimes: views.
#pragma once

#include <cstddef>
#include <string_view>

namespace headrace::resp {

// Steps that one match may take: who asks for more is told that it does not match.
inline constexpr std::size_t glob_steps_max = 100'000;

[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

// What all texts begin with that match.
[[nodiscard]] std::string_view literal_prefix(std::string_view pattern) noexcept;

}  // namespace headrace::resp
