// headrace/result.h: errors as values.
//
// A Result<T> is a T or an Error.  An Error has a Code, which tells a program what to do next, and
// a sentence for people that says what happened, where, and what would help.
//
// Threads:   values; as safe as an int.
// Errors:    this is how they travel.  Nothing of Headrace throws across a module.
// Lifetimes: an Error owns its text.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace headrace {

enum class Code : std::uint8_t {
  invalid_argument,     // The request is wrong.  Mend it; trying again does not help.
  unknown_policy,       // No policy has that name.
  source_failed,        // The source answered with an error or with garbage.  Try later.
  source_unavailable,   // The source could not be reached.  Try later.
  loader_threw,         // The caller's own fetch threw; the text is its what().
  timed_out,            // Longer than `fetch_within`.  The load may still end; try again.
  refused,              // A limit was reached; the text names it.  Slow down, then try again.
  too_large,            // A value or a key is over its limit; the text names it.
  store_unavailable,    // The store could not be reached or is broken.  Reads go on without it.
  bus_unavailable,      // The bus could not be reached.  Memory answers only what is confirmed.
  journal_unavailable,  // The journal could not be read or written.
  damaged,              // Bytes that cannot be decoded.
  cancelled,            // Nobody waits for this any more.
  not_allowed,          // The policy does not allow this; the text says what it does allow.
  over_quota,           // What is kept is at its quota; the text names it.  Remove something.
  closed,               // close() was called.
};

// The code's name as it stands in logs, metrics and problem documents: "source-failed".
[[nodiscard]] std::string_view name_of(Code code) noexcept;

struct [[nodiscard]] Error {
  Code code = Code::invalid_argument;
  std::string what{};
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(Code code, std::string what) {
  return std::unexpected<Error>(Error{.code = code, .what = std::move(what)});
}

}  // namespace headrace
