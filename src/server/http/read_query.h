// server/http/read_query.h: what a read's URL and headers ask for.
//
// Threads:   any.
// Errors:    bad-request, ambiguous-key.
// Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/engine.h"
#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

struct ReadQuery {
  ReadOptions options{};
  bool only_if_cached = false;
  std::optional<std::string> entity{};  // From ?key= or ?key_b64=.
};

[[nodiscard]] Outcome<ReadQuery> read_query_of(const wire::Request& request);

// Takes the parameter key or key_b64, and says whether it was one of them.
[[nodiscard]] Outcome<bool> take_key(std::optional<std::string>& into, std::string_view name,
                                     const std::string& value);

}  // namespace headrace::http
