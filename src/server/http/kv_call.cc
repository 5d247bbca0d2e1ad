#include "server/http/kv_call.h"

#include <algorithm>
#include <utility>

namespace headrace::http {

namespace {

std::unexpected<Problem> lacks(Scope scope) {
  const std::string name(name_of(scope));
  return problem(
      "insufficient-scope", "this needs the scope " + name,
      {{"WWW-Authenticate",
        R"(Bearer realm="headrace", error="insufficient_scope", scope=")" + name + '"'}});
}

}  // namespace

bool is_namespace(std::string_view name) noexcept {
  return !name.empty() && name.size() <= namespace_bytes_max &&
         std::ranges::all_of(name, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Outcome<void> check_namespace(std::string_view name) {
  if (is_namespace(name)) return {};
  return problem("no-such-namespace", "a namespace is named by 1 to " +
                                          std::to_string(namespace_bytes_max) +
                                          " letters, digits, \"-\", \"_\" and \".\"");
}

Outcome<void> check_scopes(const Identity& who, std::initializer_list<Scope> scopes) {
  for (const Scope scope : scopes) {
    if (!who.scopes.has(scope)) return lacks(scope);
  }
  return {};
}

Outcome<void> check_key(const Identity& who, std::string_view key) {
  if (key.empty() || key.size() > RecordKey::key_bytes_max) {
    return problem("bad-request",
                   "a key has 1 to " + std::to_string(RecordKey::key_bytes_max) + " bytes");
  }
  if (key.starts_with(who.key_prefix)) return {};
  return problem("insufficient-scope",
                 "this API key is for keys that begin with \"" + who.key_prefix + "\" alone");
}

KeyInPath in_path_of(const Call& call) noexcept {
  return {.ns = call.captures[0], .key = call.captures.size() > 1 ? &call.captures[1] : nullptr};
}

Outcome<KvCall> kv_call_of(const Call& call, KeyInPath in_path, std::initializer_list<Scope> scopes,
                           Takes takes, const KvLimits& limits) {
  if (const auto allowed = check_scopes(*call.who, scopes); !allowed) {
    return std::unexpected(allowed.error());
  }
  if (const auto named = check_namespace(in_path.ns); !named) {
    return std::unexpected(named.error());
  }
  Outcome<KvQuery> query = kv_query_of(call.request.query(), takes, limits);
  if (!query) return std::unexpected(std::move(query.error()));
  if (in_path.key != nullptr && query->key) {
    return problem("ambiguous-key", "name the key once: in the path or in the query");
  }
  if (in_path.key == nullptr && !query->key) {
    return problem("bad-request", "name the key: in the path, as ?key= or as ?key_b64=");
  }
  const std::string& key = in_path.key != nullptr ? *in_path.key : *query->key;
  if (const auto checked = check_key(*call.who, key); !checked) {
    return std::unexpected(checked.error());
  }
  Outcome<Condition> condition = condition_of(call.request.headers);
  if (!condition) return std::unexpected(std::move(condition.error()));
  return KvCall{.key = RecordKey(call.who->tenant, in_path.ns, key),
                .lifetime = query->lifetime,
                .condition = *std::move(condition)};
}

Problem no_such_entry() {
  return {.code = "not-found",
          .detail = "there is no such key in the namespace",
          .headers = {{"Cache-Status", "headrace; fwd=miss"}}};
}

Problem problem_of(Made made, const RecordRef& present, Form form) {
  switch (made) {
    case Made::unmet: {
      Problem unmet{.code = "precondition-failed",
                    .detail = present ? "it has another ETag; nothing was changed"
                                      : "there is none; nothing was changed"};
      if (present) {
        unmet.headers.push_back({"ETag", std::string(VersionTag(*present, form).view())});
      }
      return unmet;
    }
    case Made::wrong_type:
      return {.code = "wrong-type", .detail = "what is kept there is of another kind"};
    case Made::out_of_range:
      return {.code = "out-of-range", .detail = "the outcome would pass its bound"};
    case Made::absent:
    case Made::made: break;
  }
  return no_such_entry();
}

Outcome<void> check_value_bytes(const Identity& who, std::size_t bytes) {
  if (bytes <= who.value_bytes_max) return {};
  return problem("value-too-large", "the value has " + std::to_string(bytes) + " bytes; at most " +
                                        std::to_string(who.value_bytes_max) + " are allowed");
}

}  // namespace headrace::http
