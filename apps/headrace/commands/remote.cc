#include "commands/remote.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>

#include "client.h"
#include "headrace/runtime.h"
#include "headrace/sync.h"

namespace headrace::app {

namespace json = boost::json;

Result<std::string> api_key_of(const std::string& file) {
  if (file.empty()) {
    const char* key = std::getenv("HEADRACE_API_KEY");
    return key == nullptr ? std::string() : std::string(key);
  }
  std::ifstream in(file);
  std::string key;
  if (!std::getline(in, key)) {
    return failure(Code::invalid_argument, "the API key file " + file + " cannot be read");
  }
  return key;
}

int exit_of(int status) noexcept {
  if (status < 400) return exit_ok;
  switch (status) {
    case 401:
    case 403: return exit_auth;
    case 404:
    case 410: return exit_absent;
    case 409:
    case 412: return exit_conflict;
    case 429: return exit_limited;
    default: return status >= 500 ? exit_unavailable : exit_usage;
  }
}

void tell_problem(const wire::Response& response) {
  const auto problem = json_of(response.body);
  std::string said;
  if (problem) {
    said = text_of(*problem, "detail");
    if (said.empty()) said = text_of(*problem, "title");
  }
  if (said.empty()) said = fmt::format("the server answered with status {}", response.status);
  const std::string id = problem ? text_of(*problem, "request_id") : std::string();
  fmt::print(stderr, "headrace: {}{}\n", said, id.empty() ? "" : " (request " + id + ")");
}

std::expected<wire::Response, int> ask(const Remote& remote, wire::Request request) {
  auto key = api_key_of(remote.api_key_file);
  if (!key) {
    fmt::print(stderr, "headrace: {}\n", key.error().what);
    return std::unexpected(exit_auth);
  }
  Runtime runtime({.threads = 1});
  auto client = Client::make({.url = remote.url,
                              .api_key = std::move(*key),
                              .tls = {.authorities = remote.ca_file,
                                      .certificate = remote.cert_file,
                                      .key = remote.key_file}},
                             runtime);
  if (!client) {
    fmt::print(stderr, "headrace: {}\n", client.error().what);
    return std::unexpected(exit_usage);
  }
  Task<Result<wire::Response>> asking = (*client)->send(std::move(request));
  Result<wire::Response> response = wait(std::move(asking));
  (*client)->close();
  runtime.stop();
  if (!response) {
    fmt::print(stderr,
               "headrace: {}\nNo answer from {}. Does `headrace serve` run there? Name another "
               "server with --url or HEADRACE_URL.\n",
               response.error().what, remote.url);
    return std::unexpected(exit_unavailable);
  }
  if (response->status >= 400 && response->status != 404) {
    tell_problem(*response);
    return std::unexpected(exit_of(response->status));
  }
  return std::move(*response);
}

std::optional<json::value> json_of(const std::string& body) {
  boost::system::error_code fault;
  json::value value = json::parse(body, fault);
  if (fault) return std::nullopt;
  return value;
}

std::string text_of(const json::value& object, std::string_view name) {
  if (!object.is_object()) return {};
  const json::value* found = object.as_object().if_contains(name);
  if (found == nullptr || found->is_null()) return {};
  if (found->is_string()) return std::string(found->as_string());
  return json::serialize(*found);
}

double number_of(const json::value& object, std::string_view name) {
  if (!object.is_object()) return 0;
  const json::value* found = object.as_object().if_contains(name);
  if (found == nullptr || !found->is_number()) return 0;
  boost::system::error_code fault;
  const double number = found->to_number<double>(fault);
  return fault ? 0 : number;
}

}  // namespace headrace::app
