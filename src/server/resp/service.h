// server/resp/service.h: what all sessions of a server share.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: borrows its ports; must outlive its sessions.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/engine.h"
#include "headrace/keyspace.h"
#include "headrace/random.h"
#include "headrace/tenants.h"
#include "server/resp/client.h"
#include "server/resp/command.h"
#include "server/resp/hub.h"

namespace headrace::resp {

// The version of Redis whose words this speaks: clients look at it before they do.
inline constexpr std::string_view redis_version = "7.0.15";

// What a command takes of a tenant's rates.
inline constexpr std::uint64_t cost_of_command = 1;
inline constexpr std::uint64_t cost_of_list = 10;

// Where lists stand, for clients that know a number.  The oldest makes room for the newest.
class Cursors {
 public:
  static constexpr std::size_t cursors_max = 65536;

  struct Place {
    TenantId tenant = system_tenant;
    std::string prefix{};
    std::string from{};
  };
  [[nodiscard]] std::uint64_t keep(Place place);
  // None: there is no such cursor of the tenant, or it is too old.
  [[nodiscard]] std::optional<Place> find(std::uint64_t cursor, TenantId tenant) const;

 private:
  struct Kept {
    std::uint64_t cursor = 0;
    Place place{};
  };
  mutable std::mutex mutex_;
  std::vector<Kept> ring_;
  std::uint64_t last_ = 0;
};

struct Counts {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> commands{0};
  std::atomic<std::uint64_t> errors{0};  // Commands that were refused before they began.
};

class Service {
 public:
  struct Ports {
    Keyspace& keyspace;
    Doorkeeper& doorkeeper;
    Engine& engine;
    Clock& clock;
    Random& random;
  };
  struct Options {
    std::string version{};  // Of Headrace.
    std::uint16_t port = 0;
    std::size_t auth_failures_max = 10;
    std::size_t output_bytes_max = 32 << 20;
  };
  Service(Options options, Ports ports)
      : options(std::move(options)), ports(ports), since(ports.clock.now()) {}

  Options options;
  const Ports ports;
  const Instant since;
  Roster roster;
  Cursors cursors;
  Counts counts;
  Hub hub;
};

}  // namespace headrace::resp
