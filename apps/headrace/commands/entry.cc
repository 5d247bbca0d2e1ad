// The commands for one entry: read, put, and invalidate.
#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>
#include <optional>

#include "commands/commands.h"
#include "commands/remote.h"
#include "terminal.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

std::string path_of(std::string_view verb, const std::string& policy, const std::string& entity) {
  return fmt::format("/v1/{}/{}/{}", verb, wire::percent_encode(policy),
                     wire::percent_encode(entity));
}

std::string_view header_or(const wire::Response& response, std::string_view name,
                           std::string_view otherwise) {
  return response.header(name).value_or(otherwise);
}

// The parameter `name` of a Cache-Status: "memory" for "detail" in "headrace; hit; detail=memory".
std::string_view parameter_of(std::string_view status, std::string_view name) {
  while (!status.empty()) {
    const std::size_t end = std::min(status.find(';'), status.size());
    std::string_view part = status.substr(0, end);
    status.remove_prefix(std::min(end + 1, status.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with(name) && part.substr(name.size()).starts_with('=')) {
      return part.substr(name.size() + 1);
    }
  }
  return {};
}

double number_in(std::string_view text) {
  return std::strtod(std::string(text).c_str(), nullptr);
}

// "hit  memory  age 1.2 s  bound 300 s"
std::string provenance(const wire::Response& response) {
  const std::string_view status = header_or(response, "Cache-Status", "");
  const bool hit = status.contains("; hit");
  const double age_ms = number_in(header_or(response, "Headrace-Age-Ms", "0"));
  return fmt::format("{}  {}  age {}  bound {} s{}", hit ? "hit" : "miss",
                     hit ? parameter_of(status, "detail") : "source",
                     short_time(Duration(static_cast<std::int64_t>(age_ms * 1e6))),
                     header_or(response, "Headrace-Bound", "?"),
                     hit ? "" : fmt::format("  ({})", parameter_of(status, "detail")));
}

std::string as_json(const wire::Response& response, bool absent) {
  const std::string_view status = header_or(response, "Cache-Status", "");
  const bool hit = status.contains("; hit");
  json::object all;
  all["kind"] = absent ? "absent" : response.body == "null" ? "null" : "value";
  const auto value = absent ? std::nullopt : json_of(response.body);
  all["value"] = value ? *value : json::value(nullptr);
  all["hit"] = hit;
  all["origin"] = hit ? std::string(parameter_of(status, "detail")) : "source";
  all["reason"] = std::string(parameter_of(status, "detail"));
  all["age_ms"] = number_in(header_or(response, "Headrace-Age-Ms", "0"));
  all["bound_s"] = number_in(header_or(response, "Headrace-Bound", "0"));
  return json::serialize(all);
}

wire::Request json_request(std::string method, std::string target, std::string body) {
  wire::Request request{
      .method = std::move(method), .target = std::move(target), .body = std::move(body)};
  request.headers.push_back({.name = "Content-Type", .value = "application/json"});
  return request;
}

// Tells when an invalidation or a put holds.
int tell_held(const wire::Response& response, const Remote& remote, std::string_view done) {
  if (response.status == 404) {
    tell_problem(response);
    return exit_usage;
  }
  const bool pending = response.status == 202;
  if (remote.json) {
    fmt::print("{}\n", response.body);
  } else if (pending) {
    fmt::print("{}; it holds in that instance, and the store will be told until it confirms\n",
               done);
  } else {
    fmt::print("{}; it holds everywhere\n", done);
  }
  return exit_ok;
}

// What this holds at most; a server takes 8 MiB, unless its limits say more.
constexpr std::size_t value_bytes_max = 64 << 20;

// Nothing if it has more than that.
std::optional<std::string> value_on_stdin() {
  std::string value;
  std::array<char, 1 << 16> piece{};
  while (std::cin.read(piece.data(), piece.size()) || std::cin.gcount() > 0) {
    value.append(piece.data(), static_cast<std::size_t>(std::cin.gcount()));
    if (value.size() > value_bytes_max) return std::nullopt;
  }
  return value;
}

}  // namespace

int read(const ReadCommand& command) {
  wire::Request request{.target = path_of("read", command.policy, command.entity)};
  if (command.refresh) request.headers.push_back({.name = "Cache-Control", .value = "no-cache"});
  const auto response = ask(command.remote, std::move(request));
  if (!response) return response.error();
  const bool absent = response->status == 404;
  if (absent && !response->header("Cache-Status")) {  // Not the entity is missing: the policy.
    tell_problem(*response);
    return exit_usage;
  }
  if (command.remote.json) {
    fmt::print("{}\n", as_json(*response, absent));
  } else {
    if (!absent) fmt::print("{}{}", response->body, is_terminal(stdout) ? "\n" : "");
    std::fflush(stdout);
    fmt::print(stderr, "{}{}\n", absent ? "absent  " : "", provenance(*response));
  }
  return absent ? exit_absent : exit_ok;
}

int put(const PutCommand& command) {
  const auto value = command.value == "-" ? value_on_stdin() : std::optional(command.value);
  if (!value) {
    fmt::print(stderr, "headrace: the value on standard input has more than {} bytes\n",
               value_bytes_max);
    return exit_usage;
  }
  const auto response = ask(
      command.remote, json_request("PUT", path_of("put", command.policy, command.entity), *value));
  if (!response) return response.error();
  return tell_held(*response, command.remote, "kept");
}

int invalidate(const InvalidateCommand& command) {
  json::object body;
  json::array keys;
  for (const std::string& key : command.keys) {
    const std::size_t slash = key.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == key.size()) {
      fmt::print(stderr, "headrace: a key is policy/entity, as user/42; \"{}\" is none\n", key);
      return exit_usage;
    }
    keys.push_back({{"policy", key.substr(0, slash)}, {"entity", key.substr(slash + 1)}});
  }
  if (!keys.empty()) body["keys"] = std::move(keys);
  if (!command.tags.empty()) body["tags"] = json::value_from(command.tags);
  if (!command.policies.empty()) body["policies"] = json::value_from(command.policies);
  if (command.everything) body["everything"] = true;
  if (body.empty()) {
    fmt::print(stderr,
               "headrace: name what to invalidate: keys as policy/entity, --tag, --policy "
               "or --everything\n");
    return exit_usage;
  }
  const auto response =
      ask(command.remote, json_request("POST", "/v1/invalidate", json::serialize(body)));
  if (!response) return response.error();
  return tell_held(*response, command.remote, "invalidated");
}

}  // namespace headrace::app
