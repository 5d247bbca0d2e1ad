// The command `probe`: whether a server lives, or wants requests, for whoever looks after it.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/remote.h"

namespace headrace::app {

int probe(const ProbeCommand& command) {
  const auto response = ask(command.remote, {.target = "/" + command.what});
  if (!response) return response.error();
  if (response->status != 200) {
    tell_problem(*response);
    return exit_unavailable;
  }
  fmt::print("{}", response->body);
  return exit_ok;
}

}  // namespace headrace::app
