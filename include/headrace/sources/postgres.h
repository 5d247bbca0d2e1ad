// headrace/sources/postgres.h: a PostgreSQL database as a source.
//
// A PostgresDatabase is one database of one primary server, and a few sessions with it, each with
// a thread of its own; a standby is refused, for it may lag.  A PostgreSQL source is one question
// to it: named columns of the row whose key column equals the entity, or a query of the user's with
// one parameter, $1.
//
// Its values are JSON objects of the fields, in the order of the fields, as the server's own
// to_json() says them: numbers with all their digits, times in UTC with all their fraction, arrays
// and composites, json and jsonb as they are; NaN and infinity are the strings "NaN" and
// "Infinity".  A bytea is {"$base64":"..."}.  The entity is given as text, which the server turns
// into the type of the key column: for an integer key, "007" finds 7, and in a table "x" is absent.
// Each row
// costs one read, and so does a missing one.  A table is named as in SQL: `users`, `shop.orders`,
// `"Odd Name"`; columns by their very names.
//
// A question about a table whose key column alone is unique can be written to: one statement for
// each write, which the server carries out as a whole or not at all.  The server turns each value
// into its column's type.  A write under another spelling than the row's own key ("007" for 7) is
// refused, because what is kept under the row's own spelling would not be outdated.  A row counts
// as one entity for all questions whose key is its table's only primary key column.  What triggers
// change in other tables nobody knows: name it by tags.
//
// Threads:   as Source.
// Errors:    as Source; source_unavailable when the server cannot be reached or is a standby;
//            source_failed when it refuses, and for more than one row where one is asked for.  A
//            write that breaks a constraint is invalid_argument with the server's words.
// Lifetimes: a source keeps its database alive.  `executor` and `clock` must outlive both.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/revision_triggers.h"
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "headrace/sql_question.h"
#include "headrace/time.h"

namespace headrace {

class PostgresDatabase;

struct PostgresDatabaseOptions {
  // As libpq reads it: "host=db dbname=app user=headrace sslmode=verify-full", or a URI.  libpq's
  // own default is not to check who answers.
  std::string connection{};
  std::string password{};        // Empty: what `connection` says, or libpq's own files.
  std::size_t sessions = 4;      // Reads and writes at the same time; of a writable one, twice
                                 // as many sessions are open at most.
  std::size_t queue_max = 4096;  // Reads and writes waiting for a session; more are refused.
  Duration connect_within = std::chrono::seconds(2);
  bool writable = false;

  friend bool operator==(const PostgresDatabaseOptions&, const PostgresDatabaseOptions&) = default;
};

// Entities that one question to the server may name.
inline constexpr std::size_t postgres_batch_max = 256;

// Connects to nobody yet.
// May return: invalid_argument; source_unavailable, if the system has no descriptor left.
[[nodiscard]] Result<std::shared_ptr<PostgresDatabase>> open_postgres_database(
    PostgresDatabaseOptions options, Clock& clock, Executor& executor);

// Asks the server what the question's tables and columns are, so that an unknown one is told here.
// Blocks for as long as that takes, within connect_within and as much again.
// May return: invalid_argument (the text is the server's), source_unavailable.
[[nodiscard]] Result<std::shared_ptr<Source>> ask_postgres(
    std::shared_ptr<PostgresDatabase> database, SqlQuestion question);

// By which Dependency::database names it.
[[nodiscard]] const std::string& identity_of(const PostgresDatabase& database);

// The revisions of the database's parts, which triggers keep there.  Each read is one statement for
// all parts.  A part's table is named as in a question; its value is taken as the server takes an
// entity, so that of an integer column "007" is 7.
[[nodiscard]] std::shared_ptr<Revisions> revisions_of(std::shared_ptr<PostgresDatabase> database);

// What keeps them.  The role of `source` is given the right to read them; `connection`, if it is
// not empty, is that of another one, who may make triggers.  Connects when it is first asked.
// PostgreSQL 14 and later.  May return: invalid_argument; source_unavailable, if the system has no
// descriptor left.
[[nodiscard]] Result<std::unique_ptr<RevisionTriggers>> postgres_revision_triggers(
    PostgresDatabaseOptions source, std::string connection, Clock& clock);

}  // namespace headrace
