// server/http/migration_routes.h: the phase of a migration between two stores.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the control.
#pragma once

#include <cstddef>

#include "server/http/migration.h"
#include "server/http/router.h"

namespace headrace::http {

class MigrationRoutes {
 public:
  MigrationRoutes(const MigrationControl& control, std::size_t json_depth_max)
      : control_(control), json_depth_max_(json_depth_max) {}

  // Adds nothing where there is no migration.
  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> show(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> change(Call call) const;

  const MigrationControl& control_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
