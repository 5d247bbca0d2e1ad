// feeds/sqlite/watched.h: the tables that an outbox tells of, as the schema has them now.
//
// Threads:   functions of their arguments; a connection belongs to one thread.
// Errors:    invalid_argument, for people; else as the connection's.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/feeds/sqlite.h"
#include "headrace/result.h"
#include "sqlite/connection.h"

namespace headrace::sqlite::feed {

struct Watched {
  struct Value {
    std::string name{};  // As it was asked for, and is told.
    std::string column{};
  };

  std::string table{};  // As Dependency::collection.
  // The one column of the primary key; empty: it has not one, or nobody can tell which rows REPLACE
  // removes.  Then a change is one of any row.
  std::string key{};
  std::vector<std::string> columns{};
  std::vector<Value> values{};
  std::string conflicts{};  // As Conflicts::where.
};

// What is wrong with it, as far as that shows without the file.
[[nodiscard]] Result<void> check_name(std::string_view name);
[[nodiscard]] Result<void> check(const SqliteOutbox& outbox);

[[nodiscard]] Result<std::vector<Watched>> read_watched(const SqliteOutbox& outbox,
                                                        Connection& connection);

}  // namespace headrace::sqlite::feed
