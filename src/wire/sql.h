// wire/sql.h: the grammar that sources which speak SQL have in common.
//
// Threads:   functions of their arguments.
// Errors:    texts for people.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headrace::wire {

// An identifier in double quotes, as SQL wants it where it is to be taken as it is.
[[nodiscard]] std::string sql_quoted(std::string_view identifier);

// What is asked, of a SqlQuestion.
struct SqlNames {
  std::string_view table{};
  std::string_view key{};
  std::string_view query{};
  const std::vector<std::string>& fields;
  bool has_rows = true;  // Some may come.
};

// What is wrong with it, whatever the database has; empty if nothing is.
[[nodiscard]] std::string fault_of(const SqlNames& asked);

}  // namespace headrace::wire
