// chaos/instance.h: one process of the program, with a gate before its store and one before its
// bus.
//
// Threads: start(), kill(), pause() and resume() from the thread that made it; the rest from any.
// Errors:  as kit::ServerProcess.
#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "chaos/history.h"
#include "headrace/result.h"
#include "kit/server_process.h"
#include "kit/tcp_gate.h"

namespace headrace::chaos {

class Instance {
 public:
  struct Setup {
    std::size_t place = 0;
    std::string program{};                   // Its full name.
    std::vector<std::string> environment{};  // "NAME=value"
    std::string settings{};                  // What is the same for all: sources and policies.
    int server_port = 0;                     // Of the store and the bus; or else ...
    int postgres_port = 0;                   // Of the bus, if that is elsewhere.
    kit::TcpGate* memcached = nullptr;       // Before the store, if that is elsewhere.  They share
                                             // it, for all must name the server alike.
    std::vector<std::string> cluster{};      // ... its nodes, or ...
    std::string sentinel{};                  // ... who names the server: no gates before these.
  };
  explicit Instance(Setup setup);

  // The first time, or again after kill(); on the same port, with the same journal.
  [[nodiscard]] Result<void> start();
  void kill();
  void pause();
  void resume();

  [[nodiscard]] std::size_t place() const noexcept { return setup_.place; }
  [[nodiscard]] int port() const noexcept { return process_.port(); }
  [[nodiscard]] bool is_killed() const noexcept { return id_.load() < 0; }
  // Of the process that runs now; negative if none does.
  [[nodiscard]] HostId id() const noexcept { return id_.load(); }

  [[nodiscard]] kit::TcpGate& store_gate() noexcept {
    return setup_.memcached != nullptr ? *setup_.memcached : store_gate_;
  }
  [[nodiscard]] kit::TcpGate& bus_gate() noexcept { return bus_gate_; }

  // A sample without labels out of /metrics; none if it does not answer or has none.
  [[nodiscard]] std::optional<std::uint64_t> metric(std::string_view name) const;
  [[nodiscard]] std::string log() const { return process_.said(); }

 private:
  // Where the configuration says that the store and the bus are.
  [[nodiscard]] std::string where() const;
  [[nodiscard]] std::string bus() const;

  const Setup setup_;
  kit::TcpGate store_gate_;
  kit::TcpGate bus_gate_;
  kit::ServerProcess process_;
  std::atomic<HostId> id_{-1};
  HostId starts_ = 0;
};

}  // namespace headrace::chaos
