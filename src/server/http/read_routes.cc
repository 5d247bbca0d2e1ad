#include "server/http/read_routes.h"

#include <chrono>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "server/http/permission.h"
#include "server/http/rate_text.h"
#include "server/http/read_query.h"
#include "wire/http_writer.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;

constexpr std::string_view read_prefix = "/v1/read/";

std::int64_t whole_ms(Duration duration) {
  return std::chrono::floor<milliseconds>(duration).count();
}

Asking asking_of(const Call& call) {
  return {.head = call.request.method == "HEAD",
          .keep_alive = call.request.keep_alive,
          .path = call.request.path(),
          .if_none_match = call.request.header("if-none-match").value_or(""),
          .request_id = call.request_id};
}

}  // namespace

struct ReadRoutes::Item {
  std::string policy{};
  std::string entity{};
  std::optional<AnyLookup> lookup{};  // None: there is no such policy.
};

void ReadRoutes::add_to(Router& router) {
  const Handler one = [this](Call call) { return read(std::move(call)); };
  router.add({"GET", "/v1/read/{policy}/{entity}", Route::read, "read an entity", one});
  router.add({"GET", "/v1/read/{policy}", Route::read, "the same, by ?key= or ?key_b64=", one});
  router.add({"POST", "/v1/read", Route::batch, "read many entities",
              [this](Call call) { return batch(std::move(call)); }});
}

PolicyHandle ReadRoutes::find(std::string_view policy) const {
  if (policy.contains('.') && snapshots_.has_section(policy)) return nullptr;
  return engine_.find(policy);
}

Outcome<PolicyHandle> ReadRoutes::find_for(const IdentityRef& who, std::string_view policy) const {
  PolicyHandle handle = is_hidden(who, policy) ? nullptr : find(policy);
  if (handle) return handle;
  if (!sees_all_policies(who)) return hidden_policy();
  return std::unexpected(no_such_policy(engine_, policy));
}

std::optional<Said> ReadRoutes::answer_now(const wire::Request& request, const IdentityRef& who,
                                           Asking asking, std::string& out) {
  if (!request.target.starts_with(read_prefix)) return std::nullopt;
  asking.head = request.method == "HEAD";
  if (!asking.head && request.method != "GET") return std::nullopt;
  const std::string_view rest = std::string_view(request.target).substr(read_prefix.size());
  const std::size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view policy = rest.substr(0, slash);
  std::string_view entity = rest.substr(slash + 1);
  if (entity.empty() || entity.find_first_of("/?") != std::string_view::npos) return std::nullopt;
  for (const wire::Header& header : request.headers) {
    if (wire::same_token(header.name, "cache-control")) return std::nullopt;
    if (wire::same_token(header.name, "if-none-match")) asking.if_none_match = header.value;
  }
  std::string decoded;
  if (entity.contains('%')) {
    auto text = wire::percent_decode(entity);
    if (!text) return std::nullopt;
    entity = decoded = *std::move(text);
  }
  if (who && !who->may_read(policy)) return std::nullopt;
  const PolicyHandle handle = find(policy);
  if (!handle) return std::nullopt;
  const auto answer = engine_.peek(*handle, entity);
  if (!answer) return std::nullopt;
  const int status = append_answer(out, *answer, asking);
  return Said{.route = Route::read, .status = status, .keep_alive = asking.keep_alive};
}

Task<Outcome<Answered>> ReadRoutes::read(Call call) {
  Outcome<ReadQuery> query = read_query_of(call.request);
  if (!query) co_return std::unexpected(std::move(query.error()));
  const bool in_path = call.captures.size() == 2;
  if (in_path && query->entity) {
    co_return problem("ambiguous-key", "name the entity once: in the path or in the query");
  }
  if (!in_path && !query->entity) {
    co_return problem("bad-request", "name the entity: in the path, as ?key= or as ?key_b64=");
  }
  const std::string entity = in_path ? std::move(call.captures[1]) : *std::move(query->entity);
  const Outcome<void> checked = check_entity(entity);
  if (!checked) co_return std::unexpected(checked.error());
  const Outcome<PolicyHandle> found = find_for(call.who, call.captures[0]);
  if (!found) co_return std::unexpected(found.error());
  const PolicyHandle& policy = *found;

  Answered answered;
  if (query->only_if_cached) {
    const auto held = engine_.peek(*policy, entity);
    if (!held) co_return problem("not-in-memory", "memory has no copy that may be answered");
    answered.response.status = append_answer(answered.bytes, *held, asking_of(call));
    co_return answered;
  }
  AnyLookup lookup = engine_.read(policy, entity, query->options);
  const AnyResult result = co_await lookup;
  if (!result) co_return std::unexpected(problem_of(result.error()));
  answered.response.status = append_answer(answered.bytes, *result, asking_of(call));
  co_return answered;
}

