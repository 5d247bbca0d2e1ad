// kit/postgres_server.h: a PostgreSQL 15 of a test's own, which can tell its changes.
//
// Its data is made anew in a temporary folder; the cluster that Debian's package makes is not
// touched.  Where the test is root it runs as the user postgres, as it would not run as root.  It
// trusts everybody of this machine.
//
// Threads: one at a time; see kit/server_process.h.
// Errors:  as ServerProcess.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "kit/postgres_client.h"
#include "kit/server_process.h"
#include "kit/steady.h"

namespace headrace::kit {

struct PostgresOptions {
  std::vector<std::string> settings{};  // More of them: "max_connections=10".
};

class PostgresServer {
 public:
  // Takes about two seconds.
  [[nodiscard]] static Result<std::unique_ptr<PostgresServer>> start(PostgresOptions options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Runs SQL as the user postgres in the database postgres, over a connection of the kit's own that
  // is made anew when it is lost.  See PostgresClient for the text; "!what" if there is no answer.
  std::string query(std::string_view sql);
  [[nodiscard]] Result<PostgresClient> connect() const { return PostgresClient::connect(port()); }

  // As if the machine had lost its power, but for what it had told the operating system to write.
  void kill();
  // Ends all sessions and writes everything.
  [[nodiscard]] Result<int> stop();
  void freeze() { process_.freeze(); }
  void thaw() { process_.thaw(); }
  [[nodiscard]] Result<void> restart();

  [[nodiscard]] int port() const noexcept { return process_.port(); }
  // "host=127.0.0.1 port=18123 user=postgres dbname=postgres"
  [[nodiscard]] std::string connection_string() const;
  [[nodiscard]] ServerProcess& process() noexcept { return process_; }

  // Use start().
  explicit PostgresServer(PostgresOptions options) : options_(std::move(options)) {}

 private:
  [[nodiscard]] std::vector<std::string> command_line() const;

  const PostgresOptions options_;
  ServerProcess process_;
  Steady<PostgresClient> client_;
};

}  // namespace headrace::kit
