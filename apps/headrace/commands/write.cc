// The command `write`: changes fields of one entity in the source, or removes it.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "commands/commands.h"
#include "commands/remote.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

// The body: each value as it was typed, so that no digit is lost.  None, and a word about it, if an
// argument is no field=json.
std::optional<std::string> body_of(const std::vector<std::string>& fields) {
  std::string body;
  for (const std::string& field : fields) {
    const std::size_t equals = field.find('=');
    if (equals == std::string::npos || equals == 0) {
      fmt::print(stderr, "headrace: a field is name=json, as age=42; \"{}\" is none\n", field);
      return std::nullopt;
    }
    const std::string value = field.substr(equals + 1);
    if (!json_of(value)) {
      fmt::print(stderr,
                 "headrace: the value of {} is not JSON; a string wants its quotes, as "
                 "{}='\"text\"'\n",
                 field.substr(0, equals), field.substr(0, equals));
      return std::nullopt;
    }
    body += (body.empty() ? "{" : ",") + json::serialize(json::value(field.substr(0, equals)));
    body += ":" + value;
  }
  return body + "}";
}

bool makes_sense(const WriteCommand& command) {
  if (command.remove && (command.create || !command.fields.empty())) {
    fmt::print(stderr, "headrace: --remove takes no fields and no --create\n");
    return false;
  }
  if (command.remove || !command.fields.empty()) return true;
  fmt::print(stderr, "headrace: name what to write, as name='\"Ada\"', or --remove\n");
  return false;
}

int tell_written(const wire::Response& response, const WriteCommand& command) {
  if (response.status == 404) {
    const auto problem = json_of(response.body);
    tell_problem(response);
    return problem && text_of(*problem, "code") == "not-found" ? exit_absent : exit_usage;
  }
  const auto said = json_of(response.body);
  const std::string held = said ? text_of(*said, "held") : "";
  if (command.remote.json) {
    fmt::print("{}\n", response.body);
  } else {
    fmt::print("{}; {}\n", command.remove ? "removed" : "written",
               held == "everywhere"
                   ? "what it outdates is gone everywhere"
                   : "what it outdates is gone in that instance, and the store will be told until "
                     "it confirms");
  }
  return exit_ok;
}

}  // namespace

int write(const WriteCommand& command) {
  if (!makes_sense(command)) return exit_usage;
  wire::Request request{
      .method = command.remove ? "DELETE" : "PATCH",
      .target =
          fmt::format("/v1/source/{}/{}{}", wire::percent_encode(command.policy),
                      wire::percent_encode(command.entity), command.create ? "?create=true" : "")};
  if (!command.remove) {
    auto body = body_of(command.fields);
    if (!body) return exit_usage;
    request.body = *std::move(body);
    request.headers.push_back({.name = "Content-Type", .value = "application/json"});
  }
  const auto response = ask(command.remote, std::move(request));
  if (!response) return response.error();
  return tell_written(*response, command);
}

}  // namespace headrace::app
