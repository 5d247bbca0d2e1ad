// bus/postgres/session.h: one session with a PostgreSQL server, for one thread that waits.
//
// Threads:   a session belongs to one thread; only the bell is rung by others.
// Errors:    bus_unavailable, in one line, with the server's or the library's own words; of the
//            connection's parameters it says host and port alone.
// Lifetimes: borrows the clock and the bell.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/postgres/bell.h"
#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace::postgres {

struct Notification {
  std::string channel{};
  std::string payload{};
};

class Session {
 public:
  // Ends by `until`, and when the bell is stopped.  An empty password: what the connection says.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const std::string& connection,
                                                             const std::string& password,
                                                             const Clock& clock, const Bell& bell,
                                                             Instant until);

  // `name` as it stands in SQL, with its quotes.
  [[nodiscard]] std::string quoted(const std::string& name) const;

  // Runs one statement with its parameters, or several statements without, by `until`.  After an
  // error the session may be lost.
  [[nodiscard]] Result<void> run(const std::string& sql, const std::vector<std::string>& parameters,
                                 Instant until);
  [[nodiscard]] bool is_lost() const noexcept;

  // Reads what has come, without waiting.  There may be more after it if there was anything: so
  // read() and next() take turns until next() has nothing.
  [[nodiscard]] Result<void> read();
  [[nodiscard]] std::optional<Notification> next();
  // Returns when something has come, the bell has rung, or at `until`.
  // REQUIRES: next() had nothing after the last read().
  void wait(Instant until) const;

  // Use open().
  Session(PGconn* connection, const Clock& clock, const Bell& bell)
      : connection_(connection), clock_(clock), bell_(bell) {}

 private:
  struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  enum class Came : unsigned char { ready, rung, late, stopped };

  [[nodiscard]] Result<void> connect(Instant until);
  [[nodiscard]] Came poll(short events, Instant until) const;
  [[nodiscard]] Result<void> await_answer(Instant until);
  [[nodiscard]] std::unexpected<Error> lost();
  [[nodiscard]] std::unexpected<Error> ended(Came came, std::string_view doing);
  [[nodiscard]] std::string place() const;

  std::unique_ptr<PGconn, Finish> connection_;
  const Clock& clock_;
  const Bell& bell_;
  bool lost_ = false;
};

// The library's words in one line.
[[nodiscard]] std::string one_line(const char* text);

}  // namespace headrace::postgres
