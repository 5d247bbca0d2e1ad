// Stands in for the bus, the source and the feed on PostgreSQL in a program that was built without
// libpq: it says so.
#include <memory>
#include <string>

#include "headrace/bus/postgres.h"
#include "headrace/feeds/decoding.h"
#include "headrace/feeds/postgres.h"
#include "headrace/sources/postgres.h"

namespace headrace {

namespace {

std::unexpected<Error> not_built(const char* what) {
  return failure(Code::invalid_argument, "this program was built without " + std::string(what) +
                                             " on PostgreSQL; build it where libpq is");
}

}  // namespace

Result<std::unique_ptr<Bus>> open_postgres_bus(PostgresBusOptions, Runtime&) {
  return not_built("the bus");
}

Result<std::shared_ptr<PostgresDatabase>> open_postgres_database(PostgresDatabaseOptions, Clock&,
                                                                 Executor&) {
  return not_built("sources");
}

Result<std::shared_ptr<Source>> ask_postgres(std::shared_ptr<PostgresDatabase>, SqlQuestion) {
  return not_built("sources");
}

// No database can be opened, here and below.
const std::string& identity_of(const PostgresDatabase&) {
  static const std::string none;
  return none;
}
std::shared_ptr<Revisions> revisions_of(std::shared_ptr<PostgresDatabase>) {
  return nullptr;
}

Result<std::unique_ptr<RevisionTriggers>> postgres_revision_triggers(PostgresDatabaseOptions,
                                                                     std::string, Clock&) {
  return not_built("revisions");
}

Result<std::unique_ptr<Feed>> open_postgres_feed(PostgresFeedOptions, Clock&, Executor&) {
  return not_built("feeds");
}

Result<std::string> postgres_outbox_sql(PostgresLogin, PostgresOutbox, const Clock&) {
  return not_built("feeds");
}

Result<void> install_postgres_outbox(PostgresLogin, PostgresOutbox, const Clock&) {
  return not_built("feeds");
}

Result<std::string> check_postgres_outbox(PostgresLogin, PostgresOutbox, const Clock&) {
  return not_built("feeds");
}

Result<void> uninstall_postgres_outbox(PostgresLogin, std::string, const Clock&) {
  return not_built("feeds");
}

Result<std::unique_ptr<Feed>> open_postgres_decoding(PostgresDecodingOptions, Clock&, Executor&) {
  return not_built("feeds");
}

Result<std::string> postgres_decoding_sql(PostgresLogin, PostgresDecoding, const Clock&) {
  return not_built("feeds");
}

Result<void> install_postgres_decoding(PostgresLogin, PostgresDecoding, const Clock&) {
  return not_built("feeds");
}

Result<std::string> check_postgres_decoding(PostgresLogin, PostgresDecoding, const Clock&) {
  return not_built("feeds");
}

Result<void> uninstall_postgres_decoding(PostgresLogin, std::string, const Clock&) {
  return not_built("feeds");
}

}  // namespace headrace
