// The commands `tenants ...`: who may use the service, by which keys, and how much.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "commands/commands.h"
#include "commands/remote.h"
#include "wire/uri.h"

namespace headrace::app {

namespace {

namespace json = boost::json;

wire::Request request_of(std::string method, std::string target, const json::object& body) {
  wire::Request request{
      .method = std::move(method), .target = std::move(target), .body = json::serialize(body)};
  request.headers.push_back({.name = "Content-Type", .value = "application/json"});
  return request;
}

std::string path_of(std::string_view what, const std::string& name) {
  return fmt::format("/v1/admin/{}/{}", what, wire::percent_encode(name));
}

json::object limits_of(const TenantsCommand& command) {
  json::object limits;
  for (const auto& [name, value] : command.limits) limits[name] = value;
  if (command.suspended) limits["suspended"] = *command.suspended;
  return limits;
}

json::array texts_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& one : texts) array.emplace_back(one);
  return array;
}

json::object new_key_of(const TenantsCommand& command) {
  json::object key{{"tenant", command.name}, {"name", command.label}, {"kind", command.kind}};
  if (!command.scopes.empty()) key["scopes"] = texts_of(command.scopes);
  key["policies"] = texts_of(command.policies);
  key["key_prefix"] = command.key_prefix;
  if (!command.expires_at.empty()) key["expires_at"] = command.expires_at;
  return key;
}

// An answer that is none becomes the exit code; 404 is one here.
std::expected<json::value, int> said_to(const Remote& remote, wire::Request request) {
  const auto response = ask(remote, std::move(request));
  if (!response) return std::unexpected(response.error());
  if (response->status == 404) {
    tell_problem(*response);
    return std::unexpected(exit_absent);
  }
  if (response->body.empty()) return json::value(json::object());
  auto said = json_of(response->body);
  if (said) return *std::move(said);
  fmt::print(stderr, "headrace: the answer is no JSON\n");
  return std::unexpected(exit_unavailable);
}

std::string limit_text(const json::value& tenant, std::string_view name) {
  const std::string value = text_of(tenant, name);
  return value == "0" ? "-" : value;
}

constexpr std::string_view tenant_columns = "{:32} {:>9} {:>9} {:>9} {:>10} {:>10} {:>14} {}\n";

void print_tenant(const json::value& tenant) {
  fmt::print(tenant_columns, text_of(tenant, "name"), limit_text(tenant, "burst"),
             limit_text(tenant, "sustained"), limit_text(tenant, "daily"),
             limit_text(tenant, "records_max"), limit_text(tenant, "bytes_max"),
             text_of(tenant, "value_bytes_max"),
             text_of(tenant, "suspended") == "true" ? "suspended" : "active");
}

void print_tenants(const json::value& said) {
  fmt::print(tenant_columns, "tenant", "burst/s", "per min", "per day", "records", "bytes",
             "value bytes", "state");
  if (said.is_object() && said.as_object().contains("tenants")) {
    for (const json::value& one : said.at("tenants").as_array()) print_tenant(one);
  } else {
    print_tenant(said);
  }
}

constexpr std::string_view key_columns = "{:8} {:5} {:20} {:8} {:24} {:24} {}\n";

void print_keys(const json::value& said) {
  fmt::print(key_columns, "key", "kind", "name", "state", "last used", "ends", "scopes");
  for (const json::value& one : said.at("keys").as_array()) {
    std::string scopes;
    for (const json::value& scope : one.at("scopes").as_array()) {
      scopes.append(scopes.empty() ? "" : " ").append(scope.as_string());
    }
    const auto moment = [&one](std::string_view name) {
      const std::string at = text_of(one, name);
      return at.empty() ? std::string("-") : at;
    };
    fmt::print(key_columns, text_of(one, "key_id"), text_of(one, "kind"), text_of(one, "name"),
               text_of(one, "state"), moment("last_used_at"), moment("expires_at"), scopes);
  }
}

void print_events(const json::value& said) {
  for (const json::value& one : said.at("events").as_array()) {
    fmt::print("{}  {:16} {:20} {:8} by {} from {}  {}\n", text_of(one, "at"), text_of(one, "what"),
               text_of(one, "tenant"), text_of(one, "key_id"), text_of(one, "who"),
               text_of(one, "from"), text_of(one, "detail"));
  }
}

// The key goes to standard output alone, so that it can be put where it belongs.
void print_made_key(const json::value& said) {
  fmt::print(stderr, "Key {} of {}, shown this once:\n", text_of(said, "key_id"),
             text_of(said, "tenant"));
  fmt::print("{}\n", text_of(said, "key"));
}

int show(const TenantsCommand& command) {
  const auto tenant = said_to(command.remote, {.target = path_of("tenants", command.name)});
  if (!tenant) return tenant.error();
  const auto keys = said_to(
      command.remote, {.target = "/v1/admin/keys?tenant=" + wire::percent_encode(command.name)});
  if (!keys) return keys.error();
  if (command.remote.json) {
    json::object all = tenant->as_object();
    all["keys"] = keys->at("keys");
    fmt::print("{}\n", json::serialize(all));
    return exit_ok;
  }
  print_tenants(*tenant);
  fmt::print("\n");
  print_keys(*keys);
  return exit_ok;
}

wire::Request request_of(const TenantsCommand& command) {
  const std::string& stage = command.stage;
  if (stage == "create") {
    json::object body = limits_of(command);
    body["name"] = command.name;
    return request_of("POST", "/v1/admin/tenants", body);
  }
  if (stage == "list") return {.target = "/v1/admin/tenants"};
  if (stage == "limits") {
    return request_of("PATCH", path_of("tenants", command.name), limits_of(command));
  }
  if (stage == "key") return request_of("POST", "/v1/admin/keys", new_key_of(command));
  if (stage == "rotate") {
    return request_of("POST", path_of("keys", command.name) + "/rotate",
                      {{"grace_seconds", command.grace_seconds}});
  }
  if (stage == "revoke") return {.method = "DELETE", .target = path_of("keys", command.name)};
  return {.target = fmt::format("/v1/admin/events?limit={}", command.events_max)};
}

}  // namespace

int tenants(const TenantsCommand& command) {
  if (command.stage == "show") return show(command);
  const auto said = said_to(command.remote, request_of(command));
  if (!said) return said.error();
  if (command.remote.json) {
    fmt::print("{}\n", json::serialize(*said));
  } else if (command.stage == "key" || command.stage == "rotate") {
    print_made_key(*said);
  } else if (command.stage == "events") {
    print_events(*said);
  } else if (command.stage == "revoke") {
    fmt::print("{} holds no more\n", command.name);
  } else {
    print_tenants(*said);
  }
  return exit_ok;
}

}  // namespace headrace::app
