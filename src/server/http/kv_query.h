// server/http/kv_query.h: what the URL of a call about a record says: which, and for how long.
//
// Threads:   functions of their arguments.
// Errors:    bad-request, ambiguous-key.
// Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/operations.h"
#include "headrace/time.h"
#include "server/http/kv_limits.h"
#include "server/http/problem.h"

namespace headrace::http {

struct KvQuery {
  std::optional<std::string> key{};    // ?key= or ?key_b64=: bytes.
  std::optional<Lifetime> lifetime{};  // ?ttl=, ?expires_at=, ?idle=, ?keep_ttl=, if any is there.
};

enum class Takes : unsigned char { key, key_and_lifetime };
[[nodiscard]] Outcome<KvQuery> kv_query_of(std::string_view query, Takes takes,
                                           const KvLimits& limits);

// Seconds with decimals, to the millisecond: more than none, at most `max`.
[[nodiscard]] std::optional<Duration> seconds_of(double seconds, Duration max) noexcept;
// What a lifetime says that names nothing.
[[nodiscard]] inline Lifetime default_lifetime(const KvLimits& limits) {
  return {.ttl = limits.ttl_default};
}

}  // namespace headrace::http
