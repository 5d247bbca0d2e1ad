// kit/postgres_client.h: a connection to a PostgreSQL server, for what a test itself asks of it.
//
// It knows no passwords: the server has to trust it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "kit/blocking_socket.h"

namespace headrace::kit {

class PostgresClient {
 public:
  using Parameters = std::vector<std::pair<std::string, std::string>>;

  // Errors: as BlockingSocket; refused: the server does not let it in, with its words.
  [[nodiscard]] static Result<PostgresClient> connect(
      int port, const Parameters& parameters = {{"user", "postgres"}, {"database", "postgres"}},
      std::chrono::milliseconds patience = BlockingSocket::usual_patience);

  // Runs SQL and returns its rows, "a|b" each, with "\n" between them and "(nil)" for NULL; the
  // last tag, such as "INSERT 0 1", if there is no row; "-22012 division by zero" for an error.
  // Errors: as BlockingSocket.
  [[nodiscard]] Result<std::string> query(std::string_view sql);

 private:
  struct Message {
    char kind = '\0';
    std::string body{};
  };

  explicit PostgresClient(BlockingSocket socket) : socket_(std::move(socket)) {}
  [[nodiscard]] Result<Message> receive();

  BlockingSocket socket_;
};

}  // namespace headrace::kit
