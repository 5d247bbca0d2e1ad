// io/listener.h: accepts connections, on every loop of a runtime at once.
//
// Each loop has its own socket (SO_REUSEPORT); what it accepts stays on it.  Over TLS it shakes
// hands before anybody is told of a connection, which counts as one meanwhile.
//
// Threads:   any, but for the callback, which is called on the connection's own loop.
// Errors:    open() says what could not be bound and why.  Faults of single connections are theirs;
//            when descriptors or `connections_max` run out, accepting rests for a moment.
// Lifetimes: connections may outlive their listener, not the runtime.  close() must have been
//            called before Runtime::stop().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "io/address.h"
#include "io/connection.h"
#include "io/tls_identity.h"

namespace headrace::io {

class Listener {
 public:
  struct Options {
    Address address{};                    // The host is an IP address, "localhost" or empty (all).
    std::size_t connections_max = 10000;  // Open at a time; more wait in the kernel's queue.
    int backlog_max = 1024;
    Duration rest = std::chrono::milliseconds(50);  // After an accept that failed.
    std::shared_ptr<TlsIdentity> tls{};             // Null: what is sent is plain.
    Duration handshake_within = std::chrono::seconds(10);
  };
  using Accepted = std::function<void(Connection)>;

  // May return: invalid_argument (not an address of this machine), refused (in use, not allowed).
  [[nodiscard]] static Result<std::unique_ptr<Listener>> open(Runtime& runtime, Options options,
                                                              Accepted accepted);
  ~Listener();

  // As bound.
  [[nodiscard]] const Address& address() const noexcept;
  // Open connections that came in here.
  [[nodiscard]] std::size_t connections() const noexcept;
  // Handshakes that came to nothing: a client that is too slow, that trusts somebody else or proves
  // nothing, or that speaks no TLS.
  [[nodiscard]] std::uint64_t handshakes_failed() const noexcept;

  // Accepts no more.  Returns when no callback runs and none will.  Not on a loop.  Idempotent.
  void close();

  // For open() only.
  struct State;
  explicit Listener(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace headrace::io
