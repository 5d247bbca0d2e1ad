// kit/sentinel.h: one sentinel that watches a master of a test's own and its replicas.
//
// It decides alone, and soon: a master that says nothing for `down_after` is down.
//
// Threads: one at a time; see kit/server_process.h.
// Errors:  as ServerProcess.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "kit/valkey_server.h"

namespace headrace::kit {

struct SentinelOptions {
  std::string master_name = "main";
  std::chrono::milliseconds down_after{300};
  std::vector<std::string> lines{};  // More for its file: "requirepass open".
};

class Sentinel {
 public:
  // Of the same program as the master, whose password it knows.
  [[nodiscard]] static Result<std::unique_ptr<Sentinel>> start(const ValkeyServer& master,
                                                               SentinelOptions options = {});

  // As ValkeyServer::command.
  std::string command(const std::vector<std::string>& words) { return client_.command(words); }
  // Where it says that the master is; 0 if it says nothing.
  [[nodiscard]] int master_port();
  // Waits until it knows so many replicas that are up, so that it can choose one.
  [[nodiscard]] bool knows_replicas(std::size_t count);

  void kill();
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }
  // It keeps what it knew.
  [[nodiscard]] Result<void> restart();

  [[nodiscard]] int port() const noexcept { return process_.port(); }
  // "127.0.0.1:18123"
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] const std::string& master_name() const noexcept { return options_.master_name; }
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }

  // Use start().
  explicit Sentinel(SentinelOptions options) : options_(std::move(options)) {}

 private:
  [[nodiscard]] std::string settings(const ValkeyServer& master) const;

  const SentinelOptions options_;
  ServerProcess process_;
  SteadyRespClient client_{[this] { return RespClient::connect(port()); }};
};

}  // namespace headrace::kit
