// commands/manual.h: the page headrace(1) of the manual.
//
// Threads:   a pure function.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>

#include "commands/grammar.h"

namespace headrace::app {

// In the macros of man(7).
[[nodiscard]] std::string manual(const Word& root, std::string_view version);

}  // namespace headrace::app
