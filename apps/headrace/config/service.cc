// The cache service in a configuration: [service], and where RESP is spoken.
#include <charconv>
#include <string>

#include "config/parts.h"
#include "config/section.h"

namespace headrace::config {

namespace {

using Kept = ServiceConfig::Records;

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

// REQUIRES: "tcp://" stands in front.
bool has_port(std::string_view listen, std::string_view& host) {
  listen.remove_prefix(6);
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  host = listen.substr(0, colon);
  const std::string_view digits = listen.substr(colon + 1);
  int port = -1;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return fault == std::errc{} && end == digits.data() + digits.size() && port >= 0 && port <= 65535;
}

}  // namespace

std::optional<bool> listens_on_loopback(std::string_view listen) {
  std::string_view host;
  if (!listen.starts_with("tcp://") || !has_port(listen, host)) return std::nullopt;
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

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
  service.truth("keys_required", into.keys_required);
  service.count("instances", into.instances, 1, 10'000);
  if (!config.data_dir.empty()) into.root_key_file = config.data_dir + "/root.key";
  service.path("root_key_file", into.root_key_file);
  service.path("pepper_file", into.pepper_file);
  service.finish();
  config.service = std::move(into);
}

void read_resp_listen(Config& config, Section& top) {
  std::string listen;
  top.text("resp_listen", listen);
  if (listen.empty()) return;
  if (!listens_on_loopback(listen)) {
    top.fail("resp_listen", "must be like \"tcp://127.0.0.1:6379\", not \"" + listen + "\"");
  }
  if (!config.service) {
    return top.fail("resp_listen", "serves clients' records: there must be a section [service]");
  }
  config.service->resp_listen = std::move(listen);
}

}  // namespace headrace::config
