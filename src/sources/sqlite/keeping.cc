// REPLACE removes rows without a word to the triggers for DELETE, unless recursive_triggers is on.
// So of a column's part a row that comes or changes first looks for those that it will take the
// place of, under each unique key: their values have changed too.  Rows of its own value need no
// look, for that value changes in any case.
#include "sources/sqlite/keeping.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>
#include <utility>

#include "sql/part.h"
#include "sql/question.h"

namespace headrace::sqlite {

namespace {

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

struct Column {
  std::string name{};
  std::string type{};
  std::string fallback{};  // What REPLACE puts where NULL may not be; empty: none.
};

struct Table {
  std::string name{};
  bool has_rowid = false;
  std::vector<Column> columns{};

  [[nodiscard]] const Column* find(std::string_view column) const {
    const auto found = std::ranges::find_if(columns, [column](const Column& one) {
      return sqlite3_stricmp(one.name.c_str(), std::string(column).c_str()) == 0;
    });
    return found == columns.end() ? nullptr : &*found;
  }
};

Result<Table> table_of(const std::string& name, Connection& connection) {
  const Result<Rows> found = ask(connection,
                                 "SELECT name, type, wr FROM pragma_table_list WHERE schema = "
                                 "'main' AND name = ?1 COLLATE NOCASE",
                                 {name});
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return wrong("there is no table " + name);
  const Texts& row = found->front();
  if (row[1] == "view") {
    return wrong(row[0] + " is a view, which has no such triggers: name the tables that it reads");
  }
  if (row[1] != "table") return wrong(row[0] + " is a virtual table, which has no triggers");
  Table table{.name = row[0], .has_rowid = row[2] == "0"};
  const Result<Rows> columns =
      ask(connection, R"(SELECT name, type, "notnull", dflt_value FROM pragma_table_xinfo(?1))",
          {table.name});
  if (!columns) return std::unexpected(columns.error());
  for (const Texts& one : *columns) {
    table.columns.push_back(
        {.name = one[0], .type = one[1], .fallback = one[2] == "1" ? one[3] : ""});
  }
  return table;
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

// A row of the table that is in the way of the new one, under this key.
std::string conflict(const Table& table, const Rows& key) {
  std::string sql = "(";
  for (const Texts& one : key) {
    const Column* const column = table.find(one[1]);
    const std::string name = sql::quoted(one[1]);
    std::string wanted = "NEW." + name;
    if (column != nullptr && !column->fallback.empty()) {
      wanted.insert(0, "coalesce(").append(", ").append(column->fallback).append(")");
    }
    if (sql.size() > 1) sql += " AND ";
    sql.append(name).append(" = ").append(wanted).append(" COLLATE ").append(sql::quoted(one[2]));
  }
  return sql + ")";
}

// Empty: there is no unique key.
Result<std::string> conflicts_of(const Table& table, Connection& connection) {
  std::string sql;
  const auto add = [&sql](const std::string& one) { sql += (sql.empty() ? "" : " OR ") + one; };
  constexpr std::array<std::string_view, 3> aliases = {"rowid", "_rowid_", "oid"};
  const auto* const alias = std::ranges::find_if(
      aliases, [&](std::string_view one) { return table.find(one) == nullptr; });
  if (table.has_rowid && alias != aliases.end()) {
    add(std::string(*alias) + " = NEW." + std::string(*alias));
  }
  const Result<Rows> keys =
      ask(connection, "SELECT name FROM pragma_index_list(?1) WHERE \"unique\" ORDER BY name",
          {table.name});
  if (!keys) return std::unexpected(keys.error());
  for (const Texts& one : *keys) {
    const Result<Rows> key =
        ask(connection, "SELECT cid, name, coll FROM pragma_index_xinfo(?1) WHERE key", {one[0]});
    if (!key) return std::unexpected(key.error());
    if (std::ranges::any_of(*key, [](const Texts& column) { return column[0] == "-2"; })) {
      return wrong("the unique index " + one[0] + " of " + table.name +
                   " is on an expression, so that nobody can tell which row REPLACE removes; name "
                   "the whole table");
    }
    add(conflict(table, *key));
  }
  return sql;
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
  const Result<std::string> conflicts = conflicts_of(table, connection);
  if (!conflicts) return std::unexpected(conflicts.error());
  if (conflicts->empty()) return {};
  const std::string replaced = "SELECT CAST(" + column + " AS TEXT) AS v FROM " +
                               sql::quoted(table.name) + " WHERE " + column + " IS NOT NEW." +
                               column + " AND (" + *conflicts + ")";
  add_trigger(keeping, "before ", "INSERT", replaced);
  add_trigger(keeping, "before ", "UPDATE", replaced);
  return {};
}

}  // namespace

std::string literal(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) {
    if (c == '\'') sql += '\'';
    sql += c;
  }
  return sql + "'";
}

// NULL is empty.
Result<Rows> ask(Connection& connection, std::string_view sql,
                 std::initializer_list<std::string_view> parameters) {
  Result<Statement> statement = connection.prepare(sql);
  if (!statement) return std::unexpected(std::move(statement.error()));
  sqlite3_stmt* const raw = statement->get();
  int place = 0;
  for (const std::string_view one : parameters) {
    sqlite3_bind_text64(raw, ++place, one.data(), one.size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  Rows rows;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) {
    Texts& row = rows.emplace_back();
    for (int i = 0; i < sqlite3_column_count(raw); ++i) {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(raw, i));
      row.emplace_back(text == nullptr ? "" : text,
                       static_cast<std::size_t>(sqlite3_column_bytes(raw, i)));
    }
  }
  if (code != SQLITE_DONE) return std::unexpected(connection.last_error());
  return rows;
}

Result<Keeping> keeping_of(const Part& part, Connection& connection) {
  const Result<Table> table = table_of(part.table, connection);
  if (!table) return std::unexpected(table.error());
  Keeping keeping{.part = {.table = table->name}};
  if (part.column.empty()) {
    for (const char* event : {"INSERT", "UPDATE", "DELETE"}) {
      add_trigger(keeping, "", event, "SELECT '' AS v");
    }
    return keeping;
  }
  const Column* const column = table->find(part.column);
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

Result<bool> has_sql(std::string_view sql, Connection& connection) {
  const Result<Rows> found =
      ask(connection, "SELECT 1 FROM main.sqlite_schema WHERE sql = ?1", {sql});
  if (!found) return std::unexpected(found.error());
  return !found->empty();
}

}  // namespace headrace::sqlite
