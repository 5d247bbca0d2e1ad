#include "server/http/write_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "core/nearest.h"
#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "server/http/read_query.h"
#include "server/http/write_body.h"
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

constexpr char conflict_text[] = "the entity is in another state; nothing was changed";

// What If-Match and If-None-Match want of the entity.
Outcome<void> take_conditions(const Call& call, Write& write) {
  const std::optional<std::string_view> match = call.request.header("if-match");
  const std::optional<std::string_view> none_match = call.request.header("if-none-match");
  if (match && none_match) {
    return problem("bad-request", "send If-Match or If-None-Match, not both");
  }
  if (none_match) {
    if (*none_match != "*" || write.mode != Write::Mode::upsert) {
      return problem("bad-request",
                     "a write takes If-None-Match: * together with ?create=true alone: it then "
                     "makes what is not there");
    }
    write.expected = "";
  }
  if (!match) return {};
  if (*match == "*") {  // There has to be one, whatever its state.
    if (write.mode == Write::Mode::upsert) write.mode = Write::Mode::update;
    return {};
  }
  if (match->size() < 3 || !match->starts_with('"') || !match->ends_with('"') ||
      match->substr(1, match->size() - 2).contains('"')) {
    return problem("bad-request",
                   "If-Match is * or the one ETag that GET of the same URL has given");
  }
  write.expected = match->substr(1, match->size() - 2);
  return {};
}

Answered answered_with(const Current& current) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"},
                               {"ETag", "\"" + current.state + "\""}};
  answered.response.body = current.kind == Kind::null ? "null" : current.payload;
  return answered;
}

void append_result(std::string& out, const Problem& problem) {
  JsonObject json(out);
  json.number("status", problem_kind(problem.code).status);
  json.text("code", problem.code);
  json.text("detail", problem.detail);
  if (!problem.errors.empty() && !problem.errors.front().pointer.empty()) {
    json.text("pointer", problem.errors.front().pointer);
  }
}

void append_result(std::string& out, const Write& write, const std::string& pointer,
                   const Result<WriteOutcome>& outcome) {
  if (!outcome) {
    append_result(out, problem_of_write(outcome.error(), write.fields, pointer));
  } else if (outcome->conflict) {
    append_result(out, {.code = "precondition-failed", .detail = conflict_text});
  } else if (!outcome->found) {
    append_result(out, {.code = "not-found", .detail = "the source has no such entity"});
  } else {
    JsonObject json(out);
    json.number("status", 200);
    json.text("held", name_of(outcome->held));
    json.text("revision", outcome->revision);
  }
}

Answered answered_with(const std::vector<Write>& writes,
                       const std::vector<Result<WriteOutcome>>& outcomes) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  JsonArray results(json.member("results"));
  for (std::size_t i = 0; i < writes.size(); ++i) {
    append_result(results.next(), writes[i], "/writes/" + std::to_string(i) + "/fields",
                  outcomes[i]);
  }
  return answered;
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
  const Handler read_one = [this](Call call) { return read(std::move(call)); };
  const Handler change_many = [this](Call call) { return change_all(std::move(call)); };
  router.add({"GET", "/v1/source/{policy}/{entity}", Route::source,
              "an entity as the source has it, with the ETag for If-Match", read_one});
  router.add(
      {"GET", "/v1/source/{policy}", Route::source, "the same, by ?key= or ?key_b64=", read_one});
  router.add(
      {"POST", "/v1/source/{policy}", Route::source, "many writes, each on its own", change_many});
  router.add({"PATCH", "/v1/source/{policy}/{entity}", Route::source,
              "write fields to the source; ?create=true", change_one});
  router.add({"PATCH", "/v1/source/{policy}", Route::source,
              "the same, by ?key= or ?key_b64=", change_one});
  router.add({"DELETE", "/v1/source/{policy}/{entity}", Route::source,
              "remove an entity from the source", remove_one});
  router.add({"DELETE", "/v1/source/{policy}", Route::source,
              "the same, by ?key= or ?key_b64=", remove_one});
}

// What an update starts from: never what is kept.
Task<Outcome<Answered>> WriteRoutes::read(Call call) {
  Outcome<Target> target = target_of(call, false);
  if (!target) co_return std::unexpected(std::move(target.error()));
  Outcome<PolicyHandle> handle = find_policy(engine_, call.captures[0]);
  if (!handle) co_return std::unexpected(std::move(handle.error()));
  auto asking = engine_.fetch_for_update(*std::move(handle), std::move(target->entity));
  const Result<Current> current = co_await std::move(asking);
  if (!current) co_return std::unexpected(problem_of(current.error()));
  if (current->kind == Kind::absent) {
    co_return problem("not-found", "the source has no such entity");
  }
  co_return answered_with(*current);
}

Task<Outcome<Answered>> WriteRoutes::change_all(Call call) {
  if (!call.request.query().empty()) {
    co_return problem("bad-request", "many writes have no parameters; each says what it is");
  }
  Outcome<PolicyHandle> handle = find_policy(engine_, call.captures[0]);
  if (!handle) co_return std::unexpected(std::move(handle.error()));
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  const std::vector<Write> writes =
      writes_of(call.request.body, Engine::Limits{}.writes_max, *body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto writing = engine_.write_many(*std::move(handle), writes);
  const std::vector<Result<WriteOutcome>> outcomes = co_await std::move(writing);
  co_return answered_with(writes, outcomes);
}

Task<Outcome<Answered>> WriteRoutes::change(Call call) {
  Outcome<Target> target = target_of(call, true);
  if (!target) co_return std::unexpected(std::move(target.error()));
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  Write write{.entity = std::move(target->entity),
              .mode = target->create ? Write::Mode::upsert : Write::Mode::update};
  if (body->value().is_object()) {
    write.fields = fields_of(call.request.body, "", *body);
  } else {
    body->fault("", "must be an object: the fields and their new values");
  }
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  if (const Outcome<void> taken = take_conditions(call, write); !taken) {
    co_return std::unexpected(taken.error());
  }
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
  if (const Outcome<void> taken = take_conditions(call, write); !taken) {
    co_return std::unexpected(taken.error());
  }
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
  if (!outcome) co_return std::unexpected(problem_of_write(outcome.error(), fields, ""));
  if (outcome->conflict) co_return problem("precondition-failed", conflict_text);
  if (!outcome->found) {
    co_return problem("not-found", removes
                                       ? "the source has no such entity"
                                       : "the source has no such entity; ?create=true makes one");
  }
  co_return answered(*outcome);
}

}  // namespace headrace::http
