// serve/service.h: the cache service of a server: what keeps clients' records, who they are, and
// the protocol of Redis.
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
#include "headrace/engine.h"
#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/runtime.h"
#include "headrace/tenant_book.h"
#include "io/tls_identity.h"
#include "serve/stores.h"
#include "server/resp/server.h"

namespace headrace::app {

class Service {
 public:
  using Warn = std::function<void(const std::string&)>;
  // REQUIRES: `config` has a service.
  [[nodiscard]] static std::expected<std::unique_ptr<Service>, Refusal> open(
      const config::Config& config, Runtime& runtime, Warn warn);
  // For open() only.
  class Made {
    friend class Service;
    Made() = default;
  };
  explicit Service(Made) {}
  ~Service() { end(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] Keyspace& keyspace() noexcept { return *keyspace_; }
  [[nodiscard]] TenantBook& tenants() noexcept { return *tenants_; }

  // Speaks RESP from here on, if the configuration names a place for it.
  // Without an identity it is plain.
  [[nodiscard]] std::expected<void, Refusal> listen(const config::Config& config, Runtime& runtime,
                                                    Engine& engine,
                                                    std::shared_ptr<io::TlsIdentity> identity);
  // "redis://127.0.0.1:6379", or rediss; empty: nowhere.
  [[nodiscard]] std::string resp_url() const;
  // No more RESP.  Blocks until no session is left.
  void drain();
  // What is wrong with the records now; empty if nothing is.
  [[nodiscard]] std::string trouble() const { return records_->health().trouble; }

  // Idempotent.
  void end();

 private:
  std::unique_ptr<Records> records_;
  std::unique_ptr<Keyspace> keyspace_;
  std::unique_ptr<TenantBook> tenants_;
  std::unique_ptr<RespServer> resp_;
  bool has_tls_ = false;
};

// Where records are kept, for people; "none" without a service.
[[nodiscard]] std::string place_of_records(const config::Config& config);

}  // namespace headrace::app
