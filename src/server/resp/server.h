// server/resp/server.h: the Redis protocol's face of the cache service.
//
// Clients of Redis work unchanged on the tenant's records of the space "default", which are also
// those of HTTP's /cache.  The password is an API key.  docs/resp.md lists the commands.
//
// Threads:   make(), drain() and the destructor not on a thread of the runtime; all else on any.
// Errors:    make() returns invalid_argument (options that are wrong or not safe) or refused (the
//            address cannot be had).
// Lifetimes: borrows runtime, keyspace, doorkeeper and engine, which must outlive it; the runtime
//            must run until drain() has returned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "headrace/engine.h"
#include "headrace/keyspace.h"
#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/tenants.h"
#include "headrace/time.h"
#include "io/address.h"
#include "io/tls_identity.h"

namespace headrace {

struct RespServerOptions {
  std::string listen = "tcp://127.0.0.1:6379";
  std::string version = "0.0.0";
  std::shared_ptr<io::TlsIdentity> tls{};  // Null: what is sent is plain ...
  bool allow_plain = false;                // ... which beyond the loopback somebody has to want.

  std::size_t connections_max = 10000;
  std::size_t args_max = 1 << 20;
  std::size_t bulk_bytes_max = 64 << 20;     // Of one word of a command.
  std::size_t request_bytes_max = 64 << 20;  // Of one command.
  std::size_t inline_bytes_max = 64 << 10;   // Of one that is typed as a line.
  std::size_t output_bytes_max = 32 << 20;   // That a client has not read; then it is cut off.
  std::size_t auth_failures_max = 10;        // On one connection.

  Duration auth_within = std::chrono::seconds(10);
  Duration request_within = std::chrono::seconds(30);  // From its first byte to its last.
  Duration idle_within = std::chrono::hours(1);        // Zero: for ever.
  Duration write_within = std::chrono::seconds(30);
  Duration shutdown_within = std::chrono::seconds(25);
};

class RespServer {
 public:
  // Listens from here on.
  [[nodiscard]] static Result<std::unique_ptr<RespServer>> make(RespServerOptions options,
                                                                Runtime& runtime,
                                                                Keyspace& keyspace,
                                                                Doorkeeper& doorkeeper,
                                                                Engine& engine);
  ~RespServer();

  // As bound: with port 0 in the options, the port that was found.
  [[nodiscard]] const io::Address& address() const noexcept;

  struct Counts {
    std::uint64_t connections_total = 0;
    std::uint64_t commands_total = 0;
    std::uint64_t refused_total = 0;  // Commands that were not even begun.
    std::size_t connections = 0;
  };
  [[nodiscard]] Counts counts() const;

  // Accepts no more, ends idle connections, lets commands in progress finish for at most
  // `shutdown_within`, and closes what is left then.  Blocks until no session is left.  Idempotent.
  void drain();

  // For make() only.
  struct State;
  explicit RespServer(std::unique_ptr<State> state);

 private:
  std::unique_ptr<State> state_;
};

}  // namespace headrace
