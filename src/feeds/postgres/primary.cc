#include "feeds/postgres/primary.h"

#include <chrono>
#include <utility>

#include "feeds/postgres/state_sql.h"

namespace headrace::postgres::feed {

namespace {

std::string milliseconds(Duration time) {
  return std::to_string(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

}  // namespace

Result<Primary> open_primary(const PostgresLogin& login, std::string_view synchronous_commit,
                             Duration silent_max, const Clock& clock, const io::Bell& bell) {
  const auto until = [&] { return clock.now() + login.answer_within; };
  auto opened = Session::open({.connection = login.connection, .password = login.password}, clock,
                              bell, clock.now() + login.connect_within);
  if (!opened) return std::unexpected(std::move(opened.error()));
  Primary primary{.session = std::move(*opened)};
  Session& session = *primary.session;
  std::string settings =
      "SET default_transaction_isolation = 'read committed'; "
      "SET default_transaction_read_only = off; SET statement_timeout = " +
      milliseconds(login.answer_within) + "; SET synchronous_commit = ";
  settings += synchronous_commit;
  if (Result<void> set = session.run(settings, {}, until()); !set) {
    return std::unexpected(std::move(set.error()));
  }
  const std::string silence = "SET idle_session_timeout = " + milliseconds(silent_max);
  const Result<void> noticed = session.run(silence, {}, until());
  if (!noticed && session.is_lost()) return std::unexpected(noticed.error());
  bool is_standby = true;
  const Result<void> asked = session.ask("SELECT pg_is_in_recovery()", {}, until(),
                                         [&](const Row& row) { is_standby = row.at(0) == "t"; });
  if (!asked) return std::unexpected(asked.error());
  if (is_standby) {
    return failure(Code::source_unavailable,
                   "PostgreSQL is a standby there, which cannot be read from as a feed; name the "
                   "primary, or say target_session_attrs=primary with all hosts");
  }
  const Result<void> told = session.ask(
      history_sql, {}, until(), [&](const Row& row) { primary.history = row.at(0).value_or(""); });
  if (!told) return std::unexpected(told.error());
  return primary;
}

}  // namespace headrace::postgres::feed