namespace {

// {"policy":"users","entities":["1"]} or {"reads":[{"policy":"users","entity":"1"}]}.
std::vector<std::pair<std::string, std::string>> reads_of(JsonBody& body) {
  std::vector<std::pair<std::string, std::string>> reads;
  const auto* object = body.object({"policy", "entities", "reads"});
  if (!object) return reads;
  if (const auto* list = object->if_contains("reads")) {
    if (object->size() > 1) body.fault("", "has either reads, or policy and entities");
    const auto* array = body.array(*list, "/reads");
    for (std::size_t i = 0; array && i < array->size(); ++i) {
      const std::string pointer = "/reads/" + std::to_string(i);
      const auto* one = body.object((*array)[i], pointer, {"policy", "entity"});
      if (!one) continue;
      reads.emplace_back(body.text(*one, "policy", pointer), body.text(*one, "entity", pointer));
    }
    return reads;
  }
  const std::string policy(body.text(*object, "policy", ""));
  if (const auto* list = object->if_contains("entities")) {
    for (std::string& entity : body.texts(*list, "/entities")) {
      reads.emplace_back(policy, std::move(entity));
    }
  } else {
    body.fault("/entities", "is missing");
  }
  return reads;
}

}  // namespace

Task<Outcome<Answered>> ReadRoutes::batch(Call call) {
  const Outcome<ReadQuery> query = read_query_of(call.request);
  if (!query) co_return std::unexpected(query.error());
  Outcome<JsonBody> body =
      JsonBody::read(call.request, limits_.json_depth_max, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  std::vector<Item> items;
  for (auto& [policy, entity] : reads_of(*body)) {
    items.push_back({.policy = std::move(policy), .entity = std::move(entity)});
  }
  if (items.size() > limits_.batch_entities_max) {
    body->fault("", "asks for " + std::to_string(items.size()) +
                        " entities; batch_entities_max is " +
                        std::to_string(limits_.batch_entities_max));
  }
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  const std::uint64_t more = items.empty() ? 0 : items.size() - 1;
  const Outcome<void> paid = charge(call.who, more, clock_.now());
  if (!paid) co_return std::unexpected(paid.error());
  const Outcome<void> begun = begin(items, query->options, call.who);
  if (!begun) co_return std::unexpected(begun.error());

  Answered answered;
  std::string& json = answered.response.body;
  json = R"({"results":[)";
  for (Item& item : items) {
    if (json.back() != '[') json += ',';
    if (!item.lookup) {
      append_item(json, item, failure(Code::unknown_policy, ""));
      continue;
    }
    AnyLookup& lookup = *item.lookup;
    const AnyResult result = co_await lookup;
    append_item(json, item, result);
  }
  json += "]}";
  answered.response.headers = {{"Content-Type", "application/json"}};
  co_return answered;
}

Outcome<void> ReadRoutes::begin(std::vector<Item>& items, const ReadOptions& options,
                                const IdentityRef& who) {
  std::map<std::string_view, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < items.size(); ++i) groups[items[i].policy].push_back(i);
  std::map<std::string_view, PolicyHandle> policies;
  for (const auto& [name, members] : groups) {  // Before the first is begun.
    Outcome<PolicyHandle> found = find_for(who, name);
    const bool is_whole = groups.size() == 1 || !sees_all_policies(who);
    if (!found && is_whole) return std::unexpected(std::move(found.error()));
    if (found) policies.emplace(name, *std::move(found));
  }
  for (const auto& [name, policy] : policies) {
    const std::vector<std::size_t>& members = groups[name];
    std::vector<std::string> entities;
    for (const std::size_t i : members) entities.push_back(items[i].entity);
    std::vector<AnyLookup> lookups = engine_.read_many(policy, entities, options);
    for (std::size_t i = 0; i < members.size(); ++i) {
      items[members[i]].lookup.emplace(std::move(lookups[i]));
    }
  }
  return {};
}

void ReadRoutes::append_item(std::string& out, const Item& item, const AnyResult& result) const {
  JsonObject json(out);
  if (!result) {
    const bool unknown = result.error().code == Code::unknown_policy;
    const Problem problem =
        unknown ? no_such_policy(engine_, item.policy) : problem_of(result.error());
    json.number("status", problem_kind(problem.code).status);
    json.text("code", problem.code);
    json.text("detail", problem.detail);
    return;
  }
  const bool absent = result->kind() == Kind::absent;
  const std::string_view value = json_of(*result);
  if (!absent && out.size() + value.size() > limits_.batch_answer_bytes_max) {
    json.number("status", 413);
    json.text("code", "value-too-large");
    json.text("detail", "the answers before it fill batch_answer_bytes_max = " +
                            std::to_string(limits_.batch_answer_bytes_max) + "; ask for it alone");
    return;
  }
  json.number("status", absent ? 404 : 200);
  if (absent) json.text("code", "not-found");
  if (!absent) json.member("value") += value;
  json.text("origin", name_of(result->origin()));
  json.text("reason", name_of(result->reason()));
  json.number("age_ms", whole_ms(result->age()));
  json.number("bound_ms", whole_ms(result->bound()));
}

}  // namespace headrace::http
