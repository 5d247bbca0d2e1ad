// sources/sqlite/keeping.h: what keeps the revision of a part in SQLite: the triggers' very text.
//
// SQLite has one writer at a time, so a part, or a value of its column, has one row whose revision
// each of its changes replaces.
//
// Threads:   functions of their arguments.
// Errors:    invalid_argument: there is no such table or column, or no trigger can keep it; else as
//            the connection's.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"
#include "headrace/revisions.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

// Tables of Headrace's own; of another's the names are free.
inline constexpr std::string_view revision_tables[] = {
    R"(CREATE TABLE headrace_part(name TEXT, "column" TEXT, identity TEXT NOT NULL, )"
    R"(PRIMARY KEY (name, "column")) WITHOUT ROWID)",
    R"(CREATE TABLE headrace_revision(name TEXT, "column" TEXT, value TEXT, )"
    R"(revision TEXT NOT NULL, PRIMARY KEY (name, "column", value)) WITHOUT ROWID)"};

struct Keeping {
  struct Trigger {
    std::string name{};
    std::string sql{};   // As sqlite_schema has it once it is there.
    std::string does{};  // For people: "insert".
  };

  Part part{};              // Named as the schema does, without a value.
  bool is_numeric = false;  // Its column turns texts into numbers.
  std::vector<Trigger> triggers{};
};

// By the schema as it is now: another one may want other triggers.
[[nodiscard]] Result<Keeping> keeping_of(const Part& part, Connection& connection);

}  // namespace headrace::sqlite
