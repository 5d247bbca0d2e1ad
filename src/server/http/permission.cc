#include "server/http/permission.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

namespace headrace::http {

namespace {

// What a pattern needs; the first that fits counts.  Without a scope: any key; the handler looks at
// scopes itself.
struct Permission {
  std::string_view method;  // Empty: any.
  std::string_view prefix;  // Of the pattern.
  std::optional<Scope> scope{};
  std::uint64_t cost = cost_of_one;
};

constexpr auto permissions = std::to_array<Permission>({
    {"GET", "/v1/read/", Scope::policy_read},
    {"POST", "/v1/read", Scope::policy_read},
    {"", "/v1/whoami", std::nullopt, 0},
    {"", "/problems/", std::nullopt, 0},
    {"", "/openapi.", std::nullopt, 0},
    {"", "/cache"},
    {"", "/v1/kv/"},
    {"", "/v1/exists/"},
    {"", "/v1/meta/"},
    {"", "/v1/touch/"},
    {"", "/v1/getdel/"},
    {"", "/v1/counters/"},
    {"", "/v1/batch/"},
    {"", "/v1/keys/", std::nullopt, 10},
    {"POST", "/v1/invalidate/"},                    // Of a namespace ...
    {"POST", "/v1/invalidate", Scope::invalidate},  // ... and of the cache.
    {"", "/v1/leases/"},
    {"", "/v1/ratelimit/"},
    {"", "/v1/watch/"},
    {"", "/v1/sessions/"},
    {"", "/v1/namespaces"},
    {"", "/v1/usage", Scope::usage_read},
});

const Permission* find(const Router::Entry& entry) noexcept {
  const auto* const found = std::ranges::find_if(permissions, [&entry](const Permission& one) {
    return (one.method.empty() || one.method == entry.method) &&
           entry.pattern.starts_with(one.prefix);
  });
  return found == permissions.end() ? nullptr : found;
}

}  // namespace

Outcome<void> check_scope(const IdentityRef& who, Scope scope) {
  if (!who || who->scopes.has(scope)) return {};
  if (who->key_id.empty()) {
    return problem("missing-credentials", "this server wants Authorization: Bearer <key>",
                   {{"WWW-Authenticate", R"(Bearer realm="headrace")"}});
  }
  const std::string name(name_of(scope));
  return problem(
      "insufficient-scope", "the key lacks the scope " + name,
      {{"WWW-Authenticate", R"(Bearer error="insufficient_scope", scope=")" + name + '"'}});
}

Outcome<void> check_route(const IdentityRef& who, const Router::Entry& entry) {
  if (entry.pattern == "/") return {};
  const Permission* const permission = find(entry);
  if (permission == nullptr) return check_scope(who, Scope::admin);
  if (!permission->scope) return {};
  return check_scope(who, *permission->scope);
}

std::uint64_t cost_of(const Router::Entry& entry) noexcept {
  const Permission* const permission = find(entry);
  return permission == nullptr ? cost_of_one : permission->cost;
}

bool sees_all_policies(const IdentityRef& who) noexcept {
  return !who || who->scopes.has(Scope::admin) || who->may_read("*");
}

bool is_hidden(const IdentityRef& who, std::string_view policy) noexcept {
  return !sees_all_policies(who) && !who->may_read(policy);
}

std::unexpected<Problem> hidden_policy() {
  return problem("insufficient-scope", "the key may use no policy of this name",
                 {{"WWW-Authenticate", R"(Bearer error="insufficient_scope")"}});
}

Outcome<void> check_invalidation(const IdentityRef& who, const Invalidation& what) {
  if (sees_all_policies(who)) return {};
  const auto may = [&who](std::string_view policy) { return who->may_read(policy); };
  const bool is_its_own =
      !what.everything && what.tags.empty() && std::ranges::all_of(what.policies, may) &&
      std::ranges::all_of(what.keys, may,
                          [](const auto& key) { return std::string_view(key.policy); });
  if (is_its_own) return {};
  return hidden_policy();
}

}  // namespace headrace::http
