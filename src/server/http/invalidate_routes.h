// server/http/invalidate_routes.h: POST /v1/invalidate and PUT /v1/put/{policy}/{entity}.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the engine, and the routes of snapshots.
#pragma once

#include <cstddef>

#include "headrace/engine.h"
#include "server/http/router.h"
#include "server/http/snapshot_routes.h"

namespace headrace::http {

class InvalidateRoutes {
 public:
  InvalidateRoutes(Engine& engine, const SnapshotRoutes& snapshots, std::size_t json_depth_max)
      : engine_(engine), snapshots_(snapshots), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> invalidate(Call call);
  [[nodiscard]] Task<Outcome<Answered>> put(Call call);

  Engine& engine_;
  const SnapshotRoutes& snapshots_;  // Into their sections nobody puts.
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
