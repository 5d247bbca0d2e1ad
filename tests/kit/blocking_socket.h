// kit/blocking_socket.h: a TCP connection that a test speaks through, one step after the other.
//
// Errors: source_unavailable: nobody listens; closed: the other side ended the connection;
//         source_failed: it was reset; timed_out: nothing came within the patience.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/result.h"
#include "kit/loopback_port.h"

namespace headrace::kit {

class BlockingSocket {
 public:
  static constexpr std::chrono::milliseconds usual_patience{5'000};

  [[nodiscard]] static Result<BlockingSocket> connect(
      int port, std::chrono::milliseconds patience = usual_patience);
  ~BlockingSocket();
  BlockingSocket(BlockingSocket&& from) noexcept
      : socket_(std::exchange(from.socket_, -1)), read_(std::move(from.read_)) {}
  BlockingSocket& operator=(BlockingSocket&& from) noexcept {
    std::swap(socket_, from.socket_);
    std::swap(read_, from.read_);
    return *this;
  }

  void set_patience(std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> send(std::string_view bytes);
  // Up to and without the next "\r\n".
  [[nodiscard]] Result<std::string> read_line();
  [[nodiscard]] Result<std::string> read_exactly(std::size_t size);
  // What there is, at least one byte.
  [[nodiscard]] Result<std::string> read_some();
  // Everything up to the end of the connection.
  [[nodiscard]] Result<std::string> read_all();
  // Says that no more will be sent.
  void end_sending();
  // For poll() and for TLS.
  [[nodiscard]] int native() const noexcept { return socket_; }

 private:
  friend class BlockingListener;

  explicit BlockingSocket(int socket) noexcept : socket_(socket) {}
  [[nodiscard]] Result<void> read_more();

  int socket_;
  std::string read_;  // What was read and not yet asked for.
};

// A server that the test itself plays.
class BlockingListener {
 public:
  BlockingListener();
  ~BlockingListener();
  BlockingListener(const BlockingListener&) = delete;
  BlockingListener& operator=(const BlockingListener&) = delete;

  [[nodiscard]] int port() const noexcept { return port_.number(); }
  // Errors: timed_out: nobody came.
  [[nodiscard]] Result<BlockingSocket> accept(
      std::chrono::milliseconds patience = BlockingSocket::usual_patience);

 private:
  LoopbackPort port_;
  int socket_;
};

}  // namespace headrace::kit
