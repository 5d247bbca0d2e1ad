#include "config/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <tuple>

#include "config/parts.h"
#include "config/section.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

constexpr std::size_t config_bytes_max = 4 << 20;
constexpr std::string_view emulator_variable = "FIRESTORE_EMULATOR_HOST";
constexpr std::size_t many = 1'000'000'000;

struct Variable {
  std::string_view name;
  std::string_view key;  // Empty: for other commands than the server's.
};
constexpr std::array<Variable, 12> variables = {{
    {"HEADRACE_HTTP_LISTEN", "listen"},
    {"HEADRACE_RESP_LISTEN", "resp_listen"},
    {"HEADRACE_DATA_DIR", "data_dir"},
    {"HEADRACE_MAX_MEMORY", "max_memory"},
    {"HEADRACE_THREADS", "threads"},
    {"HEADRACE_LOG_LEVEL", "log_level"},
    {"HEADRACE_API_KEY_FILE", "api_key_file"},
    {"HEADRACE_DRAIN_DELAY", "drain_delay"},
    {"HEADRACE_SHUTDOWN_TIMEOUT", "shutdown_timeout"},
    {"HEADRACE_CONFIG", ""},
    {"HEADRACE_URL", ""},
    {"HEADRACE_API_KEY", ""},
}};

void refuse_unknown_variables(const Environment& environment, Report& report) {
  std::vector<std::string_view> names;
  for (const Variable& variable : variables) names.push_back(variable.name);
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("HEADRACE_") || std::ranges::find(names, name) != names.end()) continue;
    report.errors.push_back({name, 0, 0, "unknown variable" + nearest_hint(name, names)});
  }
}

Overrides overrides_of(const Environment& environment, const Flags& flags) {
  Overrides overrides;
  if (const auto port = environment.find("PORT"); port != environment.end()) {
    overrides["listen"] = {"PORT", "tcp://0.0.0.0:" + port->second};
  }
  for (const Variable& variable : variables) {
    const auto found = environment.find(std::string(variable.name));
    if (variable.key.empty() || found == environment.end()) continue;
    overrides[std::string(variable.key)] = {found->first, found->second};
  }
  for (const auto& [key, text] : flags) {
    std::string flag = "--" + key;
    std::ranges::replace(flag, '_', '-');
    overrides[key] = {flag, text};
  }
  return overrides;
}

// With [service] there are keys beyond the loopback, whatever else is said.
void read_listen(Config& config, Section& top) {
  top.text("listen", config.listen);
  top.path("api_key_file", config.api_key_file);
  const std::optional<bool> is_loopback = listens_on_loopback(config.listen);
  if (!is_loopback) {
    top.fail("listen", "must be like \"tcp://127.0.0.1:8080\", not \"" + config.listen + "\"");
  } else if (!*is_loopback && config.api_key_file.empty() && !top.has("service")) {
    top.fail("listen", "\"" + config.listen +
                           "\" can be reached from other machines; set api_key_file, or listen on "
                           "127.0.0.1");
  }
}

void read_time(Section& limits, std::string_view key, Duration& into) {
  if (limits.duration(key, into) && into == Duration::zero()) {
    limits.fail(key, "must be longer than zero");
  }
}

void read_limits(Config& config, Section limits) {
  Engine::Limits& engine = config.engine;
  limits.bytes("entry_bytes_max", engine.entry_bytes_max, 0);
  limits.count("flights_max", engine.flights_max, 1, many);
  limits.count("waiters_max", engine.waiters_max, 1, many);
  limits.count("source_queue_max", engine.source_queue_max, 1, many);
  limits.count("policies_max", engine.policies_max, 1, 1'000'000);
  limits.count("pending_max", engine.pending_max, 1, many);
  limits.count("keys_per_invalidation_max", engine.keys_per_invalidation_max, 1, 1'000'000);
  read_time(limits, "store_within", engine.store_within);
  read_time(limits, "write_within", engine.write_within);
  read_time(limits, "guard_margin", engine.guard_margin);
  if (engine.write_within + engine.guard_margin > Store::guard_lasts_max) {
    limits.fail("write_within", "must be, with guard_margin, 24h or shorter");
  }
  limits.count("connections_max", config.server.connections_max, 1, 1'000'000);
  limits.bytes("headers_bytes_max", config.server.headers_bytes_max, 1024);
  limits.bytes("body_bytes_max", config.server.body_bytes_max, 1024);
  limits.finish();
}

