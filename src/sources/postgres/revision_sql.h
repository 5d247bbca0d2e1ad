// sources/postgres/revision_sql.h: how PostgreSQL keeps revisions, and how they are read: the SQL.
//
// Threads:   functions of their arguments.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace headrace::postgres {

// Tables and functions of Headrace's own; what makes them, unless they are there.
struct RevisionFunction {
  std::string_view name{};
  std::string_view head{};  // Arguments and attributes.
  std::string_view body{};  // As the catalog keeps it, so that a former one can be told.
};
[[nodiscard]] std::string_view revision_tables();
[[nodiscard]] std::span<const RevisionFunction> revision_functions();
[[nodiscard]] std::string revision_function(const RevisionFunction& one);

// The condition that pg_trigger's row `g` is one of the four that keep a part on a table, by what
// it does and not by its name.  The arguments are SQL: names of the part and of its column.
[[nodiscard]] std::string keeps_part(std::string_view part, std::string_view column);

// A table, its partitions, and tables that inherit from it, as `relation(oid)`, after WITH
// RECURSIVE.
[[nodiscard]] std::string relations_of(std::string_view oid);

// $1, $2, $3: arrays of tables, columns (empty: none) and values.  A row for each: its number from
// 1, and its revision, or NULL if nobody keeps it.
[[nodiscard]] std::string read_revisions();

}  // namespace headrace::postgres
