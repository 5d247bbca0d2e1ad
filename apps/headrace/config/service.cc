// The cache service in a configuration: [service].
#include <algorithm>
#include <chrono>
#include <string>

#include "config/parts.h"
#include "config/section.h"

namespace headrace::config {

namespace {

using Kept = ServiceConfig::Records;

constexpr std::size_t value_bytes_ceiling = 64 << 20;

// Where records are kept unless it is said: where entries are, if that can keep them.
void read_place(const Config& config, ServiceConfig& into, Section& service) {
  std::string kind = config.shared_store ? "valkey" : "embedded";
  service.choice("records", kind, {"embedded", "memory", "valkey"});
  if (kind == "valkey") into.records = Kept::valkey;
  if (kind == "memory") into.records = Kept::memory;
  if (into.records == Kept::valkey && !config.shared_store) {
    service.fail("records", "\"valkey\" is where [store] is: set its kind to \"valkey\" too");
  }
  if (into.records == Kept::embedded && config.data_dir.empty()) {
    service.fail(
        "clients' records need a place: set data_dir; or records = \"memory\", and they are gone "
        "with the process");
  }
}

// Left out, the default is as much of a month as may be.
void read_times_to_live(ServiceConfig& into, Section& service) {
  constexpr Duration least = std::chrono::milliseconds(1);
  if (service.duration("ttl_max", into.ttl_max) && into.ttl_max < least) {
    service.fail("ttl_max", "must be 1ms or longer");
  }
  if (!service.duration("ttl_default", into.ttl_default)) {
    into.ttl_default = std::min(into.ttl_default, into.ttl_max);
  } else if (into.ttl_default < least || into.ttl_default > into.ttl_max) {
    service.fail("ttl_default", "must be 1ms or longer, and no longer than ttl_max");
  }
}

}  // namespace

void read_service(Config& config, Section service, bool is_wanted) {
  if (!is_wanted) return;
  ServiceConfig into;
  read_place(config, into, service);
  std::string durability = "process";
  service.choice("durability", durability, {"process", "power"});
  into.survives_power_loss = durability == "power";
  if (service.has("durability") && into.records != Kept::embedded) {
    service.fail("durability", "is of records = \"embedded\"; others are as durable as they are");
  }
  service.bytes("memory", into.memory_bytes_max, 1 << 20);
  if (service.bytes("value_bytes_max", into.value_bytes_max) &&
      into.value_bytes_max > value_bytes_ceiling) {
    service.fail("value_bytes_max", "must be 64MiB or less");
  }
  read_times_to_live(into, service);
  service.truth("keys_required", into.keys_required);
  service.count("instances", into.instances, 1, 10'000);
  if (!config.data_dir.empty()) into.root_key_file = config.data_dir + "/root.key";
  service.path("root_key_file", into.root_key_file);
  service.path("pepper_file", into.pepper_file);
  service.finish();
  config.service = std::move(into);
}

}  // namespace headrace::config