void read_prices(Config& config, Section prices) {
  if (prices.text("currency", config.prices.currency) && config.prices.currency.empty()) {
    prices.fail("currency", "must not be empty");
  }
  prices.number("read_per_100k", config.prices.read_per_100k, 0, 1e6);
  prices.number("write_per_100k", config.prices.write_per_100k, 0, 1e6);
  prices.number("delete_per_100k", config.prices.delete_per_100k, 0, 1e6);
  prices.finish();
}

void read_top(Config& config, Section top, const FirestoreCheck& check) {
  read_listen(config, top);
  top.path("data_dir", config.data_dir);
  top.bytes("max_memory", config.engine.bytes_max, 1 << 20);
  top.count("threads", config.threads, 0, 256);
  top.choice("log_level", config.log_level, {"debug", "info", "warning", "error", "off"});
  top.duration("drain_delay", config.drain_delay);
  top.duration("shutdown_timeout", config.shutdown_timeout);
  read_limits(config, top.section("limits"));
  const Section store = top.section("store");
  read_store(config, config.firestore_emulator, store);
  const Section bus = top.section("bus");
  const bool is_bus_named =
      bus.has("kind") || bus.has("address") || bus.has("cluster") || bus.has("sentinels");
  read_bus(config, bus, store.place_of("kind"));
  read_journal(config, top.section("journal"));
  read_service(config, top.section("service"), top.has("service"));
  read_resp_listen(config, top);
  read_prices(config, top.section("prices"));
  top.each("sources", [&config](std::string name, Section section) {
    read_source(config, std::move(name), std::move(section));
  });
  top.each("policies", [&config, &check](std::string name, Section section) {
    read_policy(config, std::move(name), std::move(section), check);
  });
  top.each("snapshots", [&config, &check](std::string name, Section section) {
    read_snapshot(config, std::move(name), std::move(section), check);
  });
  top.each("feeds", [&config](std::string name, Section section) {
    read_feed(config, std::move(name), std::move(section));
  });
  top.each("merged", [&config](std::string name, Section section) {
    read_merged(config, std::move(name), std::move(section));
  });
  top.each("allowances", [&config](std::string name, Section section) {
    read_allowance(config, std::move(name), std::move(section));
  });
  Section migration = top.section("migration");
  if (top.has("migration")) read_migration(config, std::move(migration), is_bus_named);
  top.finish();
}

std::vector<ConfigError> in_order(std::vector<ConfigError> errors) {
  std::ranges::sort(errors, [](const ConfigError& a, const ConfigError& b) {
    return std::tie(a.line, a.column, a.file, a.text) < std::tie(b.line, b.column, b.file, b.text);
  });
  return errors;
}

Configured fault_of_file(const std::string& path, std::string text) {
  return std::unexpected(std::vector<ConfigError>{{path, 0, 0, std::move(text)}});
}

// One of each, so that every key is taken once.
constexpr std::string_view every_section = R"(
[sources.a]
kind = "sqlite"
path = "a.db"
[sources.b]
kind = "http"
url = "http://127.0.0.1"
[sources.c]
kind = "firestore"
project = "p"
[sources.d]
kind = "postgres"
connection = "host=127.0.0.1"
[feeds.a]
source = "d"
[feeds.a.tables.t]
tags = ["t"]
[feeds.c]
source = "c"
[feeds.d]
source = "d"
by = "decoding"
[feeds.d.tables.t]
[policies.a]
source = "a"
table = "t"
fields = ["f"]
[policies.b]
source = "b"
path = "/{entity}"
fields = ["f"]
[policies.c]
source = "c"
collection = "c"
fields = ["f"]
[snapshots.a.sections.a]
source = "a"
table = "t"
fields = ["f"]
depends_on = ["t"]
)";

// What takes the place of the store of its own.
constexpr std::string_view on_valkey = R"(
[store]
kind = "valkey"
address = "127.0.0.1:6379"
)";
constexpr std::string_view on_memcached = R"(
[store]
kind = "memcached"
servers = ["127.0.0.1:11211"]
[bus]
kind = "none"
)";
constexpr std::string_view on_firestore = R"(
[store]
kind = "firestore"
project = "p"
[bus]
kind = "none"
)";
constexpr std::string_view migrating = R"(
data_dir = "d"
[migration]
phase = "off"
[migration.to]
kind = "valkey"
address = "127.0.0.1:6379"
)";
constexpr std::string_view postgres_bus = R"(
[bus]
kind = "postgres"
connection = "host=127.0.0.1"
)";

constexpr std::string_view serving = R"(
data_dir = "d"
[service]
)";

