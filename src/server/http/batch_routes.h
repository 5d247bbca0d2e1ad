// server/http/batch_routes.h: POST /v1/batch/{ns}: many operations, each on its own or all or none.
//
// Threads:   any.
// Errors:    problems; of an atomic batch that cannot be made: conflict, with the operations in
//            whose way something stands.
// Lifetimes: borrows the keyspace.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/http/kv_access.h"
#include "server/http/kv_batch.h"
#include "server/http/kv_limits.h"

namespace headrace::http {

class BatchRoutes {
 public:
  BatchRoutes(Keyspace& keyspace, const KvLimits& limits) : access_(keyspace), limits_(limits) {}

  void add_to(Router& router);

 private:
  struct Done {
    std::vector<OpResult> results{};
    std::vector<RecordRef> left{};  // Under the keys, afterwards.
  };
  static void append_results(std::string& out, const Batch& batch, const Done& done);
  [[nodiscard]] Task<Outcome<Answered>> batch(Call call);
  // In one read, or one change.
  [[nodiscard]] Task<Result<Done>> at_once(std::shared_ptr<const Batch> batch,
                                           Records::Ceiling ceiling, std::size_t bytes_left);
  [[nodiscard]] Task<Outcome<Answered>> one_by_one(std::shared_ptr<const Batch> batch,
                                                   Records::Ceiling ceiling);

  KvAccess access_;
  const KvLimits limits_;
};

}  // namespace headrace::http
