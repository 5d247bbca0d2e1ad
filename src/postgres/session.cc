// The library never waits here: poll() does, for the server and for the bell together.
#include "postgres/session.h"

#include <poll.h>

#include <iterator>
#include <utility>

namespace headrace::postgres {

namespace {

std::vector<const char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  return pointers;
}

std::string field_of(const PGresult* result, int field) {
  return one_line(PQresultErrorField(result, field));
}

}  // namespace

std::optional<std::string_view> Row::at(int column) const {
  if (PQgetisnull(result_, row_, column) != 0) return std::nullopt;
  return std::string_view(PQgetvalue(result_, row_, column),
                          static_cast<std::size_t>(PQgetlength(result_, row_, column)));
}

std::string one_line(const char* text) {
  std::string line;
  for (const char* at = text; at != nullptr && *at != '\0'; ++at) {
    const bool blank = *at == ' ' || *at == '\n' || *at == '\t';
    if (!blank) {
      line += *at;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  if (line.ends_with(' ')) line.pop_back();
  return line;
}

Result<std::unique_ptr<Session>> Session::open(const Login& login, const Clock& clock,
                                               const Bell& bell, Instant until) {
  // What stands later counts; an empty one does not.
  const char* const names[] = {
      "dbname", "password", "client_encoding", "replication", "fallback_application_name", nullptr};
  const char* const values[] = {login.connection.c_str(),
                                login.password.c_str(),
                                "UTF8",
                                login.replicates ? "database" : "",
                                "headrace",
                                nullptr};
  constexpr int expand = 1;  // The first is a whole connection string.
  auto session = std::make_unique<Session>(PQconnectStartParams(names, values, expand), login.code,
                                           clock, bell);
  if (!session->connection_) return failure(login.code, "there is no memory for a connection");
  PQsetNoticeProcessor(session->connection_.get(), [](void*, const char*) {}, nullptr);
  Result<void> connected = session->connect(until);
  if (!connected) return std::unexpected(std::move(connected.error()));
  return session;
}

Result<void> Session::connect(Instant until) {
  if (PQstatus(connection_.get()) == CONNECTION_BAD) return lost();
  short events = POLLOUT;
  while (true) {
    const Came came = poll(events, until);
    if (came == Came::rung) continue;
    if (came != Came::ready) return ended(came, "it did not let us in");
    switch (PQconnectPoll(connection_.get())) {
      case PGRES_POLLING_READING: events = POLLIN; break;
      case PGRES_POLLING_WRITING: events = POLLOUT; break;
      case PGRES_POLLING_OK:
        if (PQsetnonblocking(connection_.get(), 1) != 0) return lost();
        return {};
      default: return lost();
    }
  }
}

Result<void> Session::run(const std::string& sql, const std::vector<std::string>& parameters,
                          Instant until) {
  const std::vector<const char*> values = pointers_to(parameters);
  const int sent = values.empty() ? PQsendQuery(connection_.get(), sql.c_str())
                                  : PQsendQueryParams(connection_.get(), sql.c_str(),
                                                      static_cast<int>(values.size()), nullptr,
                                                      values.data(), nullptr, nullptr, 0);
  return collect(sent, until, [](const PGresult*) {});
}

Result<void> Session::ask(const std::string& sql, const std::vector<std::string>& parameters,
                          Instant until, const OnRow& on_row) {
  const std::vector<const char*> values = pointers_to(parameters);
  const int sent =
      PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0);
  return collect_rows(sent, until, on_row);
}

Result<void> Session::prepare(const std::string& name, const std::string& sql, Instant until) {
  const int sent = PQsendPrepare(connection_.get(), name.c_str(), sql.c_str(), 0, nullptr);
  return collect(sent, until, [](const PGresult*) {});
}

Result<Description> Session::describe(const std::string& name, Instant until) {
  Description description;
  const int sent = PQsendDescribePrepared(connection_.get(), name.c_str());
  Result<void> done = collect(sent, until, [&description](const PGresult* result) {
    for (int i = 0; i < PQnparams(result); ++i) {
      description.parameters.push_back(PQparamtype(result, i));
    }
    for (int i = 0; i < PQnfields(result); ++i) {
      description.columns.push_back({.name = PQfname(result, i), .type = PQftype(result, i)});
    }
  });
  if (!done) return std::unexpected(std::move(done.error()));
  return description;
}

Result<void> Session::ask_prepared(const std::string& name,
                                   const std::vector<std::string>& parameters, Instant until,
                                   const OnRow& on_row) {
  const std::vector<const char*> values = pointers_to(parameters);
  const int sent =
      PQsendQueryPrepared(connection_.get(), name.c_str(), static_cast<int>(values.size()),
                          values.data(), nullptr, nullptr, 0);
  return collect_rows(sent, until, on_row);
}

Result<void> Session::collect_rows(int sent, Instant until, const OnRow& on_row) {
  // Each row by itself, so that the library does not keep them all.
  if (sent == 1) PQsetSingleRowMode(connection_.get());
  return collect(sent, until, [&on_row](const PGresult* result) {
    for (int row = 0; row < PQntuples(result); ++row) on_row(Row(result, row));
  });
}

Result<void> Session::collect(int sent, Instant until, const OnResult& on_result) {
  refusal_ = {};
  if (sent != 1) return lost();
  Result<void> outcome;
  while (true) {
    Result<void> here = await_answer(until);
    if (!here) return here;
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()),
                                                               &PQclear);
    if (!result) return outcome;
    switch (PQresultStatus(result.get())) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_SINGLE_TUPLE: on_result(result.get()); break;
      default: outcome = refused(result.get());
    }
  }
}

