// server/http/invalidate_routes.h: POST /v1/invalidate and PUT /v1/put/{policy}/{entity}.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the engine.
#pragma once

#include <cstddef>

#include "headrace/engine.h"
#include "server/http/router.h"

namespace headrace::http {

class InvalidateRoutes {
 public:
  InvalidateRoutes(Engine& engine, std::size_t json_depth_max)
      : engine_(engine), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> invalidate(Call call);
  [[nodiscard]] Task<Outcome<Answered>> put(Call call);

  Engine& engine_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
