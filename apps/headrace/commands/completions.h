// commands/completions.h: what a shell has to know to complete the program's command line.
//
// Threads:   a pure function.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <string>

#include "commands/grammar.h"

namespace headrace::app {

enum class Shell : std::uint8_t { bash, zsh, fish };

// A script for that shell.  Values that are not one of a few are completed as names of files.
[[nodiscard]] std::string completions(const Word& root, Shell shell);

}  // namespace headrace::app
