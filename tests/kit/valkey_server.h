// kit/valkey_server.h: a Valkey or Redis server of a test's own.
//
// Threads: one at a time; see kit/server_process.h.
// Errors:  as ServerProcess.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "kit/resp_client.h"
#include "kit/server_process.h"
#include "kit/test_certificates.h"

namespace headrace::kit {

enum class ValkeyProgram : std::uint8_t {
  valkey,  // Valkey 8.0, of Debian 12's backports.
  redis,   // Redis 7.0, of Debian 12.
  newest,  // The newest Valkey that there is: 9.1 or later.
};
inline constexpr std::array<ValkeyProgram, 3> every_valkey_program{
    ValkeyProgram::valkey, ValkeyProgram::redis, ValkeyProgram::newest};

// "valkey", "redis", "newest": to name parameterised tests.
[[nodiscard]] std::string name_of(ValkeyProgram program);
inline void PrintTo(ValkeyProgram program, std::ostream* to) {
  *to << name_of(program);
}
// The full name of what to run.
[[nodiscard]] Result<std::string> find_valkey(ValkeyProgram program);

// Who may speak TLS to it, on tls_port(); port() stays without, for the test.
enum class ValkeyTls : std::uint8_t { off, anybody, known_clients };

struct ValkeyOptions {
  ValkeyProgram program = ValkeyProgram::valkey;
  std::string password{};            // Of the default user; empty: none.
  std::vector<std::string> users{};  // Lines of an ACL file: "user app on >secret ~* &* +@all".
  ValkeyTls tls = ValkeyTls::off;
  int replica_of = 0;                    // The master's port; 0: a master itself.
  std::string master_password{};         // What a replica tells its master.
  bool cluster = false;                  // A node of a cluster, which knows no other yet.
  bool append_only = false;              // Every write is on the disk before it is answered.
  std::string maxmemory{};               // "10mb"; empty: no limit.
  std::vector<std::string> arguments{};  // More of them: {"--maxmemory-policy", "allkeys-lru"}.
};

class ValkeyServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ValkeyServer>> start(ValkeyOptions options = {});

  // Asks over a connection of the kit's own, which may do everything and is made anew when it is
  // lost.  See RespClient for the text; "!what" if there is no answer.
  std::string command(const std::vector<std::string>& words) { return client_.command(words); }
  // One line of INFO: info("role") is "master"; empty if there is none.
  [[nodiscard]] std::string info(const std::string& field);
  // A connection that has said nothing yet.
  [[nodiscard]] Result<RespClient> connect() const { return RespClient::connect(port()); }

  void kill();
  [[nodiscard]] Result<int> stop();
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }
  // What it had not on its disk is gone.
  [[nodiscard]] Result<void> restart();

  [[nodiscard]] int port() const noexcept { return process_.port(); }
  // "127.0.0.1:18123"
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  // REQUIRES: options.tls is not off.
  [[nodiscard]] int tls_port() const noexcept { return tls_port_->number(); }
  // The port on which nodes speak to each other.
  // REQUIRES: options.cluster.
  [[nodiscard]] int cluster_port() const noexcept { return cluster_port_->number(); }
  [[nodiscard]] const TestCertificates& certificates() const noexcept { return *certificates_; }
  [[nodiscard]] const ValkeyOptions& options() const noexcept { return options_; }
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }

  // Use start().
  explicit ValkeyServer(ValkeyOptions options) : options_(std::move(options)) {}

 private:
  [[nodiscard]] std::vector<std::string> command_line(const std::string& program);
  [[nodiscard]] Result<RespClient> log_in() const;
  [[nodiscard]] bool answers() const;

  const ValkeyOptions options_;
  ServerProcess process_;
  std::optional<LoopbackPort> tls_port_;
  std::optional<LoopbackPort> cluster_port_;
  std::optional<TestCertificates> certificates_;
  std::string own_secret_{};  // Of the user "kit" in the ACL file.
  SteadyRespClient client_{[this] { return log_in(); }};
};

}  // namespace headrace::kit
