#include "sources/sqlite/question.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string_view>
#include <utility>

#include "sources/sqlite/footprint.h"
#include "sources/sqlite/row_json.h"
#include "sql/question.h"

namespace headrace::sqlite {

namespace {

std::string field_list(const SqliteQuestion& asked) {
  std::string list;
  for (const std::string& field : asked.fields) {
    if (!list.empty()) list += ", ";
    list += "source." + sql::quoted(field);
  }
  return list;
}

std::string single_of(const SqliteQuestion& asked) {
  if (!asked.query.empty()) return asked.query;
  return "SELECT " + field_list(asked) + " FROM " + sql::quoted(asked.table) +
         " AS source WHERE source." + sql::quoted(asked.key) + " = ?1";
}

// What is wrong with the user's query, although SQLite understands it.
std::string fault_of_query(sqlite3_stmt* statement) {
  if (statement == nullptr) return "the query is empty";
  if (sqlite3_stmt_readonly(statement) == 0) return "the query writes; only reading is allowed";
  if (sqlite3_column_count(statement) == 0) return "the query answers no rows; it must be a SELECT";
  const int parameters = sqlite3_bind_parameter_count(statement);
  if (parameters == 1) return "";
  return "the query has " + std::to_string(parameters) +
         " parameters; it must have one, `?` or `:entity`, for the entity";
}

Result<void> check(Question& question, Connection& connection) {
  std::string_view tail;
  std::optional<Footprint> footprint(connection.raw());
  const Result<Statement> statement = connection.prepare(question.single, &tail);
  question.reads = footprint->reads();
  footprint.reset();
  if (!statement) {
    const bool is_text = statement.error().code == Code::source_failed;
    return failure(is_text ? Code::invalid_argument : statement.error().code,
                   statement.error().what);
  }
  if (const std::string fault = fault_of_query(statement->get()); !fault.empty()) {
    return failure(Code::invalid_argument, fault);
  }
  const Result<Statement> second = connection.prepare(tail);
  if (!second || *second) {
    return failure(Code::invalid_argument, "the query has more than one statement");
  }
  const Result<std::vector<int>> columns = columns_of(question, statement->get());
  if (!columns) return failure(Code::invalid_argument, columns.error().what);
  return {};
}

// A column of the table, as SQLite describes it.
struct Column {
  std::string name{};
  bool primary = false;
  bool computed = false;
};

Result<std::vector<Column>> columns_of_table(const std::string& table, Connection& connection) {
  Result<Statement> statement =
      connection.prepare("SELECT name, pk, hidden FROM pragma_table_xinfo(?1)");
  if (!statement) return std::unexpected(std::move(statement.error()));
  sqlite3_stmt* row = statement->get();
  sqlite3_bind_text64(row, 1, table.data(), table.size(), SQLITE_STATIC, SQLITE_UTF8);
  std::vector<Column> columns;
  while (sqlite3_step(row) == SQLITE_ROW) {
    columns.push_back({.name = reinterpret_cast<const char*>(sqlite3_column_text(row, 0)),
                       .primary = sqlite3_column_int(row, 1) > 0,
                       .computed = sqlite3_column_int(row, 2) > 1});
  }
  return columns;
}

bool same_name(const std::string& a, const std::string& b) {
  return sqlite3_stricmp(a.c_str(), b.c_str()) == 0;
}

std::string fault_of_writable(const SqliteQuestion& asked, const std::vector<Column>& columns) {
  for (const std::string& field : asked.writable) {
    const auto column = std::ranges::find_if(
        columns, [&field](const Column& one) { return same_name(one.name, field); });
    const std::string who = "writable: column \"" + field + "\"";
    if (column == columns.end()) return who + " is not in table \"" + asked.table + "\"";
    if (column->computed) return who + " is computed by the table";
    if (same_name(field, asked.key)) return who + " is the key; remove the row and make another";
  }
  return "";
}

// What the table's own declaration says of the question: whether an entity names a row, for every
// question about the table in the same way; and whether it can be written to.
Result<void> check_table(Question& question, Connection& connection) {
  const SqliteQuestion& asked = question.asked;
  for (Dependency& read : question.reads) read.of_entity = false;
  if (asked.table.empty()) {
    if (asked.writable.empty()) return {};
    return failure(Code::invalid_argument, "writable: a query cannot be written to; name a table");
  }
  const Result<std::vector<Column>> columns = columns_of_table(asked.table, connection);
  if (!columns) return std::unexpected(columns.error());
  // A view reads other tables too.
  const bool is_table =
      question.reads.size() == 1 && same_name(question.reads.front().collection, asked.table);
  if (!is_table && !asked.writable.empty()) {
    return failure(Code::invalid_argument, "writable: \"" + asked.table + "\" is no table");
  }
  if (std::string fault = fault_of_writable(asked, *columns); !fault.empty()) {
    return failure(Code::invalid_argument, std::move(fault));
  }
  const bool one_key = std::ranges::count(*columns, true, &Column::primary) == 1;
  const auto key = std::ranges::find(*columns, true, &Column::primary);
  if (is_table) {
    question.reads.front().of_entity = one_key && same_name(key->name, asked.key);
  }
  return {};
}

std::uint64_t next_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

std::string Question::batch(std::size_t entities) const {
  std::string values;
  for (std::size_t i = 0; i < entities; ++i) {
    if (i > 0) values += ',';
    values += "(" + std::to_string(i) + ",?" + std::to_string(i + 1) + ")";
  }
  return "WITH asked(number, entity) AS (VALUES " + values + ") SELECT asked.number, " +
         field_list(asked) + " FROM asked CROSS JOIN " + sql::quoted(asked.table) +
         " AS source ON source." + sql::quoted(asked.key) + " = asked.entity";
}

Result<std::vector<int>> columns_of(const Question& question, sqlite3_stmt* statement) {
  const int count = sqlite3_column_count(statement);
  std::vector<int> columns;
  if (question.has_batches()) {
    // Our own list.  SQLite may spell its names as the table does, in other case.
    while (columns.size() < question.asked.fields.size()) {
      columns.push_back(static_cast<int>(columns.size()));
    }
    return columns;
  }
  for (const std::string& field : question.asked.fields) {
    int column = 0;
    while (column < count && field != sqlite3_column_name(statement, column)) ++column;
    if (column == count) {
      return failure(Code::source_failed, "the query answers no column \"" + field + "\"");
    }
    columns.push_back(column);
  }
  return columns;
}

Result<Question> make_question(SqliteQuestion asked, Connection& connection) {
  std::string fault = sql::fault_of(asked);
  if (!fault.empty()) {
    return failure(Code::invalid_argument, std::move(fault));
  }
  Question question;
  question.id = next_id();
  question.single = single_of(asked);
  for (const std::string& field : asked.fields) {
    append_json_string(question.members.emplace_back(), field);
    question.members.back() += ':';
  }
  question.asked = std::move(asked);
  if (Result<void> sound = check(question, connection); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  if (Result<void> sound = check_table(question, connection); !sound) {
    return std::unexpected(std::move(sound.error()));
  }
  return question;
}

}  // namespace headrace::sqlite
