#include "serve/service.h"

#include <fmt/format.h>

#include <utility>

#include "commands/commands.h"
#include "headrace/records/embedded.h"
#include "headrace/sync.h"

namespace headrace::app {

namespace {

using Kept = config::ServiceConfig::Records;
using Opened = std::expected<std::unique_ptr<Records>, Refusal>;

Opened open_embedded(const config::Config& config, Runtime& runtime, const Service::Warn& warn) {
  const config::ServiceConfig& service = *config.service;
  EmbeddedRecordsOptions options{.memory_bytes_max = service.memory_bytes_max, .notice = warn};
  if (service.records == Kept::embedded) options.path = config.data_dir + "/records.sqlite";
  if (service.survives_power_loss) {
    options.durability = EmbeddedRecordsOptions::Durability::power;
  }
  auto opened = open_embedded_records(std::move(options), runtime);
  if (opened) return *std::move(opened);
  return std::unexpected(
      Refusal{.what = opened.error().what,
              .advice = "Give each server a data folder of its own with --data-dir, or mend this "
                        "one: clients' records are nowhere else.",
              .code = exit_unavailable});
}

// Whoever asks without a key, where that is allowed.
class OpenDoor final : public Doorkeeper {
 public:
  explicit OpenDoor(std::size_t value_bytes_max) {
    auto who = std::make_shared<Identity>();
    who->tenant = 1;
    who->tenant_name = "default";
    who->scopes = Scopes(~static_cast<std::uint32_t>(Scope::admin));
    who->policies = {"*"};
    who->value_bytes_max = value_bytes_max;
    anonymous_ = std::move(who);
  }
  Result<IdentityRef> admit(std::string_view) override {
    return failure(Code::not_allowed, "the key is not valid");
  }
  IdentityRef anonymous() const override { return anonymous_; }

 private:
  IdentityRef anonymous_;
};

}  // namespace

std::expected<std::unique_ptr<Service>, Refusal> Service::open(const config::Config& config,
                                                               Runtime& runtime, Warn warn) {
  auto records = open_embedded(config, runtime, warn);
  if (!records) return std::unexpected(std::move(records.error()));
  std::unique_ptr<Service> service(new Service);
  service->records_ = std::move(*records);
  service->keyspace_ = std::make_unique<Keyspace>(
      KeyspaceOptions{},
      Keyspace::Ports{.records = *service->records_, .clock = runtime, .executor = runtime});
  service->doorkeeper_ = std::make_unique<OpenDoor>(config.service->value_bytes_max);
  return service;
}

void Service::end() {
  if (!records_) return;
  wait(keyspace_->close());
  doorkeeper_.reset();
  keyspace_.reset();
  records_->close();
  records_.reset();
}

std::string place_of_records(const config::Config& config) {
  if (!config.service) return "none";
  switch (config.service->records) {
    case Kept::embedded: return "embedded in " + config.data_dir;
    case Kept::memory: return "memory alone";
    case Kept::valkey: return place_of(config);
  }
  return "none";
}

}  // namespace headrace::app
