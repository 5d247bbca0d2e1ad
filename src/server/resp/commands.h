// server/resp/commands.h: the parts of the table of commands, each beside what its commands do.
//
// Threads:   constants.
// Errors:    none.
// Lifetimes: as long as the program.
#pragma once

#include <span>

#include "server/resp/command.h"

namespace headrace::resp {

[[nodiscard]] std::span<const Command> string_commands() noexcept;
[[nodiscard]] std::span<const Command> number_commands() noexcept;
[[nodiscard]] std::span<const Command> key_commands() noexcept;
[[nodiscard]] std::span<const Command> object_commands() noexcept;
[[nodiscard]] std::span<const Command> expiry_commands() noexcept;
[[nodiscard]] std::span<const Command> hash_commands() noexcept;
[[nodiscard]] std::span<const Command> keyspace_commands() noexcept;
[[nodiscard]] std::span<const Command> connection_commands() noexcept;
[[nodiscard]] std::span<const Command> client_commands() noexcept;
[[nodiscard]] std::span<const Command> transaction_commands() noexcept;
[[nodiscard]] std::span<const Command> pubsub_commands() noexcept;
[[nodiscard]] std::span<const Command> server_commands() noexcept;
[[nodiscard]] std::span<const Command> command_commands() noexcept;
[[nodiscard]] std::span<const Command> engine_commands() noexcept;

}  // namespace headrace::resp
