// sql/part.h: the names of a source's parts, as people write them: `orders`, `progress[user_id]`.
//
// Threads:   functions of their arguments.
// Errors:    invalid_argument, for people.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>

#include "headrace/result.h"
#include "headrace/revisions.h"

namespace headrace::sql {

// Without its value.
[[nodiscard]] std::string name_of(const Part& part);

// A bracket in a table's name counts as part of it inside double quotes.
[[nodiscard]] Result<Part> part_of(std::string_view name);

// Whose triggers are not all there.
[[nodiscard]] Error nobody_keeps(const Part& part);

// What is wrong with the parts of a question; empty if nothing is.
[[nodiscard]] std::string fault_of(const Part& part);

}  // namespace headrace::sql
