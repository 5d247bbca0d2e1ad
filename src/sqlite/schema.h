// sqlite/schema.h: what a schema says of a table: its columns, its key, and what REPLACE removes.
//
// Threads:   functions of their arguments.
// Errors:    invalid_argument: there is no such table, or it can have no triggers; else as the
//            connection's.
// Lifetimes: values.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

struct Table {
  struct Column {
    std::string name{};
    std::string type{};
    std::string fallback{};  // What REPLACE puts where NULL may not be; empty: none.
    bool is_key = false;     // Part of the primary key.
  };

  std::string name{};  // As the schema spells it.
  bool has_rowid = false;
  std::vector<Column> columns{};  // Computed ones too.

  // As SQLite compares names; null: there is none.
  [[nodiscard]] const Column* find(std::string_view column) const;
};

[[nodiscard]] Result<Table> read_table(const std::string& name, Connection& connection);

// REPLACE removes rows without a word to the triggers for DELETE, unless recursive_triggers is on:
// those that are in the way of the new one under some unique key.
struct Conflicts {
  std::string where{};          // What finds them in a trigger before; empty: there is no such key.
  std::string on_expression{};  // A unique index that nobody can tell of what it finds.
};
[[nodiscard]] Result<Conflicts> read_conflicts(const Table& table, Connection& connection);

// Whether the schema has something of this very text.
[[nodiscard]] Result<bool> has_sql(std::string_view sql, Connection& connection);

// The rows of a small answer; NULL is empty.
using Texts = std::vector<std::string>;
using Rows = std::vector<Texts>;
[[nodiscard]] Result<Rows> ask(Connection& connection, std::string_view sql,
                               std::initializer_list<std::string_view> parameters);

[[nodiscard]] std::string literal(std::string_view text);

}  // namespace headrace::sqlite
