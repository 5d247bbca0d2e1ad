// The library never waits here: poll() does, for the server and for the bell together.
#include "bus/postgres/session.h"

#include <poll.h>

#include <iterator>
#include <utility>

namespace headrace::postgres {

namespace {

std::unexpected<Error> unavailable(std::string what) {
  return failure(Code::bus_unavailable, std::move(what));
}

}  // namespace

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

Result<std::unique_ptr<Session>> Session::open(const std::string& connection,
                                               const std::string& password, const Clock& clock,
                                               const Bell& bell, Instant until) {
  // What stands later counts; an empty one does not.
  const char* const names[] = {"dbname", "password", "fallback_application_name", nullptr};
  const char* const values[] = {connection.c_str(), password.c_str(), "headrace", nullptr};
  constexpr int expand = 1;  // The first is a whole connection string.
  auto session =
      std::make_unique<Session>(PQconnectStartParams(names, values, expand), clock, bell);
  if (!session->connection_) return unavailable("there is no memory for a connection");
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

std::string Session::quoted(const std::string& name) const {
  char* const text = PQescapeIdentifier(connection_.get(), name.data(), name.size());
  const std::string quoted = text == nullptr ? std::string() : text;
  PQfreemem(text);
  return quoted;
}

Result<void> Session::run(const std::string& sql, const std::vector<std::string>& parameters,
                          Instant until) {
  PGconn* const connection = connection_.get();
  std::vector<const char*> values;
  for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
  const int sent = values.empty()
                       ? PQsendQuery(connection, sql.c_str())
                       : PQsendQueryParams(connection, sql.c_str(), static_cast<int>(values.size()),
                                           nullptr, values.data(), nullptr, nullptr, 0);
  if (sent != 1) return lost();
  Result<void> outcome;
  while (true) {
    Result<void> here = await_answer(until);
    if (!here) return here;
    PGresult* const result = PQgetResult(connection);
    if (result == nullptr) return outcome;
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
      outcome = unavailable(place() + ": " + one_line(PQresultErrorMessage(result)));
    }
    PQclear(result);
  }
}

// Until PQgetResult() does not wait.  While there is more to be written the server may wait for us
// to read.
Result<void> Session::await_answer(Instant until) {
  PGconn* const connection = connection_.get();
  while (true) {
    const int left = PQflush(connection);
    if (left < 0 || PQconsumeInput(connection) == 0) return lost();
    if (left == 0 && PQisBusy(connection) == 0) return {};
    const Came came = poll(left == 0 ? POLLIN : POLLIN | POLLOUT, until);
    if (came == Came::late || came == Came::stopped) {
      lost_ = true;  // An answer that comes now would be taken for the next one's.
      return ended(came, "it did not answer in time");
    }
  }
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

void Session::wait(Instant until) const {
  (void)poll(POLLIN, until);
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
    const int count = ::poll(watched, std::size(watched), poll_milliseconds(until, clock_.now()));
    if (watched[1].revents != 0) bell_.quiet();
    if (bell_.is_stopped()) return Came::stopped;
    if (count > 0 && watched[0].revents != 0) return Came::ready;
    if (count > 0) return Came::rung;
    if (clock_.now() >= until) return Came::late;
  }
}

std::unexpected<Error> Session::lost() {
  lost_ = true;
  return unavailable(place() + ": " + one_line(PQerrorMessage(connection_.get())));
}

std::unexpected<Error> Session::ended(Came came, std::string_view doing) {
  if (came == Came::stopped) return unavailable("the bus was closed here");
  return unavailable(place() + ": " + std::string(doing));
}

std::string Session::place() const {
  const char* const host = PQhost(connection_.get());
  const char* const port = PQport(connection_.get());
  const bool known = host != nullptr && *host != '\0';
  return "PostgreSQL" + (known ? " at " + std::string(host) + ":" + (port ? port : "") : "");
}

}  // namespace headrace::postgres
