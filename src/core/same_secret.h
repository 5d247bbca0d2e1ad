// core/same_secret.h: whether a secret is the right one.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: keeps nothing.
#pragma once

#include <cstddef>
#include <string_view>

namespace headrace {

// Takes as long for texts that differ as for equal ones of the length of `given`, so that time does
// not tell how much of a guess is right.
[[nodiscard]] inline bool is_same_secret(std::string_view given, std::string_view right) noexcept {
  volatile unsigned difference = given.size() == right.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char other = right.empty() ? '\0' : right[i % right.size()];
    difference = difference | static_cast<unsigned>(given[i] ^ other);
  }
  return difference == 0;
}

}  // namespace headrace
