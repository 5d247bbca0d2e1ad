// server/http/kv_routes.h: /v1/kv/{ns}/{key}, and what else is asked of one key.
//
// What memory holds is answered by answer_now(): no coroutine, no router, and no allocation but
// what the answer's size calls for.
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

class KvRoutes {
 public:
  KvRoutes(Keyspace& keyspace, const KvLimits& limits) : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);
  // Whether answer_now() may be able to answer, for which somebody must find out who asks.
  [[nodiscard]] static bool may_answer_now(const wire::Request& request) noexcept;
  // REQUIRES: may_answer_now(request).
  [[nodiscard]] std::optional<Said> answer_now(const wire::Request& request, const Identity& who,
                                               Asking asking, std::string& out);

 private:
  [[nodiscard]] Task<Outcome<Answered>> get(Call call);
  [[nodiscard]] Task<Outcome<Answered>> put(Call call);
  [[nodiscard]] Task<Outcome<Answered>> remove(Call call);
  [[nodiscard]] Task<Outcome<Answered>> exists(Call call);
  [[nodiscard]] Task<Outcome<Answered>> meta(Call call);
  [[nodiscard]] Task<Outcome<Answered>> touch(Call call);
  [[nodiscard]] Task<Outcome<Answered>> take(Call call);
  [[nodiscard]] Task<Outcome<Answered>> clean_up(Call call);
  void add_collection(Router& router, std::string_view method, std::string_view by_path,
                      std::string_view by_query, std::string_view says, Handler handler);

  KvAccess access_;
  const KvLimits limits_;
};

// {"deleted":true}
[[nodiscard]] Answered answered_truth(std::string_view name, bool value);

}  // namespace headrace::http
