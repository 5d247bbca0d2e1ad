#include "sources/sqlite/row.h"

#include <cstddef>
#include <utility>

#include "io/digest.h"
#include "sources/sqlite/row_json.h"

namespace headrace::sqlite {

Result<void> append_row(std::string& json, const Question& question, sqlite3_stmt* statement,
                        const std::vector<int>& columns, int offset) {
  const SqliteQuestion& asked = question.asked;
  for (std::size_t i = 0; i < asked.fields.size(); ++i) {
    json += i == 0 ? '{' : ',';
    json += question.members[i];
    if (append_json_column(json, statement, columns[i] + offset)) continue;
    return failure(Code::source_failed, "column \"" + asked.fields[i] +
                                            "\" holds what JSON cannot say: text that is not "
                                            "UTF-8, or an infinite number");
  }
  json += '}';
  return {};
}

std::string state_of(std::string_view json) {
  return io::sha256(json);
}

Result<std::string> read_state(const Question& question, const std::string& entity,
                               Connection& connection) {
  const Result<Statement> statement = connection.prepare(question.single);
  if (!statement) return std::unexpected(statement.error());
  const Result<std::vector<int>> columns = columns_of(question, statement->get());
  if (!columns) return std::unexpected(columns.error());
  sqlite3_bind_text64(statement->get(), 1, entity.data(), entity.size(), SQLITE_STATIC,
                      SQLITE_UTF8);
  const int code = sqlite3_step(statement->get());
  if (code == SQLITE_DONE) return std::string();
  if (code != SQLITE_ROW) return std::unexpected(connection.last_error());
  std::string json;
  if (Result<void> done = append_row(json, question, statement->get(), *columns, 0); !done) {
    return std::unexpected(std::move(done.error()));
  }
  return state_of(json);
}

}  // namespace headrace::sqlite
