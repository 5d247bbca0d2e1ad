// serve/allowances.h: the allowances of a configuration, open.
//
// Threads:   belongs to one thread.
// Errors:    start() tells which one cannot be opened, and why.
// Lifetimes: borrows engine, runtime and store; ended before the engine is closed.
#pragma once

#include <memory>
#include <vector>

#include "config/config.h"
#include "headrace/allowance.h"
#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "serve/bindings.h"
#include "server/http/allowance_routes.h"

namespace headrace::app {

class OpenAllowances {
 public:
  // `store` may be null: then whatever is left is this server's to spend.
  OpenAllowances(Engine& engine, Runtime& runtime, Store* store)
      : engine_(engine), runtime_(runtime), store_(store) {}
  ~OpenAllowances() { end(); }
  OpenAllowances(const OpenAllowances&) = delete;
  OpenAllowances& operator=(const OpenAllowances&) = delete;

  // Opens those of the configuration, all or none.  One that is as before goes on, with what it
  // knows; the others of before go on until retire().  REQUIRES: the engine has its policies, and
  // those of before are retired.
  [[nodiscard]] Result<void> start(const config::Config& config, const Bindings& bindings);
  void retire();
  void end();

  [[nodiscard]] http::AllowanceTable table() const;

 private:
  struct Open {
    config::AllowanceConfig config{};
    std::shared_ptr<Source> source{};  // Of its policy: another one is another policy.
    std::shared_ptr<Allowances> allowances{};
  };
  [[nodiscard]] Result<Open> open(const config::AllowanceConfig& config,
                                  std::shared_ptr<Source> source) const;
  static void close(std::vector<Open> all);

  Engine& engine_;
  Runtime& runtime_;
  Store* const store_;
  std::vector<Open> open_;
  std::vector<Open> retiring_;
};

}  // namespace headrace::app
