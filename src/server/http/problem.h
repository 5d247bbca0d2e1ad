// server/http/problem.h: errors as RFC 9457 problem documents.
//
// The table of problems is data: their documents, /problems/{code} and the statuses come from it.
//
// Threads:   any.
// Errors:    these are they.
// Lifetimes: codes are views of literals.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "wire/http_message.h"

namespace headrace::http {

// What there is to know of a code.
struct ProblemKind {
  std::string_view code;
  int status;
  bool retryable;
  std::string_view title;
  std::string_view advice;  // For /problems/{code}.
};
[[nodiscard]] std::span<const ProblemKind> problem_kinds() noexcept;
// REQUIRES: `code` is in the table.
[[nodiscard]] const ProblemKind& problem_kind(std::string_view code) noexcept;

struct Problem {
  // A fault in a JSON body.
  struct Fault {
    std::string pointer{};  // RFC 6901: "/keys/0/entity".
    std::string detail{};
  };
  std::string_view code;
  std::string detail{};
  wire::Headers headers{};
  std::vector<Fault> errors{};
  std::vector<std::string> violated{};           // Of quota-exceeded: by which policies ...
  std::optional<std::int64_t> retry_after_ms{};  // ... and until when.
};

template <class T>
using Outcome = std::expected<T, Problem>;

[[nodiscard]] inline std::unexpected<Problem> problem(std::string_view code, std::string detail,
                                                      wire::Headers headers = {}) {
  return std::unexpected(
      Problem{.code = code, .detail = std::move(detail), .headers = std::move(headers)});
}

// What an error of the engine means to a client.
[[nodiscard]] Problem problem_of(const Error& error);
// What an error of the records of clients, their sessions and their keys means to them: their
// outage is said in one way, and is not one of the store of what is cached.
[[nodiscard]] Problem problem_of_records(const Error& error);
[[nodiscard]] std::string_view problem_code_of(Code code) noexcept;
// What a request that is none deserves.
[[nodiscard]] std::string_view problem_code_of_status(int status) noexcept;

// The document.  `path` is the request's, without its query.
[[nodiscard]] wire::Response response_of(const Problem& problem, std::string_view path,
                                         std::string_view request_id);

}  // namespace headrace::http
