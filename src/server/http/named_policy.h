// server/http/named_policy.h: policies and entities as clients name them.
//
// Threads:   any.
// Errors:    no-such-policy, bad-request, uri-too-long.
// Lifetimes: none.
#pragma once

#include <string_view>

#include "headrace/engine.h"
#include "server/http/problem.h"

namespace headrace::http {

// The policy of that name, or no-such-policy with the name that was probably meant.
[[nodiscard]] Outcome<PolicyHandle> find_policy(const Engine& engine, std::string_view name);
[[nodiscard]] Problem no_such_policy(const Engine& engine, std::string_view name);

// Not empty, and not over entity_bytes_max.
[[nodiscard]] Outcome<void> check_entity(std::string_view entity);

}  // namespace headrace::http
