// core/nearest.h: the name that was probably meant, for errors about unknown ones.
//
// Threads: a pure function.  Errors: none.  Lifetimes: the result points into the candidates.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace headrace {

// Letters to add, drop, change or swap with their neighbour, in either case, to turn one into the
// other.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest candidate, the first of equals; empty if none is within a third of the word's
// letters.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

// `; did you mean "listen"?`, or nothing: the end of a sentence about an unknown name.
[[nodiscard]] std::string nearest_hint(std::string_view word,
                                       std::span<const std::string_view> candidates);

}  // namespace headrace
