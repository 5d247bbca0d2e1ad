// server/resp/table.h: all commands, by their names.
//
// Threads:   constant once it was first used.
// Errors:    look_up() returns what Redis says: of an unknown command, subcommand, or of arguments
//            of the wrong number.
// Lifetimes: as long as the program.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "server/resp/command.h"

namespace headrace::resp {

// In the order of their names; a container stands right before its subcommands.
[[nodiscard]] const std::vector<const Command*>& all_commands();

// By its full name, "get" or "client|id", whatever its case; null: there is none.
[[nodiscard]] const Command* find_command(std::string_view name);

// The command that `args` make; subcommands are found by their second word.  REQUIRES: not empty.
[[nodiscard]] std::expected<const Command*, std::string> look_up(Args args);

}  // namespace headrace::resp