std::unexpected<Error> Session::refused(const PGresult* result) {
  refusal_ = {.state = field_of(result, PG_DIAG_SQLSTATE),
              .words = field_of(result, PG_DIAG_MESSAGE_PRIMARY),
              .column = field_of(result, PG_DIAG_COLUMN_NAME)};
  return failed(one_line(PQresultErrorMessage(result)));
}

// Until PQgetResult() does not wait.  While there is more to be written the server may wait for us
// to read.
Result<void> Session::await_answer(Instant until) {
  PGconn* const connection = connection_.get();
  while (true) {
    const int left = PQflush(connection);
    if (left < 0) return lost();
    if (left == 0 && PQisBusy(connection) == 0) return {};
    // Under TLS the first may leave what poll() does not see.
    for (int i = 0; i < (PQsslInUse(connection) != 0 ? 2 : 1); ++i) {
      if (PQconsumeInput(connection) == 0) return lost();
    }
    if (left == 0 && PQisBusy(connection) == 0) return {};
    const Came came = poll(left == 0 ? POLLIN : POLLIN | POLLOUT, until);
    const bool is_given_up = came == Came::rung && is_wanted_ && !is_wanted_();
    if (came == Came::late || came == Came::stopped || is_given_up) {
      lost_ = true;  // An answer that comes now would be taken for the next one's.
      return ended(came,
                   is_given_up ? "nobody waits for it any more" : "it did not answer in time");
    }
  }
}

Result<void> Session::stream(const std::string& command, Instant until) {
  refusal_ = {};
  if (PQsendQuery(connection_.get(), command.c_str()) != 1) return lost();
  if (Result<void> here = await_answer(until); !here) return here;
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()),
                                                             &PQclear);
  if (PQresultStatus(result.get()) == PGRES_COPY_BOTH) return {};
  lost_ = true;  // What else comes of it nobody reads.
  return refused(result.get());
}

Result<std::optional<std::string>> Session::receive() {
  constexpr int without_waiting = 1;
  // Under TLS the first may leave what poll() does not see.
  const int tries = PQsslInUse(connection_.get()) != 0 ? 2 : 1;
  for (int i = 0;; ++i) {
    char* bytes = nullptr;
    const int size = PQgetCopyData(connection_.get(), &bytes, without_waiting);
    if (size > 0) {
      const std::unique_ptr<char, decltype(&PQfreemem)> owned(bytes, &PQfreemem);
      return std::string(bytes, static_cast<std::size_t>(size));
    }
    if (size < 0) return end_of_stream();
    if (i == tries) return std::nullopt;
    if (PQconsumeInput(connection_.get()) == 0) return lost();
  }
}

// What the server says of why it has ended.
std::unexpected<Error> Session::end_of_stream() {
  refusal_ = {};
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(connection_.get()),
                                                             &PQclear);
  lost_ = true;
  if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR) return refused(result.get());
  return failed("it has ended the stream");
}

Result<void> Session::send(std::string_view bytes) {
  if (PQputCopyData(connection_.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return lost();
  }
  const int left = PQflush(connection_.get());
  if (left < 0) return lost();
  unsent_ = left > 0;
  return {};
}

bool Session::is_lost() const noexcept {
  return lost_ || PQstatus(connection_.get()) == CONNECTION_BAD;
}

// Under TLS the library may leave bytes that poll() does not see; but then it has read at least
// 8 KiB, and so a whole notification.
Result<void> Session::read() {
  if (PQconsumeInput(connection_.get()) == 0) return lost();
  return {};
}

void Session::wait(Instant until) {
  (void)poll(unsent_ ? POLLIN | POLLOUT : POLLIN, until);
  if (unsent_) unsent_ = PQflush(connection_.get()) > 0;
}

std::optional<Notification> Session::next() {
  PGnotify* const notify = PQnotifies(connection_.get());
  if (notify == nullptr) return std::nullopt;
  Notification notification{.channel = notify->relname, .payload = notify->extra};
  PQfreemem(notify);
  return notification;
}

Session::Came Session::poll(short events, Instant until) const {
  while (true) {
    if (bell_.is_stopped()) return Came::stopped;
    pollfd watched[] = {{PQsocket(connection_.get()), events, 0}, {bell_.descriptor(), POLLIN, 0}};
    const int count =
        ::poll(watched, std::size(watched), io::poll_milliseconds(until, clock_.now()));
    if (bell_.is_stopped()) return Came::stopped;
    if (watched[1].revents != 0) {
      bell_.quiet();
      return Came::rung;
    }
    if (count > 0 && watched[0].revents != 0) return Came::ready;
    if (clock_.now() >= until) return Came::late;
  }
}

std::unexpected<Error> Session::failed(std::string what) const {
  return failure(code_, place() + ": " + std::move(what));
}

std::unexpected<Error> Session::lost() {
  lost_ = true;
  return failed(one_line(PQerrorMessage(connection_.get())));
}

std::unexpected<Error> Session::ended(Came came, std::string_view doing) {
  return failed(came == Came::stopped ? "closed here" : std::string(doing));
}

std::string Session::place() const {
  const char* const host = PQhost(connection_.get());
  const char* const port = PQport(connection_.get());
  const bool known = host != nullptr && *host != '\0';
  return "PostgreSQL" + (known ? " at " + std::string(host) + ":" + (port ? port : "") : "");
}

}  // namespace headrace::postgres
