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

namespace headrace::http {

// REQUIRES: retry_after is not never.
[[nodiscard]] Problem quota_exceeded(std::string detail, std::vector<std::string> violated,
                                     Duration retry_after);

// Takes the cost from what the tenant may.  `who` may be null or have no rates.
[[nodiscard]] Outcome<void> charge(const IdentityRef& who, std::uint64_t cost, Instant now);

// Whether charge() would find enough, as far as one can say beforehand; nothing is counted.
[[nodiscard]] bool can_pay(const IdentityRef& who, std::uint64_t cost, Instant now) noexcept;

// What every answer to this one says: its rates, and that its key is about to end.
void append_headers_for(std::string& out, const IdentityRef& who, Instant now);
// Whether there is any of that to be said.
[[nodiscard]] bool has_headers(const IdentityRef& who) noexcept;

}  // namespace headrace::http
