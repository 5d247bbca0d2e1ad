// To install, check and remove what the feed reads from.
#include <utility>

#include "feeds/decoding/installation.h"
#include "feeds/decoding/published.h"
#include "feeds/postgres/errand.h"
#include "headrace/feeds/decoding.h"

namespace headrace {

namespace {

using postgres::decoding::Published;
using postgres::feed::Errand;

// For what waits for others: an old slot's user, open transactions.
constexpr Duration step_within = std::chrono::seconds(35);

Result<std::vector<Published>> begin(const PostgresDecoding& decoding, Errand& errand) {
  if (Result<void> sound = postgres::decoding::check(decoding); !sound) {
    return std::unexpected(sound.error());
  }
  if (Result<void> begun = errand.begin(); !begun) return std::unexpected(begun.error());
  return postgres::decoding::read_published(decoding, errand.session(), errand.until());
}

Result<void> run_all(const std::vector<std::string>& steps, Errand& errand, const Clock& clock) {
  for (const std::string& step : steps) {
    Result<void> done = errand.run(step, clock.now() + step_within);
    constexpr std::string_view query_canceled = "57014";
    if (!done && errand.session().refusal().state == query_canceled) {
      return failure(Code::refused,
                     "transactions that write were open for longer than half a minute, and a slot "
                     "begins after them; end them, and install the feed again");
    }
    if (!done) return done;
  }
  return {};
}

}  // namespace

Result<std::string> postgres_decoding_sql(PostgresLogin login, PostgresDecoding decoding,
                                          const Clock& clock) {
  Errand errand(std::move(login), clock);
  const auto tables = begin(decoding, errand);
  if (!tables) return std::unexpected(tables.error());
  std::string sql;
  for (const std::string& step : postgres::decoding::install_sql(decoding, *tables)) sql += step;
  return sql;
}

Result<void> install_postgres_decoding(PostgresLogin login, PostgresDecoding decoding,
                                       const Clock& clock) {
  Errand errand(std::move(login), clock);
  const auto tables = begin(decoding, errand);
  if (!tables) return std::unexpected(tables.error());
  const Result<std::string> lack =
      postgres::decoding::read_lack(decoding, *tables, errand.session(), errand.until());
  if (!lack) return std::unexpected(lack.error());
  if (lack->starts_with("wal_level")) return failure(Code::invalid_argument, *lack);
  if (!lack->empty()) {
    return run_all(postgres::decoding::install_sql(decoding, *tables), errand, clock);
  }
  const std::string grant = postgres::decoding::grant_sql(decoding);
  return grant.empty() ? Result<void>() : errand.run(grant);
}

Result<std::string> check_postgres_decoding(PostgresLogin login, PostgresDecoding decoding,
                                            const Clock& clock) {
  if (Result<void> sound = postgres::decoding::check(decoding); !sound) {
    return std::unexpected(sound.error());
  }
  Errand errand(std::move(login), clock);
  const auto tables = begin(decoding, errand);
  if (!tables && tables.error().code == Code::invalid_argument) return tables.error().what;
  if (!tables) return std::unexpected(tables.error());
  return postgres::decoding::read_lack(decoding, *tables, errand.session(), errand.until());
}

Result<void> uninstall_postgres_decoding(PostgresLogin login, std::string name,
                                         const Clock& clock) {
  if (Result<void> sound = postgres::decoding::check_name(name); !sound) return sound;
  Errand errand(std::move(login), clock);
  if (Result<void> begun = errand.begin(); !begun) return begun;
  return run_all(postgres::decoding::uninstall_sql(name), errand, clock);
}

}  // namespace headrace
