// postgres/session.h: one session with a PostgreSQL server, for one thread that waits.
//
// Threads:   a session belongs to one thread; only the bell is rung by others.
// Errors:    the login's code, in one line, with the server's or the library's own words; of the
//            connection's parameters it says host and port alone.
// Lifetimes: borrows the clock and the bell.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/clock.h"
#include "headrace/result.h"
#include "headrace/time.h"
#include "io/bell.h"

namespace headrace::postgres {

using io::Bell;

struct Login {
  std::string connection{};              // As libpq reads it.
  std::string password{};                // Empty: what the connection says.
  Code code = Code::source_unavailable;  // Of all errors.
  bool replicates = false;               // The session may stream() the server's log.
};

struct Notification {
  std::string channel{};
  std::string payload{};
};

// One row of an answer, for as long as the function that is called with it runs.
class Row {
 public:
  Row(const PGresult* result, int row) noexcept : result_(result), row_(row) {}
  // As text; none: NULL.
  [[nodiscard]] std::optional<std::string_view> at(int column) const;

 private:
  const PGresult* result_;
  int row_;
};
using OnRow = std::function<void(const Row&)>;

// What a statement takes and answers.
struct Description {
  struct Column {
    std::string name{};
    Oid type = 0;
  };
  std::vector<Oid> parameters{};
  std::vector<Column> columns{};
};

class Session {
 public:
  // Why the server refused the last statement; without a state: it did not.
  struct Refusal {
    std::string state{};   // The five characters of SQLSTATE.
    std::string words{};   // In one line.
    std::string column{};  // That it blames; may be empty.
  };

  // Ends by `until`, and when the bell is stopped.
  [[nodiscard]] static Result<std::unique_ptr<Session>> open(const Login& login, const Clock& clock,
                                                             const Bell& bell, Instant until);

  // Runs one statement with its parameters, or several statements without, by `until`.  After an
  // error the session may be lost.  REQUIRES: no parameter has a zero byte, here and below.
  [[nodiscard]] Result<void> run(const std::string& sql, const std::vector<std::string>& parameters,
                                 Instant until);
  // Runs one statement, and calls with each row as it comes.
  [[nodiscard]] Result<void> ask(const std::string& sql, const std::vector<std::string>& parameters,
                                 Instant until, const OnRow& on_row);
  // The same in two steps.
  [[nodiscard]] Result<void> prepare(const std::string& name, const std::string& sql,
                                     Instant until);
  [[nodiscard]] Result<Description> describe(const std::string& name, Instant until);
  [[nodiscard]] Result<void> ask_prepared(const std::string& name,
                                          const std::vector<std::string>& parameters, Instant until,
                                          const OnRow& on_row);

  // Begins to stream with a command that is answered by that: from then on only the three below
  // and wait() are of use.  Such a session takes several statements without parameters, by run().
  [[nodiscard]] Result<void> stream(const std::string& command, Instant until);
  // What has come of the stream, one part after another, without waiting; none: nothing more.
  [[nodiscard]] Result<std::optional<std::string>> receive();
  // Sends this to the server, now or while the next ones wait.
  [[nodiscard]] Result<void> send(std::string_view bytes);

  // The server's process.
  [[nodiscard]] int process_id() const noexcept { return PQbackendPID(connection_.get()); }
  [[nodiscard]] bool is_lost() const noexcept;
  [[nodiscard]] const Refusal& refusal() const noexcept { return refusal_; }

  // From now on a statement is given up, and the session with it, if the bell rings and nobody
  // wants its answer any more.
  void while_wanted(std::function<bool()> is_wanted) { is_wanted_ = std::move(is_wanted); }

  // Reads what has come, without waiting.  There may be more after it if there was anything: so
  // read() and next() take turns until next() has nothing.
  [[nodiscard]] Result<void> read();
  [[nodiscard]] std::optional<Notification> next();
  // Returns when something has come, the bell has rung, or at `until`.
  // REQUIRES: next() had nothing after the last read(), or receive() had nothing.
  void wait(Instant until);

  // Use open().
  Session(PGconn* connection, Code code, const Clock& clock, const Bell& bell)
      : connection_(connection), code_(code), clock_(clock), bell_(bell) {}

 private:
  struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
  };
  enum class Came : unsigned char { ready, rung, late, stopped };
  using OnResult = std::function<void(const PGresult*)>;

  [[nodiscard]] Result<void> connect(Instant until);
  [[nodiscard]] Came poll(short events, Instant until) const;
  // All answers to what was sent just now, if it was.
  [[nodiscard]] Result<void> collect(int sent, Instant until, const OnResult& on_result);
  [[nodiscard]] Result<void> collect_rows(int sent, Instant until, const OnRow& on_row);
  [[nodiscard]] Result<void> await_answer(Instant until);
  [[nodiscard]] std::unexpected<Error> end_of_stream();
  [[nodiscard]] std::unexpected<Error> refused(const PGresult* result);
  [[nodiscard]] std::unexpected<Error> failed(std::string what) const;
  [[nodiscard]] std::unexpected<Error> lost();
  [[nodiscard]] std::unexpected<Error> ended(Came came, std::string_view doing);
  [[nodiscard]] std::string place() const;

  std::unique_ptr<PGconn, Finish> connection_;
  const Code code_;
  const Clock& clock_;
  const Bell& bell_;
  std::function<bool()> is_wanted_{};
  Refusal refusal_{};
  bool lost_ = false;
  bool unsent_ = false;  // Of what send() was given some is left.
};

// The library's words in one line.
[[nodiscard]] std::string one_line(const char* text);

}  // namespace headrace::postgres
