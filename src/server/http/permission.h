// server/http/permission.h: what a request must be allowed to, by route and by what it names.
//
// A route that nobody has thought of is the operator's alone.  Who lacks a scope is told which; who
// may not use a policy is told the same whether there is such a policy or not.
//
// Threads:   pure functions.
// Errors:    problems: insufficient-scope; missing-credentials for who came without a key.
// Lifetimes: arguments are only read.
#pragma once

#include <cstdint>
#include <string_view>

#include "headrace/engine.h"
#include "headrace/tenants.h"
#include "server/http/problem.h"
#include "server/http/router.h"

namespace headrace::http {

// Whether who asks may use the route at all; its handler may want more.  `who` may be null: a
// server without tenants.
[[nodiscard]] Outcome<void> check_route(const IdentityRef& who, const Router::Entry& entry);
// What a request of this route costs, before its handler adds to that; of those that read one thing
// it is cost_of_one.
inline constexpr std::uint64_t cost_of_one = 1;
[[nodiscard]] std::uint64_t cost_of(const Router::Entry& entry) noexcept;

[[nodiscard]] Outcome<void> check_scope(const IdentityRef& who, Scope scope);

// Whether a policy must not even be known to be there.
[[nodiscard]] bool is_hidden(const IdentityRef& who, std::string_view policy) noexcept;
// To who names a policy that is hidden, or names one that it may use and that is not there while
// others are hidden.
[[nodiscard]] std::unexpected<Problem> hidden_policy();
[[nodiscard]] bool sees_all_policies(const IdentityRef& who) noexcept;
// Whoever does not see all policies may make void what is kept of its own, by their names.
[[nodiscard]] Outcome<void> check_invalidation(const IdentityRef& who, const Invalidation& what);

}  // namespace headrace::http
