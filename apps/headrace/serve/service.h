// serve/service.h: the cache service of a server: what keeps clients' records, and who they are.
//
// Threads:   one; what it opens may be used from any.
// Errors:    a Refusal, with what would help.
// Lifetimes: borrows the runtime.  end() before that stops, and after all that asks the service.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "config/config.h"
#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/runtime.h"
#include "headrace/tenants.h"
#include "serve/stores.h"

namespace headrace::app {

class Service {
 public:
  using Warn = std::function<void(const std::string&)>;
  // REQUIRES: `config` has a service.
  [[nodiscard]] static std::expected<std::unique_ptr<Service>, Refusal> open(
      const config::Config& config, Runtime& runtime, Warn warn);
  ~Service() { end(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] Keyspace& keyspace() noexcept { return *keyspace_; }
  [[nodiscard]] Doorkeeper& doorkeeper() noexcept { return *doorkeeper_; }
  // What is wrong with the records now; empty if nothing is.
  [[nodiscard]] std::string trouble() const { return records_->health().trouble; }

  // Idempotent.
  void end();

 private:
  Service() = default;

  std::unique_ptr<Records> records_;
  std::unique_ptr<Keyspace> keyspace_;
  std::unique_ptr<Doorkeeper> doorkeeper_;
};

// Where records are kept, for people; "none" without a service.
[[nodiscard]] std::string place_of_records(const config::Config& config);

}  // namespace headrace::app
