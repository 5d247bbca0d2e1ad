// sources/postgres/states.h: what the server's error states mean to a source.
//
// Threads:   functions of their arguments.
// Errors:    none.
// Lifetimes: nothing is kept.
// Source:    PostgreSQL's manual, appendix A.
#pragma once

#include <string_view>

#include "headrace/result.h"
#include "wire/uri.h"

namespace headrace::postgres {

// The values that are read, or asked for, and nothing else, are to blame.
[[nodiscard]] inline bool is_of_values(std::string_view state) {
  return state.starts_with("22");
}

// A text cannot be a value of the type that is wanted.
[[nodiscard]] inline bool is_of_type(std::string_view state) {
  return state == "22P02" || state == "22003" || state == "22007" || state == "22008" ||
         state == "22P03" || state == "22021";
}

// A constraint is broken, or a value does not fit.
[[nodiscard]] inline bool is_of_change(std::string_view state) {
  return state.starts_with("22") || state.starts_with("23") || state.starts_with("P0") ||
         state == "428C9";
}

[[nodiscard]] inline Code code_of(std::string_view state) {
  if (state == "57014") return Code::timed_out;
  const bool is_away =
      state.starts_with("08") || state.starts_with("53") || state.starts_with("57P");
  return is_away ? Code::source_unavailable : Code::source_failed;
}

// Whether the server can take it as text.
[[nodiscard]] inline bool is_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && wire::is_utf8(text);
}

}  // namespace headrace::postgres
