// To install, check and remove what the feed reads from.
#include <algorithm>
#include <memory>
#include <utility>

#include "feeds/postgres/installed.h"
#include "feeds/postgres/outbox_sql.h"
#include "feeds/postgres/watched.h"
#include "headrace/feeds/postgres.h"
#include "io/bell.h"
#include "postgres/session.h"

namespace headrace {

namespace {

// A session for one errand, and until when that may take.
class Errand {
 public:
  Errand(PostgresLogin login, const Clock& clock) : login_(std::move(login)), clock_(clock) {}

  Result<void> begin() {
    auto opened =
        postgres::Session::open({.connection = login_.connection, .password = login_.password},
                                clock_, bell_, clock_.now() + login_.connect_within);
    if (!opened) return std::unexpected(std::move(opened.error()));
    session_ = std::move(*opened);
    return {};
  }
  [[nodiscard]] postgres::Session& session() { return *session_; }
  [[nodiscard]] Instant until() const { return clock_.now() + login_.answer_within; }

  Result<std::vector<std::string>> functions(std::string_view feed) {
    return postgres::feed::read_functions(feed, *session_, until());
  }
  Result<std::string> install_sql(const PostgresOutbox& outbox) {
    const auto tables = postgres::feed::read_watched(outbox, *session_, until());
    if (!tables) return std::unexpected(tables.error());
    const auto functions = this->functions(outbox.name);
    if (!functions) return std::unexpected(functions.error());
    return postgres::feed::install_sql(outbox, *tables, *functions);
  }
  Result<void> run(const std::string& sql) {
    Result<void> done = session_->run(sql, {}, until());
    const postgres::Session::Refusal& refusal = session_->refusal();
    if (done || refusal.state.empty()) return done;
    constexpr std::string_view lock_not_available = "55P03";
    if (refusal.state == lock_not_available) {
      return failure(Code::refused,
                     "a table was in use for longer than lock_within, which is half a second; "
                     "nothing was changed, try again");
    }
    return failure(Code::invalid_argument, "PostgreSQL says: " + refusal.words);
  }

 private:
  const PostgresLogin login_;
  const Clock& clock_;
  const postgres::Bell bell_;
  std::unique_ptr<postgres::Session> session_;
};

}  // namespace

Result<std::string> postgres_outbox_sql(PostgresLogin login, PostgresOutbox outbox,
                                        const Clock& clock) {
  if (Result<void> sound = postgres::feed::check(outbox); !sound)
    return std::unexpected(sound.error());
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return std::unexpected(begun.error());
  return errand.install_sql(outbox);
}

Result<void> install_postgres_outbox(PostgresLogin login, PostgresOutbox outbox,
                                     const Clock& clock) {
  if (Result<void> sound = postgres::feed::check(outbox); !sound) return sound;
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return begun;
  const Result<std::string> sql = errand.install_sql(outbox);
  if (!sql) return std::unexpected(sql.error());
  const Result<std::string> lack =
      postgres::feed::read_lack(outbox, errand.session(), errand.until());
  if (!lack) return std::unexpected(lack.error());
  if (!lack->empty()) return errand.run(*sql);
  const std::string grant = postgres::feed::grant_sql(outbox);
  return grant.empty() ? Result<void>() : errand.run(grant);
}

Result<std::string> check_postgres_outbox(PostgresLogin login, PostgresOutbox outbox,
                                          const Clock& clock) {
  if (Result<void> sound = postgres::feed::check(outbox); !sound)
    return std::unexpected(sound.error());
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return std::unexpected(begun.error());
  return postgres::feed::read_lack(outbox, errand.session(), errand.until());
}

Result<void> uninstall_postgres_outbox(PostgresLogin login, std::string name, const Clock& clock) {
  if (Result<void> sound = postgres::feed::check_name(name); !sound) return sound;
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return begun;
  const auto own = errand.functions(name);
  if (!own) return std::unexpected(own.error());
  const auto all = errand.functions("[A-Za-z0-9_-]+");
  if (!all) return std::unexpected(all.error());
  return errand.run(postgres::feed::uninstall_sql(name, *own, own->size() == all->size()));
}

}  // namespace headrace
