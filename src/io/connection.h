// io/connection.h: a stream of bytes to a peer, over TCP or TLS, for coroutines.
//
//   auto opened = co_await io::connect(runtime, address, tls, deadline);
//   auto wrote = co_await connection.write(bytes, deadline);
//   auto got = co_await connection.read_some(room, size, deadline);   // 0: the peer has ended.
//
// Threads:   a connection lives on one loop of its runtime.  An operation may be begun on any
// thread,
//            and ends on the loop's own.  At most one read and one write at a time.
// Errors:    source_unavailable (not reached, broken, not trusted), timed_out (past its deadline),
//            closed (by close()).
// Lifetimes: must not be destroyed while an operation is awaited: close() it, and the operation
//            ends.  What is written or read into must live until then.  It must not outlive its
//            runtime, and connections must be closed before Runtime::stop().
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/result.h"
#include "headrace/runtime.h"
#include "headrace/task.h"
#include "headrace/time.h"
#include "io/address.h"

struct ssl_ctx_st;  // What OpenSSL calls SSL_CTX.

namespace headrace::io {

class Stream;  // What is behind a connection.

// Names of files with PEM in them.
struct TlsFiles {
  // Whom to trust alone; empty: a client trusts whom the system trusts, a server asks for no proof.
  std::string authorities{};
  std::string certificate{};  // By which we prove who we are, with what vouches for it ...
  std::string key{};          // ... and its key, without a password.  Both or none.
};

// The client's side of TLS: version 1.2 or later, and the peer must prove that it is `host`.
class TlsTrust {
 public:
  // May return: invalid_argument.
  [[nodiscard]] static Result<std::shared_ptr<TlsTrust>> make(const TlsFiles& files = {});

  // For this module only.
  explicit TlsTrust(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  [[nodiscard]] ssl_ctx_st& context() noexcept { return *context_; }

 private:
  std::shared_ptr<ssl_ctx_st> context_;
};

// One operation, to be awaited.  What it ended with is in the stream until the next of its kind.
class [[nodiscard]] ReadSome {
 public:
  ReadSome(Stream& stream, char* to, std::size_t room, Instant deadline) noexcept
      : stream_(stream), to_(to), room_(room), deadline_(deadline) {}
  [[nodiscard]] bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting);
  [[nodiscard]] Result<std::size_t> await_resume();

 private:
  Stream& stream_;
  char* to_;
  std::size_t room_;
  Instant deadline_;
};

class [[nodiscard]] Write {
 public:
  Write(Stream& stream, std::string_view bytes, Instant deadline) noexcept
      : stream_(stream), bytes_(bytes), deadline_(deadline) {}
  // Tries at once; what the socket takes whole costs no turn of the loop.
  [[nodiscard]] bool await_ready();
  void await_suspend(std::coroutine_handle<> awaiting);
  [[nodiscard]] Result<void> await_resume();

 private:
  Stream& stream_;
  std::string_view bytes_;
  Instant deadline_;
};

// Goes on on the connection's own loop.
class [[nodiscard]] GoHome {
 public:
  explicit GoHome(Stream& stream) noexcept : stream_(stream) {}
  [[nodiscard]] bool await_ready() const noexcept;
  void await_suspend(std::coroutine_handle<> awaiting);
  void await_resume() const noexcept {}

 private:
  Stream& stream_;
};

class Connection {
 public:
  explicit Connection(std::shared_ptr<Stream> stream) noexcept : stream_(std::move(stream)) {}
  Connection(Connection&&) noexcept = default;
  Connection& operator=(Connection&&) noexcept = delete;
  ~Connection();

  // At least one byte, or none at the end of the stream.  REQUIRES: room > 0.
  ReadSome read_some(char* to, std::size_t room, Instant deadline) noexcept {
    return ReadSome(*stream_, to, room, deadline);
  }
  // All of `bytes`.
  Write write(std::string_view bytes, Instant deadline) noexcept {
    return Write(*stream_, bytes, deadline);
  }
  GoHome home() noexcept { return GoHome(*stream_); }

  // Ends what is awaited with `closed`, and the stream.  From any thread, idempotent; takes effect
  // on the loop.
  void close();
  // Says that nothing more will be written; what the peer still sends can be read.  On the loop
  // only.
  void finish_writing();
  // False once the peer has hung up or has sent what nobody asked for: for connections that rest
  // in a pool.  On the loop only.
  [[nodiscard]] bool is_quiet() const;
  // "127.0.0.1:50123"; empty if it has hung up.  On the loop only.
  [[nodiscard]] std::string peer() const;

 private:
  std::shared_ptr<Stream> stream_;
};

// Connects, and shakes hands if `trust` is given, on a loop of `runtime` that is chosen here.
// May return: source_unavailable, timed_out.
[[nodiscard]] Task<Result<Connection>> connect(Runtime& runtime, Address to,
                                               std::shared_ptr<TlsTrust> trust, Instant deadline);

}  // namespace headrace::io
