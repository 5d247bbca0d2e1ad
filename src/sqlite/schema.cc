#include "sqlite/schema.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sql/question.h"

namespace headrace::sqlite {

namespace {

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// A row of the table that is in the way of the new one, under this key.
std::string conflict(const Table& table, const Rows& key) {
  std::string sql = "(";
  for (const Texts& one : key) {
    const Table::Column* const column = table.find(one[1]);
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

}  // namespace

const Table::Column* Table::find(std::string_view column) const {
  const auto found = std::ranges::find_if(columns, [column](const Column& one) {
    return sqlite3_stricmp(one.name.c_str(), std::string(column).c_str()) == 0;
  });
  return found == columns.end() ? nullptr : &*found;
}

Result<Table> read_table(const std::string& name, Connection& connection) {
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
      ask(connection, R"(SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?1))",
          {table.name});
  if (!columns) return std::unexpected(columns.error());
  for (const Texts& one : *columns) {
    table.columns.push_back({.name = one[0],
                             .type = one[1],
                             .fallback = one[2] == "1" ? one[3] : "",
                             .is_key = one[4] != "0"});
  }
  return table;
}

Result<Conflicts> read_conflicts(const Table& table, Connection& connection) {
  Conflicts conflicts;
  const auto add = [&conflicts](const std::string& one) {
    conflicts.where += (conflicts.where.empty() ? "" : " OR ") + one;
  };
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
      conflicts.on_expression = one[0];
    } else {
      add(conflict(table, *key));
    }
  }
  return conflicts;
}

Result<bool> has_sql(std::string_view sql, Connection& connection) {
  const Result<Rows> found =
      ask(connection, "SELECT 1 FROM main.sqlite_schema WHERE sql = ?1", {sql});
  if (!found) return std::unexpected(found.error());
  return !found->empty();
}

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

std::string literal(std::string_view text) {
  std::string sql = "'";
  for (const char c : text) {
    if (c == '\'') sql += '\'';
    sql += c;
  }
  return sql + "'";
}

}  // namespace headrace::sqlite
