#include "chaos/fleet.h"

#include <poll.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <utility>

#include <fmt/format.h>

namespace headrace::chaos {

namespace {

constexpr int look_every_ms = 20;
constexpr std::chrono::seconds follows_within{20};

// Processes that are started meanwhile get these variables.
class Environment {
 public:
  explicit Environment(std::vector<std::string> assignments)
      : assignments_(std::move(assignments)) {
    for (std::string& one : assignments_) {
      const std::size_t equals = one.find('=');
      one[equals] = '\0';
      ::setenv(one.c_str(), one.c_str() + equals + 1, 1);
    }
  }
  ~Environment() {
    for (const std::string& one : assignments_) ::unsetenv(one.c_str());
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::vector<std::string> assignments_;
};

template <class F>
bool look_until(F holds, std::chrono::steady_clock::duration within) {
  const Instant end = clock_now() + within;
  while (!holds()) {
    if (clock_now() > end) return false;
    ::poll(nullptr, 0, look_every_ms);
  }
  return true;
}

constexpr std::string_view kept_settings = R"(
[policies.{0}]
source = "origin"
path = "/{0}/{{entity}}"
fields = ["version", "read"]
tags = [{1}]
level = "{2}"
fresh_for = "{3}"
stale_for = "{4}"
jitter = 0.0
fetch_within = "{5}s"
load_within = "20s"
)";

constexpr std::string_view register_settings = R"(
[sources.db]
kind = "sqlite"
path = "{}"
writable = true
[policies.register]
source = "db"
table = "registers"
fields = ["version"]
writable = ["version"]
level = "linearizable"
)";

}  // namespace

Result<std::unique_ptr<Fleet>> Fleet::start(FleetOptions options) {
  auto fleet = std::make_unique<Fleet>(std::move(options));
  if (Result<void> made = fleet->start_servers(); !made) return std::unexpected(made.error());
  if (Result<void> made = fleet->make_registers(); !made) return std::unexpected(made.error());
  for (std::size_t place = 0; place < fleet->options_.instances; ++place) {
    std::vector<std::string> environment = fleet->options_.environment;
    if (fleet->options_.steps_clocks) {
      for (std::string& one : fleet->calendar_.environment()) environment.push_back(std::move(one));
    }
    fleet->instances_.push_back(
        std::make_unique<Instance>(Instance::Setup{.place = place,
                                                   .program = fleet->options_.program,
                                                   .environment = std::move(environment),
                                                   .settings = fleet->settings(place),
                                                   .server_port = fleet->server_port(),
                                                   .postgres_port = fleet->postgres_port(),
                                                   .memcached = fleet->to_memcached_.get(),
                                                   .cluster = fleet->nodes(),
                                                   .sentinel = fleet->sentinel()}));
    if (Result<void> started = fleet->restart(place); !started) {
      return std::unexpected(started.error());
    }
  }
  return fleet;
}

int Fleet::server_port() const {
  return options_.clustered ? 0 : servers_.at(primary_)->port();
}

std::vector<std::string> Fleet::nodes() const {
  return options_.clustered ? cluster_->addresses() : std::vector<std::string>();
}

std::string Fleet::sentinel() const {
  return options_.watched ? sentinel_->address() : std::string();
}

int Fleet::postgres_port() const {
  return options_.postgres_bus ? postgres_->port() : 0;
}

// The sentinel learns of the replica from its primary.
Result<void> Fleet::start_watched() {
  for (std::size_t i = 0; i < 2; ++i) {
    kit::ValkeyOptions options = options_.server;
    if (i > 0) options.replica_of = servers_[0]->port();
    auto started = kit::ValkeyServer::start(std::move(options));
    if (!started) return std::unexpected(std::move(started.error()));
    servers_.push_back(std::move(*started));
  }
  auto started = kit::Sentinel::start(*servers_[0]);
  if (!started) return std::unexpected(std::move(started.error()));
  sentinel_ = std::move(*started);
  if (sentinel_->knows_replicas(1)) return {};
  return failure(Code::source_failed, "the sentinel does not see the replica");
}

Result<void> Fleet::start_servers() {
  if (options_.watched) return start_watched();
  if (options_.postgres_bus) {
    auto started = kit::PostgresServer::start();
    if (!started) return std::unexpected(std::move(started.error()));
    postgres_ = std::move(*started);
  }
  if (options_.on_memcached) {
    auto started = kit::MemcachedServer::start();
    if (!started) return std::unexpected(std::move(started.error()));
    memcached_ = std::move(*started);
    to_memcached_ = std::make_unique<kit::TcpGate>(memcached_->port());
  }
  if (options_.clustered) {
    auto started = kit::ValkeyCluster::start(options_.server);
    if (!started) return std::unexpected(std::move(started.error()));
    cluster_ = std::move(*started);
    return {};
  }
  const Environment moved(options_.steps_server ? server_calendar_.environment()
                                                : std::vector<std::string>{});
  for (std::size_t i = 0; i < (options_.replicated ? 2u : 1u); ++i) {
    kit::ValkeyOptions options = options_.server;
    if (i > 0) options.replica_of = to_primary_[0]->port();
    auto started = kit::ValkeyServer::start(std::move(options));
    if (!started) return std::unexpected(std::move(started.error()));
    to_primary_.push_back(std::make_unique<kit::TcpGate>((*started)->port()));
    servers_.push_back(std::move(*started));
  }
  if (!options_.replicated) return {};
  return follow(1);
}

