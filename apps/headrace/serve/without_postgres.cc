// Stands in for the bus and the source on PostgreSQL in a program that was built without libpq: it
// says so.
#include <memory>
#include <string>

#include "headrace/bus/postgres.h"
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

// No database can be opened.
std::shared_ptr<Revisions> revisions_of(std::shared_ptr<PostgresDatabase>) {
  return nullptr;
}

Result<std::unique_ptr<RevisionTriggers>> postgres_revision_triggers(PostgresDatabaseOptions,
                                                                     std::string, Clock&) {
  return not_built("revisions");
}

}  // namespace headrace
