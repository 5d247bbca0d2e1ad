// server/http/tenant_routes.h: who am I, and what the operator does with tenants and their keys.
//
// Threads:   any.
// Errors:    problems: validation, not-found, conflict (there already, or a limit), and when the
//            records cannot be reached.
// Lifetimes: borrows what Ports names.
#pragma once

#include <cstddef>
#include <string>

#include "headrace/clock.h"
#include "headrace/tenant_book.h"
#include "server/http/router.h"

namespace headrace::http {

class TenantRoutes {
 public:
  struct Ports {
    Doorkeeper* doorkeeper;  // Null: there are no such routes ...
    TenantBook* tenants;     // ... and without this none for the operator.
    const Clock& clock;
    std::string version;
  };
  TenantRoutes(Ports ports, std::size_t json_depth_max)
      : ports_(std::move(ports)), json_depth_max_(json_depth_max) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> who(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> tenants(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> tenant(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> create_tenant(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> change_tenant(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> keys(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> create_key(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> rotate_key(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> revoke_key(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> events(Call call) const;

  Ports ports_;
  std::size_t json_depth_max_;
};

}  // namespace headrace::http
