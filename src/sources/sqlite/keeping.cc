// REPLACE removes rows without a word to the triggers for DELETE, unless recursive_triggers is on.
// So of a column's part a row that comes or changes first looks for those that it will take the
// place of, under each unique key: their values have changed too.  Rows of its own value need no
// look, for that value changes in any case.
#include "sources/sqlite/keeping.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "sql/part.h"
#include "sql/question.h"
#include "sqlite/schema.h"

namespace headrace::sqlite {

namespace {

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

enum class Affinity : unsigned char { text, numeric, other };

// By the rules of SQLite's "Datatypes", section 3.1.
Affinity affinity_of(std::string type) {
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto has = [&type](std::string_view word) { return type.contains(word); };
  if (has("INT")) return Affinity::numeric;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return Affinity::text;
  if (type.empty() || has("BLOB") || has("REAL") || has("FLOA") || has("DOUB") || type == "ANY") {
    return Affinity::other;
  }
  return Affinity::numeric;
}

// Replaces the revisions of the values, the column v of `values`, that are not NULL.
std::string bump(const Part& part, const std::string& values) {
  return "INSERT INTO headrace_revision SELECT " + literal(part.table) + ", " +
         literal(part.column) + ", v, hex(randomblob(16)) FROM (" + values +
         ") WHERE v IS NOT NULL ON CONFLICT (name, \"column\", value) "
         "DO UPDATE SET revision = excluded.revision";
}

void add_trigger(Keeping& keeping, const std::string& when, const std::string& what,
                 const std::string& values) {
  const std::string name = "headrace " + when + what + " " + sql::name_of(keeping.part);
  std::string sql = "CREATE TRIGGER " + sql::quoted(name) + " ";
  sql += when.empty() ? "AFTER" : "BEFORE";
  sql += " " + what + " ON " + sql::quoted(keeping.part.table) + " BEGIN " +
         bump(keeping.part, values) + "; END";
  keeping.triggers.push_back({.name = name, .sql = std::move(sql), .does = when + what});
}

Result<void> keep_values(Keeping& keeping, const Table& table, Connection& connection) {
  const std::string column = sql::quoted(keeping.part.column);
  const std::string fresh = "SELECT CAST(NEW." + column + " AS TEXT) AS v";
  const std::string old = "SELECT CAST(OLD." + column + " AS TEXT) AS v";
  add_trigger(keeping, "", "INSERT", fresh);
  add_trigger(keeping, "", "UPDATE", fresh + " UNION " + old);
  add_trigger(keeping, "", "DELETE", old);
  const Result<Conflicts> conflicts = read_conflicts(table, connection);
  if (!conflicts) return std::unexpected(conflicts.error());
  if (!conflicts->on_expression.empty()) {
    return wrong("the unique index " + conflicts->on_expression + " of " + table.name +
                 " is on an expression, so that nobody can tell which row REPLACE removes; name "
                 "the whole table");
  }
  if (conflicts->where.empty()) return {};
  const std::string replaced = "SELECT CAST(" + column + " AS TEXT) AS v FROM " +
                               sql::quoted(table.name) + " WHERE " + column + " IS NOT NEW." +
                               column + " AND (" + conflicts->where + ")";
  add_trigger(keeping, "before ", "INSERT", replaced);
  add_trigger(keeping, "before ", "UPDATE", replaced);
  return {};
}

}  // namespace

Result<Keeping> keeping_of(const Part& part, Connection& connection) {
  const Result<Table> table = read_table(part.table, connection);
  if (!table) return std::unexpected(table.error());
  Keeping keeping{.part = {.table = table->name}};
  if (part.column.empty()) {
    for (const char* event : {"INSERT", "UPDATE", "DELETE"}) {
      add_trigger(keeping, "", event, "SELECT '' AS v");
    }
    return keeping;
  }
  const Table::Column* const column = table->find(part.column);
  if (column == nullptr) {
    return wrong("table " + table->name + " has no column \"" + part.column + "\"");
  }
  const char* collation = nullptr;
  sqlite3_table_column_metadata(connection.raw(), "main", table->name.c_str(), column->name.c_str(),
                                nullptr, &collation, nullptr, nullptr, nullptr);
  const Affinity affinity = affinity_of(column->type);
  if (affinity == Affinity::other || collation == nullptr ||
      sqlite3_stricmp(collation, "BINARY") != 0) {
    return wrong("column \"" + column->name + "\" of " + table->name + " is of a type or a " +
                 "collation in which equal values may have two spellings; name the whole table");
  }
  keeping.part.column = column->name;
  keeping.is_numeric = affinity == Affinity::numeric;
  if (Result<void> done = keep_values(keeping, *table, connection); !done) {
    return std::unexpected(done.error());
  }
  return keeping;
}

}  // namespace headrace::sqlite