Result<void> Fleet::make_registers() {
  sqlite3* database = nullptr;
  const std::string path = folder_.file("registers.sqlite");
  std::string sql =
      "PRAGMA journal_mode = WAL;"
      "CREATE TABLE registers (id INTEGER PRIMARY KEY, version INTEGER);";
  for (std::size_t i = 0; i < options_.registers; ++i) {
    sql += fmt::format("INSERT INTO registers VALUES ({}, 1);", i);
  }
  const bool made = sqlite3_open(path.c_str(), &database) == SQLITE_OK &&
                    sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close(database);
  if (!made) return failure(Code::source_failed, "cannot make " + path);
  return {};
}

std::string Fleet::settings(std::size_t place) const {
  const auto wait = options_.readers_wait.count();
  // They ask by the same address, and so keep under the same keys; a header says who asks.
  const std::string who =
      folder_.write(fmt::format("headers-{}", place), fmt::format("Instance: {}\n", place));
  std::string text = fmt::format(
      "[sources.origin]\nkind = \"http\"\nurl = \"http://127.0.0.1:{}\"\nheaders_file = \"{}\"\n",
      origin_.port(), who);
  const std::string tags = "\"e:{entity}\"";
  text += fmt::format(kept_settings, "bounded", tags, "bounded", "10m", "0s", wait);
  text += fmt::format(kept_settings, "strict", tags, "strict", "10m", "0s", wait);
  text += fmt::format(kept_settings, "brief", "", "bounded", "2s", "3s", wait);
  if (options_.registers > 0) {
    text += fmt::format(register_settings, folder_.file("registers.sqlite"));
  }
  return text;
}

void Fleet::kill(std::size_t place) {
  const HostId id = instance(place).id();
  instance(place).kill();
  note(What::died, id);
}

Result<void> Fleet::restart(std::size_t place) {
  Result<void> started = instance(place).start();
  if (started) note(What::started, instance(place).id());
  return started;
}

void Fleet::hold_back_replica() {
  to_primary_[primary_]->stall(kit::Toward::client);
}

void Fleet::fail_over() {
  const std::size_t next = 1 - primary_;
  note(What::forgetting);
  server().kill();
  to_primary_[primary_]->cut();
  servers_[next]->command({"REPLICAOF", "NO", "ONE"});
  primary_ = next;
  for (const auto& one : instances_) {
    for (kit::TcpGate* gate : {&one->store_gate(), &one->bus_gate()}) {
      gate->lead_to(server().port());
      gate->cut();
    }
  }
}

Result<void> Fleet::follow(std::size_t follower) {
  kit::TcpGate& to_other = *to_primary_[1 - follower];
  kit::ValkeyServer& server = *servers_[follower];
  to_other.restore();
  server.command({"REPLICAOF", "127.0.0.1", std::to_string(to_other.port())});
  const auto follows = [&server] { return server.info("master_link_status") == "up"; };
  if (look_until(follows, follows_within)) return {};
  return failure(Code::source_failed, "the replica does not follow");
}

Result<void> Fleet::await_failover() {
  const std::size_t next = 1 - primary_;
  const auto is_named = [&] {
    return sentinel_->master_port() == servers_[next]->port() &&
           servers_[next]->info("role") == "master";
  };
  if (!look_until(is_named, follows_within)) {
    return failure(Code::source_failed, "the sentinel has no replica take over");
  }
  primary_ = next;
  return {};
}

Result<void> Fleet::rejoin() {
  kit::ValkeyServer& old = *servers_[1 - primary_];
  if (Result<void> started = old.restart(); !started) return started;
  old.command({"REPLICAOF", "127.0.0.1", std::to_string(server().port())});
  if (sentinel_->knows_replicas(1)) return {};
  return failure(Code::source_failed, "the sentinel does not see the old primary follow");
}

Result<void> Fleet::follow_again() {
  Result<void> started = servers_[1 - primary_]->restart();
  if (!started) return started;
  return follow(1 - primary_);
}

Result<void> Fleet::follow_for_once() {
  servers_[1 - primary_]->command({"REPLICAOF", "NO", "ONE"});
  note(What::forgetting);
  Result<void> followed = follow(primary_);
  server().command({"REPLICAOF", "NO", "ONE"});
  if (!followed) return followed;
  return follow(1 - primary_);
}

std::string Fleet::unrest() const {
  constexpr std::pair<const char*, std::uint64_t> wanted[] = {{"headrace_invalidations_pending", 0},
                                                              {"headrace_flights", 0},
                                                              {"headrace_bus_heard", 1},
                                                              {"headrace_store_trusted", 1}};
  for (const auto& one : instances_) {
    for (const auto& [name, value] : wanted) {
      const auto now = one->metric(name);
      if (!now) return fmt::format("instance {} does not answer", one->place());
      if (*now != value) return fmt::format("instance {}: {} is {}", one->place(), name, *now);
    }
  }
  return {};
}

Result<void> Fleet::come_to_rest(std::chrono::seconds within) {
  std::string why;
  const auto rests = [&] { return (why = unrest()).empty(); };
  if (look_until(rests, within)) return {};
  return failure(Code::timed_out, why);
}

}  // namespace headrace::chaos
