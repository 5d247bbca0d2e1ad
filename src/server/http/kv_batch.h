// server/http/kv_batch.h: many operations on the records of one namespace, in their order.
//
// Threads:   functions of their arguments.
// Errors:    parse: collected in the body, and problems; an operation's own is its status.
// Lifetimes: a Batch owns what it was read from.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/keyspace.h"
#include "headrace/operations.h"
#include "headrace/tenants.h"
#include "server/http/kv_limits.h"
#include "server/http/problem.h"
#include "server/http/router.h"

namespace headrace::http {

struct BatchOp {
  enum class What : unsigned char { get, exists, put, remove, touch, count };
  What what = What::get;
  std::size_t at = 0;  // Of its key, among those of the batch.
  Put put{};
  Condition condition{};
  std::optional<Lifetime> lifetime{};
  headrace::Count count{};

  [[nodiscard]] bool changes() const noexcept { return what != What::get && what != What::exists; }
};

struct Batch {
  std::vector<BatchOp> ops{};
  std::vector<RecordKey> keys{};  // Distinct.
  bool atomic = false;

  [[nodiscard]] bool changes() const noexcept;
  // One operation by itself.
  [[nodiscard]] Batch only(std::size_t op) const;
};
// {"atomic": false, "ops": [{"op": "get", "key": "a"}, ...]}
[[nodiscard]] Outcome<Batch> batch_of(const Call& call, const KvLimits& limits);

// What became of an operation.
struct OpResult {
  int status = 200;
  std::string_view code{};  // Of a problem, if it is one.
  std::string members{};    // JSON, from a comma on: what else there is to say.
  bool writes = false;      // Its record is another now, whose version is worth saying.

  // Whether an atomic batch ends with it.
  [[nodiscard]] bool fails() const noexcept { return status == 409 || status == 412; }
};
// Does one; `bytes_left` of the answer are left for values, and those that it takes are taken off.
[[nodiscard]] OpResult perform(const BatchOp& op, Workspace& work, std::size_t& bytes_left);

}  // namespace headrace::http
