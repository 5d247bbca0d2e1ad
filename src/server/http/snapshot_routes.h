// server/http/snapshot_routes.h: GET /v1/snapshot/{name}/{entity}.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: a read keeps its snapshot alive, also after another table was set.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "headrace/revision.h"
#include "server/http/problem.h"
#include "server/http/router.h"

namespace headrace::http {

// By their names.
using Snapshots = std::map<std::string, std::shared_ptr<Snapshot>, std::less<>>;

class SnapshotRoutes {
 public:
  explicit SnapshotRoutes(Snapshots snapshots);

  void add_to(Router& router);
  // For all that is asked from here on.
  void set(Snapshots snapshots);
  [[nodiscard]] std::shared_ptr<const Snapshots> all() const;
  // Whether a policy is a section of a snapshot, "summary.core": it is not read by itself, for
  // nobody would ask for its revisions.
  [[nodiscard]] bool has_section(std::string_view policy) const;

 private:
  [[nodiscard]] Task<Outcome<Answered>> read(Call call);
  [[nodiscard]] Outcome<std::shared_ptr<Snapshot>> find(std::string_view name) const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Snapshots> snapshots_;
};

}  // namespace headrace::http
