// server/http/policy_routes.h: the policies, their switches, and the story of one entry.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: borrows the engine.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "headrace/engine.h"
#include "server/http/prices.h"
#include "server/http/router.h"

namespace headrace::http {

class PolicyRoutes {
 public:
  using PricesNow = std::function<std::shared_ptr<const Prices>()>;
  PolicyRoutes(Engine& engine, std::size_t json_depth_max, PricesNow prices)
      : engine_(engine), json_depth_max_(json_depth_max), prices_(std::move(prices)) {}

  void add_to(Router& router);

 private:
  [[nodiscard]] Task<Outcome<Answered>> list(Call call);
  [[nodiscard]] Task<Outcome<Answered>> show(Call call);
  [[nodiscard]] Task<Outcome<Answered>> mismatches(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change(Call call);
  [[nodiscard]] Task<Outcome<Answered>> change_one(std::string name, PolicyChange change);
  [[nodiscard]] Task<Outcome<Answered>> bump_all();
  [[nodiscard]] Task<Outcome<Answered>> explain(Call call);

  Engine& engine_;
  std::size_t json_depth_max_;
  PricesNow prices_;
};

}  // namespace headrace::http
