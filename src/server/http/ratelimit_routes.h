// server/http/ratelimit_routes.h: POST /v1/ratelimit/{ns}/{id}: whether one more may pass.
//
// The decision is in the answer, which is always 200: a refusal is no fault.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the keyspace.
#pragma once

#include "server/http/kv_access.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

class RatelimitRoutes {
 public:
  RatelimitRoutes(Keyspace& keyspace, const KvLimits& limits)
      : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> check(Call call);

  KvAccess access_;
  const KvLimits limits_;
};

}  // namespace headrace::http
