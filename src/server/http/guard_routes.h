// server/http/guard_routes.h: POST /v1/guards and DELETE /v1/guards/{id}: writes to the source that
// the client makes itself, between the two.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows what the desk's ports name; drop_all() as the desk's.
#pragma once

#include <cstddef>

#include "server/http/guard_desk.h"
#include "server/http/router.h"

namespace headrace::http {

class GuardRoutes {
 public:
  GuardRoutes(GuardDesk::Ports ports, std::size_t guards_max, std::size_t json_depth_max)
      : desk_(ports, guards_max), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);
  void drop_all() { desk_.drop_all(); }

 private:
  [[nodiscard]] Task<Outcome<Answered>> begin(Call call);
  [[nodiscard]] Task<Outcome<Answered>> end(Call call);

  GuardDesk desk_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
