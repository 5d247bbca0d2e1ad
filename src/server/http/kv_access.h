// server/http/kv_access.h: how the routes of records reach them: one read, one change, and an
// answer from memory, for /v1/kv and /cache alike.
//
// Threads:   any.
// Errors:    problems; records that cannot be reached are never an absence.
// Lifetimes: borrows the keyspace, which must outlive its tasks.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/keyspace.h"
#include "headrace/operations.h"
#include "headrace/tenants.h"
#include "server/http/answer_text.h"
#include "server/http/kv_call.h"
#include "server/http/router.h"
#include "server/http/session.h"
#include "server/http/version_tag.h"

namespace headrace::http {

class KvAccess {
 public:
  explicit KvAccess(Keyspace& keyspace) : keyspace_(keyspace) {}

  [[nodiscard]] Keyspace& keyspace() const noexcept { return keyspace_; }
  [[nodiscard]] WallTime now() const noexcept { return keyspace_.clock().wall_now(); }

  // Null: there is none.
  [[nodiscard]] Task<Outcome<RecordRef>> read(RecordKey key, Keyspace::Access access);

  // What an operation has come to, and what is there afterwards.
  struct Changed {
    Made made = Made::made;
    RecordRef present{};
  };
  using Operation = std::function<Made(Workspace&)>;
  // Changes the one record; what was not made has changed nothing.
  [[nodiscard]] Task<Outcome<Changed>> change(RecordKey key, Operation operation,
                                              Records::Ceiling ceiling);

  // The value, 304, 404, 409 or 412, whatever the call wants of it.
  [[nodiscard]] Task<Outcome<Answered>> show(Call call, KvCall asked, Form form);
  // The same if memory can say it at once, and it needs nothing rare; else null.
  [[nodiscard]] std::optional<Said> show_now(const wire::Request& request, const Identity& who,
                                             std::string_view ns, std::string_view raw_key,
                                             Form form, Asking asking, std::string& out);

 private:
  Keyspace& keyspace_;
};

}  // namespace headrace::http
