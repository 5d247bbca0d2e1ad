#include <algorithm>
#include <array>

#include "headrace/tenants.h"

namespace headrace {

namespace {

// In the order of their bits.
constexpr std::array<std::string_view, scope_count> scope_names = {
    "kv:read",         "kv:write",      "kv:delete",      "kv:list",
    "session:read",    "session:write", "session:revoke", "counter:write",
    "ratelimit:check", "policy:read",   "invalidate",     "watch",
    "usage:read",      "admin"};
static_assert(static_cast<std::uint32_t>(Scope::admin) == 1u << (scope_count - 1));

}  // namespace

std::string_view name_of(Scope scope) noexcept {
  for (std::size_t i = 0; i < scope_count; ++i) {
    if (static_cast<std::uint32_t>(scope) == 1u << i) return scope_names[i];
  }
  return "";
}

std::vector<std::string> names_of(Scopes scopes) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < scope_count; ++i) {
    if ((scopes.bits() & 1u << i) != 0) names.emplace_back(scope_names[i]);
  }
  return names;
}

Result<Scopes> parse_scopes(const std::vector<std::string>& names) {
  Scopes scopes;
  for (const std::string& name : names) {
    const auto* const found = std::ranges::find(scope_names, name);
    if (found == scope_names.end()) {
      std::string known;
      for (const std::string_view one : scope_names) known.append(" ").append(one);
      return failure(Code::invalid_argument,
                     "\"" + name.substr(0, 64) + "\" is no scope; there are" + known);
    }
    scopes = scopes.with(static_cast<Scope>(1u << (found - scope_names.begin())));
  }
  return scopes;
}

bool Identity::may_read(std::string_view policy) const noexcept {
  return scopes.has(Scope::policy_read) &&
         std::ranges::any_of(
             policies, [policy](const std::string& one) { return one == "*" || one == policy; });
}

}  // namespace headrace
