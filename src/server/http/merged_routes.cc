#include "server/http/merged_routes.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "core/nearest.h"
#include "headrace/key.h"
#include "server/http/answer_text.h"
#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "server/http/read_query.h"
#include "wire/http_message.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view user_header = "Headrace-User";
constexpr std::string_view unknown = "no scope has anything under this name";

std::int64_t whole_ms(Duration duration) {
  return std::chrono::floor<milliseconds>(duration).count();
}

// Of two such headers one may be the client's own, passed on by whoever stands in front.
Outcome<Caller> caller_of(const wire::Request& request) {
  Caller caller;
  for (const wire::Header& header : request.headers) {
    if (!wire::same_token(header.name, user_header)) continue;
    if (caller.user) return problem("bad-request", "the header Headrace-User is given twice");
    caller.user = header.value;
  }
  if (!caller.user) return caller;
  if (caller.user->empty()) {
    return problem("bad-request", "the header Headrace-User is empty; who is anonymous sends none");
  }
  if (!wire::is_utf8(*caller.user)) {
    return problem("bad-request", "the header Headrace-User is not UTF-8");
  }
  if (caller.user->size() > entity_bytes_max) {
    return problem("bad-request", "the header Headrace-User is longer than entity_bytes_max = " +
                                      std::to_string(entity_bytes_max));
  }
  return caller;
}

Outcome<ReadOptions> options_of(const wire::Request& request) {
  constexpr std::array<std::string_view, 3> others = {"user", "domain", "scope"};
  const auto parameters = wire::parameters_of(request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  for (const auto& [name, value] : *parameters) {
    if (std::ranges::find(others, name) == others.end()) continue;
    return problem("validation", "a merged read has no parameter \"" + name +
                                     "\": who asks is said by the header Headrace-User, and what "
                                     "they belong to by their membership");
  }
  const Outcome<ReadQuery> query = read_query_of(request);
  if (!query) return std::unexpected(query.error());
  if (query->entity) return problem("bad-request", "a merged read is named in the path alone");
  if (query->only_if_cached) {
    return problem("not-in-memory", "merged reads are not answered from memory alone");
  }
  return query->options;
}

wire::Headers provenance_of(const MergedAnswer& answer) {
  wire::Headers headers;
  if (!answer.weakest) return headers;
  std::string status;
  append_cache_status(status, *answer.weakest);
  headers.push_back({"Age", std::to_string(std::chrono::floor<seconds>(answer.age).count())});
  headers.push_back({"Cache-Status", std::move(status)});
  headers.push_back({"Headrace-Age-Ms", std::to_string(whole_ms(answer.age))});
  headers.push_back(
      {"Headrace-Bound", std::to_string(std::chrono::ceil<seconds>(answer.bound).count())});
  return headers;
}

std::string list_of(const std::vector<Contribution>& contributions) {
  std::string list;
  for (const Contribution& one : contributions) list += (list.empty() ? "" : ", ") + one.scope;
  return list;
}

void append_scopes(std::string& out, const std::vector<Contribution>& contributions) {
  JsonArray scopes(out);
  for (const Contribution& one : contributions) {
    JsonObject scope(scopes.next());
    scope.text("name", one.scope);
    scope.text("origin", name_of(one.fragment.origin()));
    scope.text("reason", name_of(one.fragment.reason()));
    scope.number("age_ms", whole_ms(one.fragment.age()));
  }
}

Outcome<std::vector<std::string>> names_of(const wire::Request& request,
                                           std::size_t json_depth_max) {
  std::vector<std::string> names;
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  if (const auto* object = body->object({"names"})) {
    if (const auto* list = object->if_contains("names")) {
      names = body->texts(*list, "/names");
    } else {
      body->fault("/names", "is missing");
    }
  }
  if (names.size() > merged_names_max) {
    body->fault("/names", "asks for " + std::to_string(names.size()) +
                              " names; merged_names_max is " + std::to_string(merged_names_max));
  }
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return names;
}

}  // namespace

void MergedRoutes::add_to(Router& router) {
  router.add({"GET", "/v1/merged/{view}/{name}", Route::merged, "read a merged value",
              [this](Call call) { return read(std::move(call)); }});
  router.add({"POST", "/v1/merged/{view}", Route::merged, "read many merged values",
              [this](Call call) { return batch(std::move(call)); }});
}

void MergedRoutes::set_views(MergedViews views) {
  auto made = std::make_shared<const MergedViews>(std::move(views));
  const std::scoped_lock lock(mutex_);
  views_ = std::move(made);
}

