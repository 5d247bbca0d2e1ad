#include "server/http/counter_routes.h"

#include <string>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/kv_body.h"
#include "server/http/wall_text.h"

namespace headrace::http {

namespace {

// A call without a body adds one.
Outcome<headrace::Count> count_in(const Call& call, const KvLimits& limits) {
  if (call.request.body.empty()) return headrace::Count();
  Outcome<JsonBody> body =
      JsonBody::read(call.request, limits.json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  headrace::Count count;
  const auto* object = body->object({"by", "ttl", "idle", "ttl_mode", "initial", "min", "max"});
  if (object != nullptr) count = count_of(*body, *object, "", limits);
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return count;
}

Answered answered(const Counted& counted) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.number("value", counted.value);
  if (counted.expires == Record::never) {
    json.member("expires_at") += "null";
  } else {
    json.text("expires_at", rfc3339(counted.expires));
  }
  json.truth("created", counted.created);
  return answered;
}

}  // namespace

void CounterRoutes::add_to(Router& router) {
  const Handler one = [this](Call call) { return count(std::move(call)); };
  router.add({"POST", "/v1/counters/{ns}/{key}", Route::counter, "add to an integer", one,
              Router::LastIs::bytes});
  router.add({"POST", "/v1/counters/{ns}", Route::counter, "the same, by ?key= or ?key_b64=", one});
}

Task<Outcome<Answered>> CounterRoutes::count(Call call) {
  Outcome<KvCall> asked =
      kv_call_of(call, in_path_of(call), {Scope::counter_write}, Takes::key, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  const Outcome<headrace::Count> count = count_in(call, limits_);
  if (!count) co_return std::unexpected(count.error());
  Counted counted;
  KvAccess::Operation operation = [&](Workspace& work) {
    if (!asked->condition.holds(work.find(0))) return Made::unmet;
    counted = headrace::count(work, 0, *count);
    return counted.made;
  };
  auto changing = access_.change(asked->key, std::move(operation), call.who->ceiling);
  const Outcome<KvAccess::Changed> changed = co_await std::move(changing);
  if (!changed) co_return std::unexpected(changed.error());
  if (changed->made == Made::out_of_range) {
    co_return problem("out-of-range",
                      "it would pass its bound; its value is " + std::to_string(counted.value));
  }
  if (changed->made == Made::wrong_type) {
    co_return problem("wrong-type", "what is kept there is no integer");
  }
  if (changed->made != Made::made) {
    co_return std::unexpected(problem_of(changed->made, changed->present, Form::bytes));
  }
  co_return answered(counted);
}

}  // namespace headrace::http
