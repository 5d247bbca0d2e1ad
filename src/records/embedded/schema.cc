// A key's bytes begin with its tenant and its space, so that those of one lie side by side in the
// index that lists them.  `expires` is null for what never does, and such rows are in no index of
// ends.  The record comes last, so that the other columns are read without its overflow pages.
// `versions` has one row: the last version that was given.
#include "records/embedded/schema.h"

namespace headrace::embedded_records {

namespace {

using embedded::Database;

constexpr std::string_view tables = R"sql(
  CREATE TABLE records(
    id INTEGER PRIMARY KEY,
    record_key BLOB NOT NULL UNIQUE,
    expires INTEGER,
    record BLOB NOT NULL) STRICT;
  CREATE INDEX records_by_end ON records(expires, record_key) WHERE expires IS NOT NULL;
  CREATE TABLE usages(
    tenant INTEGER PRIMARY KEY,
    records INTEGER NOT NULL,
    bytes INTEGER NOT NULL) STRICT;
  CREATE TABLE versions(id INTEGER PRIMARY KEY, last INTEGER NOT NULL) STRICT;
  INSERT INTO versions VALUES (1, 0);
)sql";

Result<void> create(Database& database) {
  return database.run("BEGIN IMMEDIATE;" + std::string(tables) +
                      "PRAGMA application_id = " + std::to_string(application_id) +
                      "; PRAGMA user_version = " + std::to_string(schema_version) + "; COMMIT;");
}

}  // namespace

Result<Database> open_for_writing(const std::string& path, std::int64_t pages_max) {
  auto database = Database::open(path);
  if (!database) return database;
  const auto ours = database->is_of(application_id, schema_version);
  if (!ours) return std::unexpected(ours.error());
  auto ready = database->use_log();
  std::string settings =
      "PRAGMA synchronous = FULL; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";
  if (pages_max > 0) settings += "PRAGMA max_page_count = " + std::to_string(pages_max) + ";";
  if (ready) ready = database->run(settings);
  if (ready && !*ours) ready = create(*database);
  if (!ready) return std::unexpected(ready.error());
  return database;
}

Result<Database> open_for_reading(const std::string& path) {
  auto database = Database::open(path);
  if (!database) return database;
  auto ready = database->run("PRAGMA query_only = 1; PRAGMA cache_size = -4096;");
  if (!ready) return std::unexpected(ready.error());
  return database;
}

}  // namespace headrace::embedded_records
