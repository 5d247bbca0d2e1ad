// server/http/cache_routes.h: /cache/{key}: a value and its times in a JSON envelope.
//
// The entries are those of the namespace "default": what is written here is read at
// /v1/kv/default/{key} as the JSON text that it is, and the other way round whatever is text.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the keyspace.
#pragma once

#include <optional>
#include <string>

#include "server/http/kv_access.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

class CacheRoutes {
 public:
  CacheRoutes(Keyspace& keyspace, const KvLimits& limits) : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);
  // As KvRoutes.
  [[nodiscard]] static bool may_answer_now(const wire::Request& request) noexcept;
  [[nodiscard]] std::optional<Said> answer_now(const wire::Request& request, const Identity& who,
                                               Asking asking, std::string& out);

 private:
  [[nodiscard]] Task<Outcome<Answered>> get(Call call);
  [[nodiscard]] Task<Outcome<Answered>> put(Call call);
  [[nodiscard]] Task<Outcome<Answered>> remove(Call call);
  [[nodiscard]] Task<Outcome<Answered>> exists(Call call);

  KvAccess access_;
  const KvLimits limits_;
};

}  // namespace headrace::http
