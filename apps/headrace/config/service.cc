// The cache service in a configuration: [service].
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "config/parts.h"
#include "config/section.h"
#include "headrace/records/firestore.h"

namespace headrace::config {

namespace {

using Kept = ServiceConfig::Records;

constexpr std::size_t value_bytes_ceiling = 64 << 20;
constexpr std::string_view on_memcached =
    "memcached cannot keep records: it evicts what nobody else has, cannot list it, and cannot "
    "change several in one step";

// Where records are kept unless it is said: where entries are, if that can keep them.
Kept place_of_store(const Config& config) {
  if (config.shared_store) return Kept::valkey;
  return config.firestore_store ? Kept::firestore : Kept::embedded;
}

Kept read_kind(Kept unless_said, Section& service) {
  constexpr std::pair<std::string_view, Kept> kinds[] = {{"embedded", Kept::embedded},
                                                         {"memory", Kept::memory},
                                                         {"valkey", Kept::valkey},
                                                         {"firestore", Kept::firestore}};
  std::string kind;
  if (!service.text("records", kind)) return unless_said;
  for (const auto& [name, kept] : kinds) {
    if (kind == name) return kept;
  }
  service.fail("records", kind == "memcached"
                              ? std::string(on_memcached)
                              : "must be one of \"embedded\", \"memory\", \"valkey\", "
                                "\"firestore\", not \"" +
                                    kind + "\"");
  return unless_said;
}

void read_place(const Config& config, ServiceConfig& into, Section& service) {
  into.records = read_kind(place_of_store(config), service);
  if (into.records == Kept::valkey && !config.shared_store) {
    service.fail("records", "\"valkey\" is where [store] is: set its kind to \"valkey\" too");
  }
  if (into.records == Kept::firestore && !config.firestore_store) {
    service.fail("records", "\"firestore\" is where [store] is: set its kind to \"firestore\" too");
  }
  if (into.records == Kept::embedded && config.data_dir.empty()) {
    std::string fault =
        "clients' records need a place: set data_dir; or records = \"memory\", and they are gone "
        "with the process";
    if (config.memcached_store) fault += "; " + std::string(on_memcached);
    service.fail(fault);
  }
}

void read_value_bytes_max(ServiceConfig& into, Section& service) {
  const bool in_documents = into.records == Kept::firestore;
  const std::size_t most = in_documents ? firestore_value_bytes_max : value_bytes_ceiling;
  into.value_bytes_max = std::min(into.value_bytes_max, most);
  if (!service.bytes("value_bytes_max", into.value_bytes_max) || into.value_bytes_max <= most) {
    return;
  }
  service.fail("value_bytes_max",
               in_documents ? "must be 1008KiB or less in Firestore, of which a document has 1MiB "
                              "with all else"
                            : "must be 64MiB or less");
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
  read_value_bytes_max(into, service);
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
