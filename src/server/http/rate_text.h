// server/http/rate_text.h: a tenant's rates as headers and as a refusal.
//
// The headers are those of draft-ietf-httpapi-ratelimit-headers-11: all policies, and what is left
// of the tightest.
//
// Threads:   any.
// Errors:    problems: quota-exceeded.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "headrace/meter.h"
#include "headrace/tenants.h"
#include "server/http/problem.h"
#include "wire/http_message.h"

namespace headrace::http {

// REQUIRES: retry_after is not never.
[[nodiscard]] Problem quota_exceeded(std::string detail, std::vector<std::string> violated,
                                     Duration retry_after);

// Takes the cost from what the tenant may.  `who` may be null or have no rates.
[[nodiscard]] Outcome<void> charge(const IdentityRef& who, std::uint64_t cost, Instant now);

// What every answer to this one says: its rates, and that its key is about to end.
[[nodiscard]] wire::Headers headers_for(const IdentityRef& who, Instant now);
// Whether there is any of that to be said.
[[nodiscard]] bool has_headers(const IdentityRef& who) noexcept;

}  // namespace headrace::http
