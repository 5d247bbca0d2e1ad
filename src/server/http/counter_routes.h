// server/http/counter_routes.h: POST /v1/counters/{ns}/{key}: adds to an integer, at once for all.
//
// Threads:   any.
// Errors:    problems: wrong-type (what is there is no integer), out-of-range.
// Lifetimes: borrows the keyspace.
#pragma once

#include "server/http/kv_access.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

class CounterRoutes {
 public:
  CounterRoutes(Keyspace& keyspace, const KvLimits& limits) : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> count(Call call);

  KvAccess access_;
  const KvLimits limits_;
};

}  // namespace headrace::http
