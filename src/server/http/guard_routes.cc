#include "server/http/guard_routes.h"

#include <chrono>
#include <utility>

#include "server/http/invalidation_text.h"
#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

Outcome<GuardDesk::Ending> ending_of(const wire::Request& request) {
  const auto parameters = wire::parameters_of(request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  GuardDesk::Ending ending = GuardDesk::Ending::known;
  for (const auto& [name, value] : *parameters) {
    if (name != "outcome") {
      return problem("bad-request", "the end of a guard has no parameter \"" + name + "\"");
    }
    if (value != "known" && value != "unknown") {
      return problem("bad-request", "outcome is known or unknown");
    }
    if (value == "unknown") ending = GuardDesk::Ending::unknown;
  }
  return ending;
}

Answered answer_of(const GuardDesk::Begun& begun) {
  Answered answered;
  answered.response.status = 201;
  answered.response.headers = {{"Content-Type", "application/json"},
                               {"Location", "/v1/guards/" + begun.id}};
  JsonObject json(answered.response.body);
  json.text("guard", begun.id);
  json.number("ends_in_ms", std::chrono::floor<std::chrono::milliseconds>(begun.ends_in).count());
  return answered;
}

// Of an ending that nobody knows.
Answered stands_on(const Error& error) {
  Answered answered;
  answered.response.status = 202;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.text("held", "guarded");
  json.text("detail", error.what);
  return answered;
}

}  // namespace

void GuardRoutes::add_to(Router& router) {
  router.add({"POST", "/v1/guards", Route::guard, "guard keys while you write to the source",
              [this](Call call) { return begin(std::move(call)); }});
  router.add({"DELETE", "/v1/guards/{id}", Route::guard,
              "the write has ended: invalidate, and take the guard away",
              [this](Call call) { return end(std::move(call)); }});
}

Task<Outcome<Answered>> GuardRoutes::begin(Call call) {
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  InvalidationAsked asked = invalidation_in(*body);
  if (body->is_sound() && (asked.what.keys.empty() || asked.what.everything)) {
    body->fault("/keys", "names the keys that the write changes, at least one");
  }
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto beginning = desk_.begin(std::move(asked.what), asked.wait);
  const Result<GuardDesk::Begun> begun = co_await std::move(beginning);
  if (!begun) co_return std::unexpected(problem_of(begun.error()));
  co_return answer_of(*begun);
}

Task<Outcome<Answered>> GuardRoutes::end(Call call) {
  const Outcome<GuardDesk::Ending> ending = ending_of(call.request);
  if (!ending) co_return std::unexpected(ending.error());
  auto ended = desk_.end(std::move(call.captures[0]), *ending);
  const std::optional<Result<Held>> held = co_await std::move(ended);
  if (!held) {
    co_return problem(
        "no-such-guard",
        "no guard of that name stands here: it has ended, or another server began it");
  }
  if (!*held && (*held).error().code == Code::timed_out) {
    co_return stands_on((*held).error());
  }
  if (!*held) co_return std::unexpected(problem_of((*held).error()));
  co_return answer_of(**held);
}

}  // namespace headrace::http
