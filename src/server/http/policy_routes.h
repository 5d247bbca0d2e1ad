// server/http/policy_routes.h: the policies, their switches, and the story of one entry.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the engine.
#pragma once

#include <cstddef>
#include <string>

#include "headrace/engine.h"
#include "server/http/router.h"

namespace headrace::http {

class PolicyRoutes {
 public:
  PolicyRoutes(Engine& engine, std::size_t json_depth_max)
      : engine_(engine), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> list(Call call);
  [[nodiscard]] Task<Outcome<Answered>> show(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change_one(std::string name, PolicyChange change);
  [[nodiscard]] Task<Outcome<Answered>> bump_all();
  [[nodiscard]] Task<Outcome<Answered>> explain(Call call);

  Engine& engine_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
