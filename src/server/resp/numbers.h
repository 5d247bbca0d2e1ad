// server/resp/numbers.h: fractions as Redis reads, adds and shows them.
//
// Threads:   any.
// Errors:    none: what is no number is no number.
// Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace headrace::resp {

// With the precision of long double; no blanks in front, nothing behind, no NaN.
[[nodiscard]] std::optional<long double> fraction_of(std::string_view text);
// Without an exponent, 17 digits behind the point at most, and none that says nothing.
[[nodiscard]] std::string text_of(long double fraction);

}  // namespace headrace::resp
