// headrace/sources/sqlite.h: a SQLite database as a source.
//
// A SqliteDatabase is one file, opened read-only, with a few threads of its own, for its calls
// block.  A SQLite source is one question to it: named columns of the row whose key column equals
// the entity, or a query of the user's with one parameter.  Its values are JSON objects of the
// fields, in the order of the fields.
//
// Threads:   as Source.
// Errors:    as Source; source_unavailable when the file cannot be opened or is locked for too long.
// Lifetimes: a source keeps its database alive.  `executor` and `clock` must outlive both.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/result.h"
#include "headrace/source.h"
#include "headrace/time.h"

namespace headrace {

class SqliteDatabase;

struct SqliteDatabaseOptions {
  std::string path{};
  std::size_t threads = 2;
  std::size_t queue_max = 4096;           // Fetches waiting for a thread; more are refused.
  Duration delay_min = Duration::zero();  // Added to each read, to rehearse a slower source ...
  Duration delay_max = Duration::zero();  // ... evenly spread between the two.
};

struct SqliteQuestion {
  std::string table{};                // Either table and key ...
  std::string key = "id";
  std::string query{};                // ... or a query with one parameter, `?` or `:entity`.
  std::vector<std::string> fields{};  // Columns of the answer.  REQUIRES: not empty.
  enum class Rows : unsigned char { one, many };
  Rows rows = Rows::one;            // many: the value is an array of objects, never absent.
  std::size_t rows_max = 10000;     // More rows than this is source_failed.
};

// May return: source_unavailable, if the file cannot be opened.
[[nodiscard]] Result<std::shared_ptr<SqliteDatabase>> open_sqlite_database(
    SqliteDatabaseOptions options, Clock& clock, Executor& executor);

// Prepares the question, so that an unknown table or column is told here.
// May return: invalid_argument (the text is SQLite's), source_unavailable.
[[nodiscard]] Result<std::shared_ptr<Source>> ask_sqlite(std::shared_ptr<SqliteDatabase> database,
                                                         SqliteQuestion question);

}  // namespace headrace
