// sources/sqlite/question.h: a SqliteQuestion as SQL.
//
// Threads:   immutable once made.
// Errors:    invalid_argument with SQLite's own words, source_unavailable.
// Lifetimes: values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/source.h"
#include "headrace/sources/sqlite.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

// Batches are asked with one of these numbers of entities; parameters too many stay NULL, which
// equals nothing.
inline constexpr std::array<std::size_t, 4> chunk_sizes = {4, 16, 64, 256};
inline constexpr std::size_t batch_entities_max = chunk_sizes.back();

struct Question {
  SqliteQuestion asked{};
  std::uint64_t id = 0;                // Unique within the process; names its statements.
  std::string single{};                // One parameter.
  std::vector<std::string> members{};  // `"name":` of each field, quoted for JSON.
  // What it reads, as SQLite itself says.  The databases are not named yet.
  std::vector<Dependency> reads{};

  [[nodiscard]] bool has_batches() const noexcept { return asked.query.empty(); }

  // Yields the number of the asked entity before the fields.  The entities are joined as a table,
  // so that SQLite compares each with the key column just as the single question does: "007" finds
  // an INTEGER 7 and not a TEXT "7".
  [[nodiscard]] std::string batch(std::size_t entities) const;
};

[[nodiscard]] Result<Question> make_question(SqliteQuestion asked, Connection& connection);

// Where in the rows of `statement` each field stands.  May return: source_failed.
[[nodiscard]] Result<std::vector<int>> columns_of(const Question& question,
                                                  sqlite3_stmt* statement);

}  // namespace headrace::sqlite
