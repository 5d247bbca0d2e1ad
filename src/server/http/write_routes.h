// server/http/write_routes.h: PATCH and DELETE /v1/source/{policy}/{entity}: writes to the source;
// POST /v1/source/{policy}: many of them; GET: what an update starts from.
//
// Threads:   any.
// Errors:    problems: not-writable, validation with a pointer to the field, not-found,
//            precondition-failed, those of the source as a read has them.
// Lifetimes: borrows the engine.
#pragma once

#include <cstddef>

#include "headrace/engine.h"
#include "server/http/router.h"

namespace headrace::http {

class WriteRoutes {
 public:
  WriteRoutes(Engine& engine, std::size_t json_depth_max)
      : engine_(engine), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> read(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change_all(Call call);
  [[nodiscard]] Task<Outcome<Answered>> remove(Call call);
  [[nodiscard]] Task<Outcome<Answered>> write(std::string policy, Write write);

  Engine& engine_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
