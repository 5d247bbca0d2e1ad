// sql/question.h: what is wrong with a SqlQuestion, whichever database is asked; and names in SQL.
//
// Threads:   functions of their arguments.
// Errors:    texts for people.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>

#include "headrace/sql_question.h"

namespace headrace::sql {

// An identifier in double quotes, as SQL wants it where it is to be taken as it is.
[[nodiscard]] std::string quoted(std::string_view identifier);

// Empty if nothing is.
[[nodiscard]] std::string fault_of(const SqlQuestion& asked);

}  // namespace headrace::sql
