// server/http/read_routes.h: GET /v1/read/{policy}/{entity} and POST /v1/read.
//
// What memory holds is answered by answer_now(): no coroutine, no router, no JSON library; the
// bytes of the answer are put behind the headers in the session's buffer.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the engine, and the routes of snapshots.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/engine.h"
#include "server/http/answer_text.h"
#include "server/http/router.h"
#include "server/http/session.h"
#include "server/http/snapshot_routes.h"

namespace headrace::http {

class ReadRoutes {
 public:
  struct Limits {
    std::size_t batch_entities_max = 1000;
    std::size_t batch_answer_bytes_max = 64 << 20;
    std::size_t json_depth_max = 64;
  };

  ReadRoutes(Engine& engine, const Clock& clock, const SnapshotRoutes& snapshots, Limits limits)
      : engine_(engine), clock_(clock), snapshots_(snapshots), limits_(limits) {}

  void add_to(Router& router);
  [[nodiscard]] std::optional<Said> answer_now(const wire::Request& request, const IdentityRef& who,
                                               Asking asking, std::string& out);

 private:
  [[nodiscard]] Task<Outcome<Answered>> read(Call call);
  [[nodiscard]] Task<Outcome<Answered>> batch(Call call);
  // Starts the reads of a batch, in the order of its items.
  struct Item;
  [[nodiscard]] Outcome<void> begin(std::vector<Item>& items, const ReadOptions& options,
                                    const IdentityRef& who);
  void append_item(std::string& out, const Item& item, const AnyResult& result) const;

  // The policy, if who asks may know of it.
  [[nodiscard]] Outcome<PolicyHandle> find_for(const IdentityRef& who,
                                               std::string_view policy) const;
  // No sections of snapshots, which are read with their revisions or not at all.
  [[nodiscard]] PolicyHandle find(std::string_view policy) const;

  Engine& engine_;
  const Clock& clock_;
  const SnapshotRoutes& snapshots_;
  Limits limits_;
};

}  // namespace headrace::http
