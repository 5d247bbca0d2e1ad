// server/http/key_list_routes.h: GET /v1/keys/{ns}: the keys of a namespace, page by page.
//
// A cursor belongs to one tenant, namespace and prefix, and another's is refused.  It is no secret
// and opens nothing: whoever makes one up still sees the keys that begin with the prefix, in a
// namespace of their own, and no others, for every page is held against that.
//
// Threads:   any.
// Errors:    problems: bad-cursor.
// Lifetimes: borrows the keyspace.
#pragma once

#include "server/http/kv_access.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

class KeyListRoutes {
 public:
  KeyListRoutes(Keyspace& keyspace, const KvLimits& limits) : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> list(Call call);

  KvAccess access_;
  const KvLimits limits_;
};

}  // namespace headrace::http