Outcome<MergedRoutes::View> MergedRoutes::find(std::string_view name) const {
  std::shared_ptr<const MergedViews> views;
  {
    const std::scoped_lock lock(mutex_);
    views = views_;
  }
  std::vector<std::string_view> names;
  for (const View& view : *views) {
    if (view->name() == name) return view;
    names.push_back(view->name());
  }
  return problem("no-such-view", "there is no merged view \"" +
                                     std::string(name.substr(0, 2 * name_bytes_max)) + "\"" +
                                     nearest_hint(name, names));
}

Task<Outcome<Answered>> MergedRoutes::read(Call call) const {
  const Outcome<ReadOptions> options = options_of(call.request);
  if (!options) co_return std::unexpected(options.error());
  Outcome<Caller> caller = caller_of(call.request);
  if (!caller) co_return std::unexpected(std::move(caller.error()));
  if (auto checked = check_entity(call.captures[1]); !checked) {
    co_return std::unexpected(std::move(checked.error()));
  }
  const Outcome<View> view = find(call.captures[0]);
  if (!view) co_return std::unexpected(view.error());

  std::vector<std::string> names;
  names.push_back(std::move(call.captures[1]));
  auto reading = (*view)->read(*std::move(caller), std::move(names), *options);
  Result<std::vector<Result<MergedAnswer>>> read = co_await std::move(reading);
  if (!read) co_return std::unexpected(problem_of(read.error()));
  Result<MergedAnswer>& answer = read->front();
  if (!answer) co_return std::unexpected(problem_of(answer.error()));
  wire::Headers headers = provenance_of(*answer);
  if (!answer->json) co_return problem("not-found", std::string(unknown), std::move(headers));
  headers.push_back({"Headrace-Scopes", list_of(answer->contributions)});
  std::string etag = etag_of(*answer->json);
  const bool is_known = wire::etag_listed(call.request.header("if-none-match").value_or(""), etag);
  headers.push_back({"ETag", std::move(etag)});
  Answered answered{.response = {.status = is_known ? 304 : 200, .headers = std::move(headers)}};
  if (!is_known) {
    answered.response.headers.push_back({"Content-Type", "application/json"});
    answered.response.body = *std::move(answer->json);
  }
  co_return answered;
}

Task<Outcome<Answered>> MergedRoutes::batch(Call call) const {
  const Outcome<ReadOptions> options = options_of(call.request);
  if (!options) co_return std::unexpected(options.error());
  Outcome<Caller> caller = caller_of(call.request);
  if (!caller) co_return std::unexpected(std::move(caller.error()));
  Outcome<std::vector<std::string>> names = names_of(call.request, limits_.json_depth_max);
  if (!names) co_return std::unexpected(std::move(names.error()));
  const Outcome<View> view = find(call.captures[0]);
  if (!view) co_return std::unexpected(view.error());

  auto reading = (*view)->read(*std::move(caller), *std::move(names), *options);
  const Result<std::vector<Result<MergedAnswer>>> read = co_await std::move(reading);
  if (!read) co_return std::unexpected(problem_of(read.error()));
  Answered answered;
  std::string& json = answered.response.body;
  json = R"({"results":[)";
  for (const Result<MergedAnswer>& answer : *read) {
    if (json.back() != '[') json += ',';
    append_item(json, answer);
  }
  json += "]}";
  answered.response.headers = {{"Content-Type", "application/json"}};
  co_return answered;
}

void MergedRoutes::append_item(std::string& out, const Result<MergedAnswer>& answer) const {
  JsonObject item(out);
  if (!answer) {
    const Problem problem = problem_of(answer.error());
    item.number("status", problem_kind(problem.code).status);
    item.text("code", problem.code);
    item.text("detail", problem.detail);
    return;
  }
  if (answer->json && out.size() + answer->json->size() > limits_.batch_answer_bytes_max) {
    item.number("status", 413);
    item.text("code", "value-too-large");
    item.text("detail", "the answers before it fill batch_answer_bytes_max = " +
                            std::to_string(limits_.batch_answer_bytes_max) + "; ask for it alone");
    return;
  }
  item.number("status", answer->json ? 200 : 404);
  if (!answer->json) item.text("code", "not-found");
  if (answer->json) item.member("value") += *answer->json;
  append_scopes(item.member("scopes"), answer->contributions);
  item.number("age_ms", whole_ms(answer->age));
  item.number("bound_ms", whole_ms(answer->bound));
}

}  // namespace headrace::http
