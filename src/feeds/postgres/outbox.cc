// To install, check and remove what the feed reads from.
#include <utility>

#include "feeds/postgres/errand.h"
#include "feeds/postgres/installed.h"
#include "feeds/postgres/outbox_sql.h"
#include "feeds/postgres/watched.h"
#include "headrace/feeds/postgres.h"

namespace headrace {

namespace {

using postgres::feed::Errand;

Result<std::string> install_sql_for(const PostgresOutbox& outbox, Errand& errand) {
  const auto tables = postgres::feed::read_watched(outbox, errand.session(), errand.until());
  if (!tables) return std::unexpected(tables.error());
  const auto functions =
      postgres::feed::read_functions(outbox.name, errand.session(), errand.until());
  if (!functions) return std::unexpected(functions.error());
  return postgres::feed::install_sql(outbox, *tables, *functions);
}

}  // namespace

Result<std::string> postgres_outbox_sql(PostgresLogin login, PostgresOutbox outbox,
                                        const Clock& clock) {
  if (Result<void> sound = postgres::feed::check(outbox); !sound)
    return std::unexpected(sound.error());
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return std::unexpected(begun.error());
  return install_sql_for(outbox, errand);
}

Result<void> install_postgres_outbox(PostgresLogin login, PostgresOutbox outbox,
                                     const Clock& clock) {
  if (Result<void> sound = postgres::feed::check(outbox); !sound) return sound;
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return begun;
  const Result<std::string> sql = install_sql_for(outbox, errand);
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
  const auto own = postgres::feed::read_functions(name, errand.session(), errand.until());
  if (!own) return std::unexpected(own.error());
  const auto all =
      postgres::feed::read_functions("[A-Za-z0-9_-]+", errand.session(), errand.until());
  if (!all) return std::unexpected(all.error());
  return errand.run(postgres::feed::uninstall_sql(name, *own, own->size() == all->size()));
}

}  // namespace headrace
