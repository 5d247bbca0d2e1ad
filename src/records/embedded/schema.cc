// A key's bytes begin with its tenant and its space, so that those of one lie side by side in the
// index that lists them.  `expires` is null for what never does, and such rows are in no index of
// ends.  The record comes last, so that the other columns are read without its overflow pages.
// `versions` has one row: the last version that was given.
#include "records/embedded/schema.h"

namespace headrace::embedded_records {

namespace {

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

}  // namespace

constinit const embedded::Schema schema{.application_id = application_id,
                                        .version = schema_version,
                                        .tables = tables,
                                        .synchronous = "FULL"};

}  // namespace headrace::embedded_records
