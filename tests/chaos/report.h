// chaos/report.h: the outcomes of runs, as a table for people and as JSON for programs.
//
// Threads: none.  Errors: none.  Lifetimes: values.
#pragma once

#include <string>

#include "chaos/run.h"

namespace headrace::chaos {

[[nodiscard]] std::string table_head();
[[nodiscard]] std::string table_row(const Outcome& outcome);
// What is to be told besides: the first violation, and errors that readers and writers met.
[[nodiscard]] std::string remarks(const Outcome& outcome);
[[nodiscard]] std::string json_of(const Outcome& outcome);

}  // namespace headrace::chaos
