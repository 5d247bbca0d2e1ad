// kit/resp_client.h: a connection to a Valkey or Redis server, for what a test itself asks of it.
//
// An answer is a text that is good to compare: a string as it is, an integer in digits, "(nil)",
// "-ERR what" for an error, "[a, b, [c]]" for lists, "{a: b}" for maps.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "kit/blocking_socket.h"
#include "kit/steady.h"

namespace headrace::kit {

class RespClient {
 public:
  // Errors: as BlockingSocket.
  [[nodiscard]] static Result<RespClient> connect(
      int port, std::chrono::milliseconds patience = BlockingSocket::usual_patience);

  // Sends one command and waits for its answer.
  // Errors: as BlockingSocket; damaged: no RESP.  After an error the connection is of no more use.
  [[nodiscard]] Result<std::string> command(const std::vector<std::string>& words);
  // The next message of the server, which nobody asked for: of a subscription, or a push.
  [[nodiscard]] Result<std::string> receive();
  [[nodiscard]] Result<void> send(const std::vector<std::string>& words);

  void set_patience(std::chrono::milliseconds patience) { socket_.set_patience(patience); }

 private:
  explicit RespClient(BlockingSocket socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<std::string> read_list(long long size, bool pairs);

  BlockingSocket socket_;
};

// A client that opens its connection when it is first asked, and anew when it was lost.
class SteadyRespClient {
 public:
  using Open = std::function<Result<RespClient>()>;

  explicit SteadyRespClient(Open open) : open_(std::move(open)) {}

  // The answer as RespClient writes it; "!what" if there is none.
  std::string command(const std::vector<std::string>& words);
  void close() { client_.close(); }

 private:
  const Open open_;
  Steady<RespClient> client_;
};

// A command as RESP writes it: "*1\r\n$4\r\nPING\r\n".
[[nodiscard]] std::string resp_of(const std::vector<std::string>& words);

}  // namespace headrace::kit
