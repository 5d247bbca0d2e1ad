#include "server/http/write_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "core/nearest.h"
#include "server/http/json_body.h"
#include "server/http/json_members.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "server/http/read_query.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

// What the URL of a write says.
struct Target {
  std::string entity{};
  bool create = false;
};

Outcome<bool> truth_of(std::string_view name, std::string_view value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return problem("bad-request", std::string(name) + " is true or false");
}

Outcome<Target> target_of(const Call& call, bool may_create) {
  const auto parameters = wire::parameters_of(call.request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  Target target;
  std::optional<std::string> key;
  for (const auto& [name, value] : *parameters) {
    const Outcome<bool> is_key = take_key(key, name, value);
    if (!is_key) return std::unexpected(is_key.error());
    if (*is_key) continue;
    if (name != "create" || !may_create) {
      constexpr std::array<std::string_view, 3> names = {"key", "key_b64", "create"};
      return problem("bad-request",
                     "this write has no parameter \"" + name + "\"" + nearest_hint(name, names));
    }
    const Outcome<bool> create = truth_of(name, value);
    if (!create) return std::unexpected(create.error());
    target.create = *create;
  }
  const bool in_path = call.captures.size() == 2;
  if (in_path && key) {
    return problem("ambiguous-key", "name the entity once: in the path or in the query");
  }
  if (!in_path && !key) {
    return problem("bad-request", "name the entity: in the path, as ?key= or as ?key_b64=");
  }
  target.entity = in_path ? call.captures[1] : *std::move(key);
  if (const Outcome<void> checked = check_entity(target.entity); !checked) {
    return std::unexpected(checked.error());
  }
  return target;
}

// RFC 6901.
std::string pointer_to(std::string_view name) {
  std::string pointer = "/";
  for (const char c : name) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

void check(const Fields& fields, JsonBody& body) {
  if (fields.empty()) body.fault("", "changes nothing: name at least one field");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bool again =
        std::any_of(fields.begin(), fields.begin() + static_cast<std::ptrdiff_t>(i),
                    [&](const auto& earlier) { return earlier.first == fields[i].first; });
    if (again) body.fault(pointer_to(fields[i].first), "stands twice");
  }
}

// What an error of a write means.  Where it begins with a field's name it points at it.
Problem problem_of_write(const Error& error, const Fields& fields) {
  if (error.code == Code::cancelled) {
    return {.code = "backend-unavailable", .detail = error.what};
  }
  if (error.code != Code::invalid_argument) return problem_of(error);
  Problem::Fault fault{.detail = error.what};
  for (const auto& [name, value] : fields) {
    if (!error.what.starts_with(name + ": ")) continue;
    fault = {.pointer = pointer_to(name), .detail = error.what.substr(name.size() + 2)};
    break;
  }
  return {.code = "validation", .detail = error.what, .errors = {std::move(fault)}};
}

Answered answered(const WriteOutcome& outcome) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.text("held", name_of(outcome.held));
  json.text("revision", outcome.revision);
  return answered;
}

}  // namespace

void WriteRoutes::add_to(Router& router) {
  const Handler change_one = [this](Call call) { return change(std::move(call)); };
  const Handler remove_one = [this](Call call) { return remove(std::move(call)); };
  router.add({"PATCH", "/v1/source/{policy}/{entity}", Route::source,
              "write fields to the source; ?create=true", change_one});
  router.add({"PATCH", "/v1/source/{policy}", Route::source,
              "the same, by ?key= or ?key_b64=", change_one});
  router.add({"DELETE", "/v1/source/{policy}/{entity}", Route::source,
              "remove an entity from the source", remove_one});
  router.add({"DELETE", "/v1/source/{policy}", Route::source,
              "the same, by ?key= or ?key_b64=", remove_one});
}

Task<Outcome<Answered>> WriteRoutes::change(Call call) {
  Outcome<Target> target = target_of(call, true);
  if (!target) co_return std::unexpected(std::move(target.error()));
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  Write write{.entity = std::move(target->entity),
              .mode = target->create ? Write::Mode::upsert : Write::Mode::update};
  if (body->value().is_object()) {
    // Not the parsed values: a number of the body must reach the source digit for digit.
    write.fields = members_of(call.request.body);
    check(write.fields, *body);
  } else {
    body->fault("", "must be an object: the fields and their new values");
  }
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto written = this->write(std::move(call.captures[0]), std::move(write));
  co_return co_await std::move(written);
}

Task<Outcome<Answered>> WriteRoutes::remove(Call call) {
  Outcome<Target> target = target_of(call, false);
  if (!target) co_return std::unexpected(std::move(target.error()));
  if (!call.request.body.empty()) {
    co_return problem("bad-request", "a removal has no body; to change fields send PATCH");
  }
  Write write{.entity = std::move(target->entity), .mode = Write::Mode::remove};
  auto written = this->write(std::move(call.captures[0]), std::move(write));
  co_return co_await std::move(written);
}

Task<Outcome<Answered>> WriteRoutes::write(std::string policy, Write write) {
  Outcome<PolicyHandle> handle = find_policy(engine_, policy);
  if (!handle) co_return std::unexpected(std::move(handle.error()));
  const Fields fields = write.fields;
  const bool removes = write.mode == Write::Mode::remove;
  auto writing = engine_.write(*std::move(handle), std::move(write));
  const Result<WriteOutcome> outcome = co_await std::move(writing);
  if (!outcome) co_return std::unexpected(problem_of_write(outcome.error(), fields));
  if (!outcome->found) {
    co_return problem("not-found", removes
                                       ? "the source has no such entity"
                                       : "the source has no such entity; ?create=true makes one");
  }
  co_return answered(*outcome);
}

}  // namespace headrace::http
