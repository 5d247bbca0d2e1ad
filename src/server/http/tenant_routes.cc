#include "server/http/tenant_routes.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "server/http/json_text.h"
#include "server/http/tenant_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr std::size_t events_usual = 100;
constexpr std::size_t events_most = 1000;

Answered json_answer(int status = 200) {
  Answered answered;
  answered.response.status = status;
  answered.response.headers = {{"Content-Type", "application/json"}};
  return answered;
}

Problem problem_of_change(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument: return {.code = "validation", .detail = error.what};
    case Code::not_allowed:
    case Code::refused: return {.code = "conflict", .detail = error.what};
    default: return problem_of_records(error);
  }
}

Actor actor_of(const Call& call) {
  const bool is_named = call.who && !call.who->key_id.empty();
  return {.who = is_named ? call.who->key_id : "anonymous", .from = call.peer};
}

// The one parameter that a route has; empty: it was not given.
Outcome<std::string> parameter_of(const wire::Request& request, std::string_view wanted) {
  const auto parameters = wire::parameters_of(request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  std::string found;
  for (const auto& [name, value] : *parameters) {
    if (name != wanted) {
      return problem("bad-request", "there is no parameter \"" + name + "\"; this route has " +
                                        std::string(wanted));
    }
    found = value;
  }
  return found;
}

std::unexpected<Problem> no_such(std::string_view what) {
  return problem("not-found", "there is no such " + std::string(what));
}

template <class T, class Append>
Answered list_answer(std::string_view name, const std::vector<T>& all, Append append) {
  Answered answered = json_answer();
  JsonObject json(answered.response.body);
  JsonArray array(json.member(name));
  for (const T& one : all) append(array.next(), one);
  return answered;
}

}  // namespace

void TenantRoutes::add_to(Router& router) {
  if (ports_.doorkeeper == nullptr) return;
  const auto add = [this, &router](std::string_view method, std::string_view pattern,
                                   std::string_view says, auto handler) {
    router.add({method, pattern, Route::other, says,
                [this, handler](Call call) { return (this->*handler)(std::move(call)); }});
  };
  add("GET", "/v1/whoami", "whose key this is, and what it may", &TenantRoutes::who);
  if (ports_.tenants == nullptr) return;
  add("GET", "/v1/admin/tenants", "all tenants", &TenantRoutes::tenants);
  add("POST", "/v1/admin/tenants", "a new tenant", &TenantRoutes::create_tenant);
  add("GET", "/v1/admin/tenants/{name}", "one tenant", &TenantRoutes::tenant);
  add("PATCH", "/v1/admin/tenants/{name}", "set a tenant's limits, or suspend it",
      &TenantRoutes::change_tenant);
  add("GET", "/v1/admin/keys", "all keys, without their secrets; ?tenant=", &TenantRoutes::keys);
  add("POST", "/v1/admin/keys", "a new key, shown this once", &TenantRoutes::create_key);
  add("POST", "/v1/admin/keys/{id}/rotate", "a new key in place of one that ends later",
      &TenantRoutes::rotate_key);
  add("DELETE", "/v1/admin/keys/{id}", "end a key now", &TenantRoutes::revoke_key);
  add("GET", "/v1/admin/events",
      "what was changed, when and by whom; ?limit=", &TenantRoutes::events);
}

Task<Outcome<Answered>> TenantRoutes::who(Call call) const {
  Answered answered = json_answer();
  if (call.who) append_identity(answered.response.body, *call.who, ports_.version);
  co_return answered;
}

// Tenants.

Task<Outcome<Answered>> TenantRoutes::tenants(Call) const {
  auto asking = ports_.tenants->tenants();
  const auto all = co_await std::move(asking);
  if (!all) co_return std::unexpected(problem_of_change(all.error()));
  co_return list_answer("tenants", *all, append_tenant);
}

Task<Outcome<Answered>> TenantRoutes::tenant(Call call) const {
  auto asking = ports_.tenants->tenants();
  const auto all = co_await std::move(asking);
  if (!all) co_return std::unexpected(problem_of_change(all.error()));
  const auto found = std::ranges::find(*all, call.captures[0], &Tenant::name);
  if (found == all->end()) co_return no_such("tenant");
  Answered answered = json_answer();
  append_tenant(answered.response.body, *found);
  co_return answered;
}

