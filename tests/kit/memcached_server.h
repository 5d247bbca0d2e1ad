// kit/memcached_server.h: a memcached of a test's own.
//
// Threads: one at a time; see kit/server_process.h.
// Errors:  as ServerProcess.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "kit/blocking_socket.h"
#include "kit/server_process.h"
#include "kit/steady.h"

namespace headrace::kit {

struct MemcachedOptions {
  int memory_mb = 64;
  std::vector<std::string> arguments{};  // More of them: {"-I", "2m"}.
};

class MemcachedServer {
 public:
  [[nodiscard]] static Result<std::unique_ptr<MemcachedServer>> start(
      MemcachedOptions options = {});

  // Asks over a connection of the kit's own, which is made anew when it is lost.  The text is one
  // line, or all lines up to END, each with "\n" between them: "HD", "EN", "VA 1 t0\nx",
  // "VALUE a 0 1\nx\nEND"; "!what" if there is no answer.  `body` follows after the line, for `set`
  // and `ms`.
  std::string command(std::string_view line, std::optional<std::string_view> body = std::nullopt);
  // One line of `stats`: stat("pid") is "4711"; empty if there is none.
  [[nodiscard]] std::string stat(std::string_view name);
  // A connection that has said nothing yet.
  [[nodiscard]] Result<BlockingSocket> connect() const { return BlockingSocket::connect(port()); }

  void kill();
  [[nodiscard]] Result<int> stop();
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }
  // It has forgotten everything.
  [[nodiscard]] Result<void> restart();

  [[nodiscard]] int port() const noexcept { return process_.port(); }
  // "127.0.0.1:18123"
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }

  // Use start().
  explicit MemcachedServer(MemcachedOptions options) : options_(std::move(options)) {}

 private:
  [[nodiscard]] bool answers() const;

  const MemcachedOptions options_;
  ServerProcess process_;
  Steady<BlockingSocket> client_;
};

}  // namespace headrace::kit
