// headrace/sources/sqlite.h: a SQLite database as a source.
//
// A SqliteDatabase is one file, opened read-only, with a few threads of its own, for its calls
// block; if it is writable, one more thread writes with a connection of its own.  A SQLite source
// is one question to it: named columns of the row whose key column equals the entity, or a query of
// the user's with one parameter.
//
// Its values are JSON objects of the fields, in the order of the fields: INTEGER and REAL are
// numbers, TEXT a string, NULL null, and BLOB {"$base64":"..."}.  The entity is bound as text and
// compared as SQLite compares the key column with text: for an INTEGER key, "007" finds 7.  Each
// row costs one read, and so does a missing one.
//
// A question about a table can be written to: one transaction for each write.  Values are given as
// they are read; true and false become 1 and 0.  Numbers are never rounded to fit: an integer that
// 64 bits do not hold is refused.  So is a write under another spelling than the row's own key
// ("007" for 7), because what is kept under the row's own spelling would not be outdated.  A row
// counts as one entity for all questions whose key is its table's only primary key column; a write
// that was made by another key outdates all answers about the table.
//
// Threads:   as Source.
// Errors:    as Source; source_unavailable when the file cannot be opened or is locked for too
//            long; source_failed for a damaged file, text that is not UTF-8, an infinite number,
//            and for more than one row where one is asked for.  A write that breaks a constraint
//            is invalid_argument with SQLite's words.
// Lifetimes: a source keeps its database alive.  `executor` and `clock` must outlive both.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/revision_triggers.h"
#include "headrace/revisions.h"
#include "headrace/source.h"
#include "headrace/sql_question.h"
#include "headrace/time.h"

namespace headrace {

class SqliteDatabase;

struct SqliteDatabaseOptions {
  std::string path{};
  std::size_t threads = 2;
  std::size_t queue_max = 4096;           // Fetches waiting for a thread, and writes waiting for
                                          // theirs; more are refused.
  Duration delay_min = Duration::zero();  // Added to each read, to rehearse a slower source ...
  Duration delay_max = Duration::zero();  // ... evenly spread between the two.
  bool writable = false;

  friend bool operator==(const SqliteDatabaseOptions&, const SqliteDatabaseOptions&) = default;
};

// By which its sources' dependencies name it: the same for all databases of one file.
[[nodiscard]] const std::string& identity_of(const SqliteDatabase& database);

// A query's parameter is `?` or `:entity`.
using SqliteQuestion = SqlQuestion;

// May return: source_unavailable, if the file cannot be opened; invalid_argument.
[[nodiscard]] Result<std::shared_ptr<SqliteDatabase>> open_sqlite_database(
    SqliteDatabaseOptions options, Clock& clock, Executor& executor);

// Prepares the question, so that an unknown table or column is told here.
// May return: invalid_argument (the text is SQLite's), source_unavailable.
[[nodiscard]] Result<std::shared_ptr<Source>> ask_sqlite(std::shared_ptr<SqliteDatabase> database,
                                                         SqliteQuestion question);

// The revisions of the database's parts, which triggers keep there.  A part's table is named as in
// a question; its value is taken as SQLite compares the column with text.  Reads cost next to
// nothing as long as nobody commits anything to the file.
[[nodiscard]] std::shared_ptr<Revisions> revisions_of(std::shared_ptr<SqliteDatabase> database);

// What keeps them.  Opens the file when it is first asked.
[[nodiscard]] std::unique_ptr<RevisionTriggers> sqlite_revision_triggers(std::string path);

}  // namespace headrace
