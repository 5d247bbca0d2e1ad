// server/http/record_routes.h: all routes over clients' records.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the keyspace.
#pragma once

#include <optional>
#include <string>

#include "server/http/batch_routes.h"
#include "server/http/cache_routes.h"
#include "server/http/counter_routes.h"
#include "server/http/key_list_routes.h"
#include "server/http/kv_routes.h"
#include "server/http/ratelimit_routes.h"

namespace headrace::http {

class RecordRoutes {
 public:
  RecordRoutes(Keyspace& keyspace, const KvLimits& limits)
      : kv_(keyspace, limits),
        cache_(keyspace, limits),
        counters_(keyspace, limits),
        batches_(keyspace, limits),
        lists_(keyspace, limits),
        rates_(keyspace, limits) {}

  void add_to(Router& router) {
    cache_.add_to(router);
    kv_.add_to(router);
    counters_.add_to(router);
    batches_.add_to(router);
    lists_.add_to(router);
    rates_.add_to(router);
  }

  // Whether answer_now() may be able to answer, for which somebody must find out who asks.
  [[nodiscard]] static bool may_answer_now(const wire::Request& request) noexcept {
    return KvRoutes::may_answer_now(request) || CacheRoutes::may_answer_now(request);
  }
  // REQUIRES: may_answer_now(request).
  [[nodiscard]] std::optional<Said> answer_now(const wire::Request& request, const Identity& who,
                                               Asking asking, std::string& out) {
    return KvRoutes::may_answer_now(request) ? kv_.answer_now(request, who, asking, out)
                                             : cache_.answer_now(request, who, asking, out);
  }

 private:
  KvRoutes kv_;
  CacheRoutes cache_;
  CounterRoutes counters_;
  BatchRoutes batches_;
  KeyListRoutes lists_;
  RatelimitRoutes rates_;
};

}  // namespace headrace::http