constexpr std::string_view merging = R"(
[sources.a]
kind = "sqlite"
path = "a.db"
[policies.a]
source = "a"
table = "t"
fields = ["f"]
[merged.a.scopes.a]
rank = 0
policy = "a"
entity = "{name}"
[allowances.a]
balance = "a"
field = "f"
)";

// A fault of the environment is told as that, and once, however many sources take it from there.
void check_emulator_variable(const Config& config, Report& report) {
  const std::string fault = fault_of_address(config.firestore_emulator);
  const bool is_used = std::ranges::any_of(config.sources, [&config](const SourceConfig& source) {
    const auto* options = std::get_if<FirestoreDatabaseOptions>(&source.options);
    return options != nullptr && options->emulator == config.firestore_emulator;
  });
  const auto uses = [&config](const StoreConfig& store) {
    return store.firestore_store &&
           store.firestore_store->database.emulator == config.firestore_emulator;
  };
  const bool is_stores = uses(config) || (config.migration && uses(config.migration->to));
  if (!(is_used || is_stores) || fault.empty()) return;
  report.errors.push_back(
      {std::string(emulator_variable), 0, 0, fault + "; it names the Firestore emulator"});
}

Configured read(std::string_view text, const Environment& environment, const Flags& flags,
                const FirestoreCheck& check, Report& report) {
  refuse_unknown_variables(environment, report);
  const Overrides overrides = overrides_of(environment, flags);
  Config config;
  if (const auto emulator = environment.find(std::string(emulator_variable));
      emulator != environment.end()) {
    config.firestore_emulator = emulator->second;
  }
  try {
    const toml::table table = toml::parse(text, std::string_view(report.file));
    read_top(config, Section(report, &table, "", "", Place{}, &overrides), check);
    check_emulator_variable(config, report);
  } catch (const toml::parse_error& fault) {
    const toml::source_position at = fault.source().begin;
    report.fail({static_cast<int>(at.line), static_cast<int>(at.column)},
                "not TOML: " + std::string(fault.description()));
  }
  if (!report.errors.empty()) return std::unexpected(in_order(std::move(report.errors)));
  config.settings = std::move(report.settings);
  return config;
}

}  // namespace

std::string to_string(const ConfigError& error) {
  std::string place = error.file;
  if (error.line > 0) {
    place += ":" + std::to_string(error.line) + ":" + std::to_string(error.column);
  }
  return place + ": " + error.text;
}

const SourceConfig* Config::find_source(std::string_view name) const noexcept {
  const auto found = std::ranges::find(sources, name, &SourceConfig::name);
  return found == sources.end() ? nullptr : &*found;
}

const PolicyConfig* Config::find_policy(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      policies, [name](const PolicyConfig& one) { return one.policy.name == name; });
  return found == policies.end() ? nullptr : &*found;
}

std::vector<const PolicyConfig*> Config::all_policies() const {
  std::vector<const PolicyConfig*> all;
  for (const PolicyConfig& policy : policies) all.push_back(&policy);
  for (const SnapshotConfig& snapshot : snapshots) {
    for (const SnapshotSectionConfig& section : snapshot.sections) all.push_back(&section.policy);
    if (snapshot.vector) all.push_back(&*snapshot.vector);
  }
  return all;
}

Configured read_config(std::string_view text, const std::string& path,
                       const Environment& environment, const Flags& flags,
                       const FirestoreCheck& check) {
  Report report{.file = path};
  return read(text, environment, flags, check, report);
}

Configured load_config(const std::string& path, const Environment& environment, const Flags& flags,
                       const FirestoreCheck& check) {
  if (path.empty()) return read_config("", "", environment, flags, check);
  std::ifstream file(path, std::ios::binary);
  if (!file) return fault_of_file(path, std::string("cannot be opened: ") + std::strerror(errno));
  std::string text(config_bytes_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad())
    return fault_of_file(path, std::string("cannot be read: ") + std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > config_bytes_max) return fault_of_file(path, "is larger than 4 MiB");
  return read_config(text, path, environment, flags, check);
}

std::vector<std::string> known_keys() {
  Report report;
  for (const std::string_view text : {every_section, on_valkey, on_memcached, on_firestore,
                                      postgres_bus, migrating, serving, merging}) {
    const Configured sound = read(text, {}, {}, {}, report);
    if (!sound) return {};
  }
  return {report.keys.begin(), report.keys.end()};
}

std::vector<std::string> known_variables() {
  std::vector<std::string> names = {"PORT", std::string(emulator_variable)};
  for (const Variable& variable : variables) names.emplace_back(variable.name);
  return names;
}

}  // namespace headrace::config
