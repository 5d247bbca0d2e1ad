// sources/postgres/question.h: a SqlQuestion as PostgreSQL's SQL, with what the catalog says of it.
//
// Threads:   immutable once made.
// Errors:    invalid_argument with the server's own words, source_unavailable.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/source.h"
#include "headrace/sql_question.h"
#include "headrace/time.h"
#include "postgres/session.h"

namespace headrace::postgres {

struct Question {
  // A column of the table, as far as writing to it needs that.
  struct Column {
    std::string name{};
    std::string type{};  // As SQL spells it.
    bool is_bytes = false;
    bool is_generated = false;
  };

  SqlQuestion asked{};
  std::uint64_t id = 0;  // Unique within the process; names its statements.
  std::string single{};  // $1 is the entity; a row is its JSON.
  std::string batch{};   // $1 is an array of entities; a row is the number of one, from 1, and its
                         // JSON.  Empty: there are no batches.
  // As `single`, of the fields and of what may be written, and the state that the row is in.  Empty
  // if it is not writable.
  std::string for_update{};
  // Nothing but the entity itself can fail to be of a type: then there is no such entity.
  bool parses_entity_alone = false;
  // The databases are not named yet, here and below.
  std::vector<Dependency> reads{};

  // Of a table.
  std::string table{};     // Schema and name, in quotes.
  std::string key_type{};  // As SQL spells it.
  std::vector<Column> columns{};
  bool is_writable = false;
  bool changes_itself = false;             // A write may change other columns than are named.
  std::vector<Dependency> updated_with{};  // By foreign keys.
  std::vector<Dependency> removed_with{};

  [[nodiscard]] const Column* find_column(std::string_view name) const;
};

[[nodiscard]] Result<Question> make_question(SqlQuestion asked, Session& session, Instant until);

}  // namespace headrace::postgres
