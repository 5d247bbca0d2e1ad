// headrace/sql_question.h: what is asked of a source that speaks SQL.
//
// Named columns of the row whose key column equals the entity, or a query of the user's with one
// parameter.
//
// Threads:   a value.
// Errors:    none; who is asked checks it.
// Lifetimes: owns its texts.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace headrace {

struct SqlQuestion {
  std::string table{};  // Either table and key ...
  std::string key = "id";
  std::string query{};                // ... or a query with one parameter.
  std::vector<std::string> fields{};  // Columns of the answer.  REQUIRES: not empty.
  enum class Rows : unsigned char { one, many };
  Rows rows = Rows::one;         // many: the value is an array of objects, never absent.
  std::size_t rows_max = 10000;  // More rows than this is source_failed.
  // Columns that will be written, so that an unknown one is told early.  REQUIRES: a table.
  std::vector<std::string> writable{};

  friend bool operator==(const SqlQuestion&, const SqlQuestion&) = default;
};

}  // namespace headrace
