// sources/sqlite/row.h: one row of an answer as JSON, and the state that it is in.
//
// SQLite has no name for a row's version.  So its state is told by the values themselves: who finds
// the same values finds what the change was decided from.
//
// Threads:   functions of their arguments.
// Errors:    source_failed: a value that JSON cannot say; those of the connection.
// Lifetimes: nothing is kept.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "sources/sqlite/question.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

// Appends the fields of the row at which the statement stands; `columns` are their places, behind
// `offset` others.
[[nodiscard]] Result<void> append_row(std::string& json, const Question& question,
                                      sqlite3_stmt* statement, const std::vector<int>& columns,
                                      int offset);

// The state that a row of this JSON is in.
[[nodiscard]] std::string state_of(std::string_view json);

// The state of an entity's row as the connection sees it now; empty if there is none.
[[nodiscard]] Result<std::string> read_state(const Question& question, const std::string& entity,
                                             Connection& connection);

}  // namespace headrace::sqlite