Task<Outcome<Answered>> TenantRoutes::create_tenant(Call call) const {
  auto body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  NewTenant wanted = new_tenant_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto creating =
      ports_.tenants->create_tenant(std::move(wanted.name), wanted.with, actor_of(call));
  const auto made = co_await std::move(creating);
  if (!made) co_return std::unexpected(problem_of_change(made.error()));
  Answered answered = json_answer(201);
  answered.response.headers.push_back({"Location", "/v1/admin/tenants/" + made->name});
  append_tenant(answered.response.body, *made);
  co_return answered;
}

Task<Outcome<Answered>> TenantRoutes::change_tenant(Call call) const {
  auto body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  const TenantChange change = tenant_change_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  const Actor actor = actor_of(call);
  auto changing = ports_.tenants->change_tenant(std::move(call.captures[0]), change, actor);
  const auto changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(problem_of_change(changed.error()));
  if (!*changed) co_return no_such("tenant");
  Answered answered = json_answer();
  append_tenant(answered.response.body, **changed);
  co_return answered;
}

// Keys.

Task<Outcome<Answered>> TenantRoutes::keys(Call call) const {
  Outcome<std::string> tenant = parameter_of(call.request, "tenant");
  if (!tenant) co_return std::unexpected(std::move(tenant.error()));
  auto asking = ports_.tenants->keys(*std::move(tenant));
  const auto all = co_await std::move(asking);
  if (!all) co_return std::unexpected(problem_of_change(all.error()));
  co_return list_answer("keys", *all, append_key);
}

Task<Outcome<Answered>> TenantRoutes::create_key(Call call) const {
  auto body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  NewKey wanted = new_key_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto creating = ports_.tenants->create_key(std::move(wanted), actor_of(call));
  const auto made = co_await std::move(creating);
  if (!made) co_return std::unexpected(problem_of_change(made.error()));
  if (!*made) co_return no_such("tenant");
  Answered answered = json_answer(201);
  append_made_key(answered.response.body, **made);
  co_return answered;
}

Task<Outcome<Answered>> TenantRoutes::rotate_key(Call call) const {
  auto body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  const Duration grace = grace_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  const Actor actor = actor_of(call);
  auto rotating = ports_.tenants->rotate_key(std::move(call.captures[0]), grace, actor);
  const auto made = co_await std::move(rotating);
  if (!made) co_return std::unexpected(problem_of_change(made.error()));
  if (!*made) co_return no_such("key");
  Answered answered = json_answer(201);
  append_made_key(answered.response.body, **made);
  co_return answered;
}

Task<Outcome<Answered>> TenantRoutes::revoke_key(Call call) const {
  const Actor actor = actor_of(call);
  auto revoking = ports_.tenants->revoke_key(std::move(call.captures[0]), actor);
  const auto revoked = co_await std::move(revoking);
  if (!revoked) co_return std::unexpected(problem_of_change(revoked.error()));
  if (!*revoked) co_return no_such("key");
  Answered answered;
  answered.response.status = 204;
  co_return answered;
}

Task<Outcome<Answered>> TenantRoutes::events(Call call) const {
  const Outcome<std::string> given = parameter_of(call.request, "limit");
  if (!given) co_return std::unexpected(given.error());
  std::size_t limit = events_usual;
  if (!given->empty()) {
    const char* const end = given->data() + given->size();
    const auto parsed = std::from_chars(given->data(), end, limit);
    if (parsed.ec != std::errc() || parsed.ptr != end || limit < 1 || limit > events_most) {
      co_return problem("bad-request", "limit is a whole number, 1 to 1000");
    }
  }
  auto asking = ports_.tenants->events(limit);
  const auto all = co_await std::move(asking);
  if (!all) co_return std::unexpected(problem_of_change(all.error()));
  co_return list_answer("events", *all, append_event);
}

}  // namespace headrace::http
