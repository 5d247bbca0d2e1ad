#include "sources/postgres/line.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace headrace::postgres {

namespace {

// What is answered must not depend on how somebody has set up the role or the database.
constexpr char usual_settings[] =
    "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'iso_8601'; SET "
    "extra_float_digits = 1; "
    "SET bytea_output = 'hex'";
constexpr char read_only[] = "; SET default_transaction_read_only = on";
// What is given up here ends there too, instead of going on for nobody.  From version 14 on.
constexpr char notice_departures[] = "SET client_connection_check_interval = '1s'";

}  // namespace

Result<void> Line::open(Instant until) {
  // It may have been closed from there since: the first look may show only why.
  if (session_ && (!session_->read() || !session_->read())) session_.reset();
  was_open_ = session_ != nullptr;
  if (session_) return {};
  std::optional<io::Breaker::Turn> turn = server_.breaker.turn(server_.clock.now());
  if (!turn) {
    return failure(Code::source_unavailable,
                   "PostgreSQL could not be reached of late; it is not asked for a while");
  }
  const Instant limit = server_.clock.now() + server_.connect_within;
  Result<void> connected = connect(std::min(until, limit));
  if (connected) {
    turn->answered();
    return connected;
  }
  session_.reset();
  // That somebody was in a hurry says nothing of the server.
  const Instant now = server_.clock.now();
  if (now < until || limit <= until) turn->not_answered(now);
  return connected;
}

Result<void> Line::connect(Instant until) {
  auto opened = Session::open(server_.login, server_.clock, bell_, until);
  if (!opened) return std::unexpected(std::move(opened.error()));
  session_ = std::move(*opened);
  ++number_;
  return prepare(until);
}

Result<void> Line::prepare(Instant until) {
  std::string settings = usual_settings;
  if (use_ == Use::reading) settings += read_only;
  if (Result<void> set = session_->run(settings, {}, until); !set) return set;
  bool is_standby = true;
  Result<void> asked = session_->ask("SELECT pg_is_in_recovery()", {}, until,
                                     [&](const Row& row) { is_standby = row.at(0) == "t"; });
  if (!asked) return asked;
  if (is_standby) {
    return failure(Code::source_unavailable,
                   "PostgreSQL is a standby there, which may lag; name the primary, or say "
                   "target_session_attrs=primary with all hosts");
  }
  Result<void> noticed = session_->run(notice_departures, {}, until);
  return noticed || !session_->is_lost() ? Result<void>() : noticed;
}

}  // namespace headrace::postgres
