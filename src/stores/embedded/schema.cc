// `age` is the order of writing, so that the oldest row is the one with the least rowid and
// eviction needs no index of its own.  `expires_wall` finds rows to sweep; whether a row lives is
// decided by its moment and `keeps` alone.  That index carries `bytes` too, so that counting reads
// no envelope. Envelopes come last, so that the other columns are read without their overflow
// pages.  A guard ends when the monotonic clock of `boot` shows `ends`; for another boot `lasts`
// tells how long it had to go at most.  So does a floor; one whose revision is empty stands for all
// that had to go for want of room, and is of every key.
#include "stores/embedded/schema.h"

namespace headrace::embedded {

namespace {

constexpr std::string_view tables = R"sql(
  CREATE TABLE slots(
    age INTEGER PRIMARY KEY,
    store_key BLOB NOT NULL UNIQUE,
    token BLOB NOT NULL,
    boot INTEGER NOT NULL,
    written INTEGER NOT NULL,
    written_wall INTEGER NOT NULL,
    keeps INTEGER NOT NULL,
    expires_wall INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    envelope BLOB NOT NULL) STRICT;
  CREATE INDEX slots_by_expiry ON slots(expires_wall, bytes);
  CREATE TABLE watermarks(
    age INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    token BLOB NOT NULL) STRICT;
  CREATE TABLE guards(
    store_key BLOB NOT NULL,
    guard BLOB NOT NULL,
    boot INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    lasts INTEGER NOT NULL,
    PRIMARY KEY(store_key, guard)) STRICT, WITHOUT ROWID;
  CREATE INDEX guards_by_end ON guards(ends);
  CREATE TABLE floors(
    age INTEGER PRIMARY KEY,
    store_key BLOB NOT NULL,
    revision BLOB NOT NULL,
    boot INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    lasts INTEGER NOT NULL,
    UNIQUE(store_key, revision)) STRICT;
  CREATE INDEX floors_by_end ON floors(ends);
  CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO meta VALUES ('durable_groups', 0);
)sql";

}  // namespace

constinit const Schema schema{.application_id = application_id,
                              .version = schema_version,
                              .tables = tables,
                              .synchronous = "NORMAL"};

}  // namespace headrace::embedded
