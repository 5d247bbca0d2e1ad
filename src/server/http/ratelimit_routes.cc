#include "server/http/ratelimit_routes.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/kv_body.h"
#include "server/http/rate_record.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;

struct Check {
  RateLimit limit{};
  std::int64_t cost = 1;
  bool peek = false;
};

std::int64_t bounded(JsonBody& body, const boost::json::object& object, std::string_view name,
                     std::int64_t otherwise, std::int64_t min, std::int64_t max) {
  const std::int64_t number = whole_of(body, object, name, "").value_or(otherwise);
  if (number >= min && number <= max) return number;
  body.fault("/" + std::string(name),
             "is from " + std::to_string(min) + " to " + std::to_string(max));
  return otherwise;
}

// A token bucket is what gcra says in other words.
RateLimit::Algorithm algorithm_in(JsonBody& body, const boost::json::object& object) {
  const auto* algo = object.if_contains("algo");
  if (algo == nullptr) return RateLimit::Algorithm::gcra;
  const std::string_view name = body.text(*algo, "/algo");
  if (name == "fixed") return RateLimit::Algorithm::fixed;
  if (name == "sliding") return RateLimit::Algorithm::sliding;
  if (name != "gcra" && name != "token_bucket") {
    body.fault("/algo", "is gcra, fixed, sliding or token_bucket");
  }
  return RateLimit::Algorithm::gcra;
}

Check check_of(JsonBody& body) {
  Check check;
  const auto* object = body.object({"limit", "window_ms", "algo", "burst", "cost", "peek"});
  if (object == nullptr) return check;
  for (const char* name : {"limit", "window_ms"}) {
    const auto* const member = object->if_contains(name);
    if (member == nullptr || member->is_null()) {
      body.fault("/" + std::string(name), "is missing");
    }
  }
  constexpr auto quota_max = static_cast<std::int64_t>(Gcra::quota_max);
  constexpr auto window_ms_max = std::chrono::duration_cast<milliseconds>(Gcra::window_max).count();
  const std::int64_t limit = bounded(body, *object, "limit", 1, 1, quota_max);
  const std::int64_t burst = bounded(body, *object, "burst", limit, 1, quota_max);
  check.limit = {
      .algorithm = algorithm_in(body, *object),
      .limit = static_cast<std::uint64_t>(limit),
      .window = milliseconds(bounded(body, *object, "window_ms", 1000, 1, window_ms_max)),
      .burst = static_cast<std::uint64_t>(burst)};
  check.cost = bounded(body, *object, "cost", 1, -quota_max, quota_max);
  if (const auto* peek = object->if_contains("peek")) {
    if (!peek->is_bool()) body.fault("/peek", "is true or false");
    check.peek = peek->is_bool() && peek->get_bool();
  }
  if (body.is_sound() && !check.limit.is_sound()) {
    body.fault("/burst", "lasts longer than any window may");
  }
  return check;
}

std::int64_t ms_of(Duration duration) {
  return std::chrono::ceil<milliseconds>(duration).count();
}

Answered answered(const RateDecision& decision) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.truth("allowed", decision.allowed);
  json.number("limit", static_cast<std::int64_t>(decision.limit));
  json.number("remaining", static_cast<std::int64_t>(decision.remaining));
  json.number("reset_ms", ms_of(decision.reset));
  if (decision.retry_after == RateDecision::never) {
    json.member("retry_after_ms") += "null";  // So many will never pass at once.
  } else {
    json.number("retry_after_ms", ms_of(decision.retry_after));
  }
  json.member("reason") += "null";
  return answered;
}

}  // namespace

void RatelimitRoutes::add_to(Router& router) {
  const Handler one = [this](Call call) { return check(std::move(call)); };
  router.add({"POST", "/v1/ratelimit/{ns}/{id}", Route::ratelimit, "whether one more may pass", one,
              Router::LastIs::bytes});
  router.add(
      {"POST", "/v1/ratelimit/{ns}", Route::ratelimit, "the same, by ?key= or ?key_b64=", one});
}

Task<Outcome<Answered>> RatelimitRoutes::check(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::ratelimit_check}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  Outcome<JsonBody> body =
      JsonBody::read(call.request, limits_.json_depth_max, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  const Check check = check_of(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  // Beside the namespace and not in it: no value can be taken for a state.
  RecordKey key(call.who->tenant, "ratelimit/" + call.captures[0], asked->key.key());
  RateDecision decision;
  KvAccess::Operation operation = [&](Workspace& work) {
    const RateDecision left = spend(work, 0, check.limit, 0);
    decision = spend(work, 0, check.limit, check.cost);
    if (!check.peek) return work.is_changed() ? Made::made : Made::unmet;
    decision.remaining = left.remaining;
    decision.reset = left.reset;
    return Made::unmet;  // Whatever was spent stays unspent.
  };
  auto changing = access_.change(std::move(key), std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  co_return answered(decision);
}

}  // namespace headrace::http
