// server/http/kv_call.h: whether a call may do what it wants, and which record it is about.
//
// Everything is the tenant's whose key the call came with: no header and no path names another.
//
// Threads:   functions of their arguments.
// Errors:    insufficient-scope, no-such-namespace, ambiguous-key, bad-request.
// Lifetimes: values; a call must have its `who`.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/operations.h"
#include "headrace/tenants.h"
#include "server/http/kv_limits.h"
#include "server/http/kv_query.h"
#include "server/http/router.h"
#include "server/http/version_tag.h"

namespace headrace::http {

// Where /cache keeps its entries.
inline constexpr std::string_view default_namespace = "default";
// Short enough for what else keeps a namespace of its own beside it.
inline constexpr std::size_t namespace_bytes_max = 48;

[[nodiscard]] bool is_namespace(std::string_view name) noexcept;
[[nodiscard]] Outcome<void> check_namespace(std::string_view name);

[[nodiscard]] Outcome<void> check_scopes(const Identity& who, std::initializer_list<Scope> scopes);
// Whether the key's holder may name this key, and anybody any.
[[nodiscard]] Outcome<void> check_key(const Identity& who, std::string_view key);

// A call about one record, as far as URL and headers say.
struct KvCall {
  RecordKey key;
  std::optional<Lifetime> lifetime{};
  Condition condition{};
};
// Where the key stands: behind the namespace in the path, or in the query.
struct KeyInPath {
  std::string_view ns;
  const std::string* key;  // Null: the query names it.
};
[[nodiscard]] Outcome<KvCall> kv_call_of(const Call& call, KeyInPath in_path,
                                         std::initializer_list<Scope> scopes, Takes takes,
                                         const KvLimits& limits);
// Of a pattern that captures the namespace and perhaps the key.
[[nodiscard]] KeyInPath in_path_of(const Call& call) noexcept;

// Whose outcome an operation's is: 412 with the present ETag, 404, 409.  REQUIRES: not made.
[[nodiscard]] Problem problem_of(Made made, const RecordRef& present, Form form);
[[nodiscard]] Problem no_such_entry();
[[nodiscard]] Outcome<void> check_value_bytes(const Identity& who, std::size_t bytes);

}  // namespace headrace::http
