#include "feeds/sqlite/watched.h"

#include <algorithm>
#include <utility>

#include "sqlite/schema.h"

namespace headrace::sqlite::feed {

namespace {

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

Result<Watched> read_one(const OutboxTable& asked, Connection& connection) {
  const Result<Table> table = read_table(asked.table, connection);
  if (!table) return std::unexpected(table.error());
  // Changes are told under the schema's spelling, which tags are found by.
  if (table->name != asked.table) {
    return wrong("table " + asked.table + " is spelled " + table->name +
                 " in its schema; name it so");
  }
  Watched watched{.table = table->name};
  for (const Table::Column& column : table->columns) watched.columns.push_back(column.name);
  for (const std::string& value : asked.values) {
    const Table::Column* const column = table->find(value);
    if (column == nullptr) {
      return wrong("column \"" + value + "\" is not in table " + asked.table);
    }
    watched.values.push_back({.name = value, .column = column->name});
  }
  Result<Conflicts> conflicts = read_conflicts(*table, connection);
  if (!conflicts) return std::unexpected(std::move(conflicts.error()));
  const bool has_key = std::ranges::count(table->columns, true, &Table::Column::is_key) == 1;
  if (!has_key || !conflicts->on_expression.empty()) return watched;
  watched.key = std::ranges::find(table->columns, true, &Table::Column::is_key)->name;
  watched.conflicts = std::move(conflicts->where);
  return watched;
}

}  // namespace

// SQLite's names of tables are the same in capitals.
Result<void> check_name(std::string_view name) {
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  const bool is_name = !name.empty() && name.size() <= outbox_name_bytes_max &&
                       name.find_first_not_of(allowed) == std::string_view::npos;
  if (is_name) return {};
  return wrong("an outbox's name has 1 to " + std::to_string(outbox_name_bytes_max) +
               " lower-case letters, digits, \"-\" and \"_\"");
}

Result<void> check(const SqliteOutbox& outbox) {
  if (Result<void> named = check_name(outbox.name); !named) return named;
  const auto has_nul = [](std::string_view text) { return text.contains('\0'); };
  if (outbox.tables.empty() || outbox.tables.size() > outbox_tables_max) {
    return wrong("an outbox tells of 1 to " + std::to_string(outbox_tables_max) + " tables");
  }
  for (const OutboxTable& table : outbox.tables) {
    if (table.values.size() > outbox_values_max) {
      return wrong("of table " + table.table + " more than " + std::to_string(outbox_values_max) +
                   " columns are to be told");
    }
    if (table.table.empty() || has_nul(table.table) || std::ranges::any_of(table.values, has_nul)) {
      return wrong("a table has no name, or a name contains a zero byte");
    }
    if (std::ranges::count(outbox.tables, table.table, &OutboxTable::table) > 1) {
      return wrong("table " + table.table + " is named twice");
    }
  }
  return {};
}

Result<std::vector<Watched>> read_watched(const SqliteOutbox& outbox, Connection& connection) {
  std::vector<Watched> all;
  for (const OutboxTable& asked : outbox.tables) {
    Result<Watched> one = read_one(asked, connection);
    if (!one) return std::unexpected(std::move(one.error()));
    all.push_back(std::move(*one));
  }
  return all;
}

}  // namespace headrace::sqlite::feed
