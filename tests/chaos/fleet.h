// chaos/fleet.h: a source, a server of Valkey, and several instances that share it.
//
// Threads: start() and whatever starts, kills or pauses a process: the thread that made it.
// Errors:  as kit::ServerProcess.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "chaos/calendar.h"
#include "chaos/history.h"
#include "chaos/instance.h"
#include "chaos/origin.h"
#include "headrace/result.h"
#include "kit/memcached_server.h"
#include "kit/postgres_server.h"
#include "kit/sentinel.h"
#include "kit/valkey_cluster.h"
#include "kit/valkey_server.h"

namespace headrace::chaos {

struct FleetOptions {
  std::size_t instances = 4;
  std::size_t entities = 2000;
  std::size_t registers = 64;  // Rows that are written under guards; none: no such policy.
  std::chrono::milliseconds source_takes{2};
  std::chrono::seconds readers_wait{2};  // fetch_within of the policies; at most 20 s.
  std::string program{};                 // Full name; and what is told to each process.
  std::vector<std::string> environment{};
  kit::ValkeyOptions server{};
  bool replicated = false;    // A second server follows the first.
  bool watched = false;       // The same, and a sentinel decides which of them leads.
  bool postgres_bus = false;  // The bus is on a PostgreSQL.
  bool clustered = false;     // A cluster takes the place of the server.
  bool on_memcached = false;  // The store is on a memcached; the server has the bus.
  bool steps_clocks = false;  // The instances' calendar can be moved ...
  bool steps_server = false;  // ... and the server's.
};

class Fleet {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Fleet>> start(FleetOptions options);

  [[nodiscard]] const FleetOptions& options() const noexcept { return options_; }
  [[nodiscard]] Origin& origin() noexcept { return origin_; }
  [[nodiscard]] std::size_t size() const noexcept { return instances_.size(); }
  [[nodiscard]] Instance& instance(std::size_t place) { return *instances_.at(place); }
  [[nodiscard]] kit::ValkeyServer& server() { return *servers_.at(primary_); }
  // If it is clustered; there is no server() then.
  [[nodiscard]] kit::ValkeyCluster& cluster() { return *cluster_; }
  [[nodiscard]] Calendar& calendar() noexcept { return calendar_; }
  [[nodiscard]] Calendar& server_calendar() noexcept { return server_calendar_; }
  // If the store is on it.
  [[nodiscard]] kit::MemcachedServer& memcached() { return *memcached_; }
  // If the bus is on it.
  [[nodiscard]] kit::PostgresServer& postgres() { return *postgres_; }
  // What this thread has seen.
  [[nodiscard]] Notes& notes() noexcept { return notes_; }
  void note(What what, HostId host = 0) {
    const Instant now = clock_now();
    notes_.push_back({.at = now, .began = now, .what = what, .host = host});
  }

  void kill(std::size_t place);
  // Fails if it does not serve again.
  [[nodiscard]] Result<void> restart(std::size_t place);

  // From now on the replica hears nothing of what the primary takes.
  void hold_back_replica();
  // The primary dies, and the replica takes its place and its clients.
  void fail_over();
  // If it is watched: the primary has died.  Returns once the sentinel has had the replica take its
  // place, or once the old one follows the new one.
  [[nodiscard]] Result<void> await_failover();
  [[nodiscard]] Result<void> rejoin();
  // The primary follows its replica, takes up what that one knows, and leads again; its clients
  // stay connected to it all the while.
  [[nodiscard]] Result<void> follow_for_once();
  // Who has died comes back as the other's replica; returns once it follows.
  [[nodiscard]] Result<void> follow_again();

  // Waits until nothing is under way, and every instance hears all and trusts its store; says what
  // is not so if that does not come.
  [[nodiscard]] Result<void> come_to_rest(std::chrono::seconds within);

  // Use start().
  explicit Fleet(FleetOptions options)
      : options_(std::move(options)), origin_(options_.entities, options_.source_takes) {}

 private:
  [[nodiscard]] Result<void> start_servers();
  [[nodiscard]] Result<void> start_watched();
  [[nodiscard]] int server_port() const;
  [[nodiscard]] std::vector<std::string> nodes() const;
  [[nodiscard]] std::string sentinel() const;
  [[nodiscard]] int postgres_port() const;
  [[nodiscard]] Result<void> make_registers();
  // `follower` becomes the replica of the other.
  [[nodiscard]] Result<void> follow(std::size_t follower);
  [[nodiscard]] std::string settings(std::size_t place) const;
  // What keeps an instance from being at rest; empty if nothing does.
  [[nodiscard]] std::string unrest() const;

  const FleetOptions options_;
  kit::TemporaryFolder folder_;
  Calendar calendar_;
  Calendar server_calendar_;
  Origin origin_;
  std::unique_ptr<kit::ValkeyCluster> cluster_;
  std::vector<std::unique_ptr<kit::ValkeyServer>> servers_;
  std::vector<std::unique_ptr<kit::TcpGate>> to_primary_;  // For replicas: one before each server.
  std::unique_ptr<kit::Sentinel> sentinel_;
  std::unique_ptr<kit::PostgresServer> postgres_;
  std::unique_ptr<kit::MemcachedServer> memcached_;
  std::unique_ptr<kit::TcpGate> to_memcached_;
  std::size_t primary_ = 0;
  std::vector<std::unique_ptr<Instance>> instances_;
  Notes notes_;
};

}  // namespace headrace::chaos
