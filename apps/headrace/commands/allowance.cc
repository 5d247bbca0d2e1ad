// The command `allowance`: what is left of an entity's balance, and a spend of it.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/remote.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

// "37 left, open"
std::string balance_text(const boost::json::value& said) {
  const std::string state = text_of(said, "state");
  const std::string left =
      state == "amount" || state == "exhausted" ? text_of(said, "left") + " left" : state;
  return left + (text_of(said, "open") == "true" ? ", open" : ", shut");
}

wire::Request request_of(const AllowanceCommand& command) {
  const std::string path =
      fmt::format("/v1/allowances/{}/{}", wire::percent_encode(command.allowance),
                  wire::percent_encode(command.entity));
  if (command.spend == 0) return {.target = path};
  wire::Request request{.method = "POST",
                        .target = path + "/spend",
                        .body = fmt::format(R"({{"amount":{}}})", command.spend)};
  request.headers.push_back({.name = "Content-Type", .value = "application/json"});
  return request;
}

}  // namespace

int allowance(const AllowanceCommand& command) {
  const auto response = ask(command.remote, request_of(command));
  if (!response) return response.error();
  const auto said = json_of(response->body);
  if (response->status == 404 || !said) {
    tell_problem(*response);
    return exit_usage;
  }
  const auto granted = static_cast<std::int64_t>(number_of(*said, "granted"));
  if (command.remote.json) {
    fmt::print("{}\n", response->body);
  } else if (command.spend == 0) {
    fmt::print("{}\n", balance_text(*said));
  } else {
    fmt::print("granted {} of {}; {}\n", granted, command.spend, balance_text(*said));
  }
  return granted < command.spend ? exit_limited : exit_ok;
}

}  // namespace headrace::app
