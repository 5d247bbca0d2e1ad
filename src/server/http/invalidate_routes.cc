#include "server/http/invalidate_routes.h"

#include <memory>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"

namespace headrace::http {

namespace {

struct Asked {
  Invalidation what{};
  Wait wait = Wait::confirmed;
};

Wait wait_of(const boost::json::value& value, JsonBody& body) {
  if (value == "everywhere") return Wait::everywhere;
  if (value != "confirmed") body.fault("/wait", R"(must be "confirmed" or "everywhere")");
  return Wait::confirmed;
}

// {"keys":[{"policy","entity"}],"tags":[],"policies":[],"policy":"x","everything":true,
//  "wait":"everywhere"}
Asked asked_in(JsonBody& body) {
  Asked asked;
  Invalidation& what = asked.what;
  const auto* object = body.object({"keys", "tags", "policies", "policy", "everything", "wait"});
  if (!object) return asked;
  if (const auto* keys = object->if_contains("keys")) {
    const auto* array = body.array(*keys, "/keys");
    for (std::size_t i = 0; array && i < array->size(); ++i) {
      const std::string pointer = "/keys/" + std::to_string(i);
      const auto* key = body.object((*array)[i], pointer, {"policy", "entity"});
      if (!key) continue;
      what.keys.push_back({.policy = std::string(body.text(*key, "policy", pointer)),
                           .entity = std::string(body.text(*key, "entity", pointer))});
    }
  }
  if (const auto* tags = object->if_contains("tags")) what.tags = body.texts(*tags, "/tags");
  if (const auto* many = object->if_contains("policies")) {
    what.policies = body.texts(*many, "/policies");
  }
  if (const auto* one = object->if_contains("policy")) {
    what.policies.emplace_back(body.text(*one, "/policy"));
  }
  if (const auto* all = object->if_contains("everything")) {
    if (!all->is_bool()) body.fault("/everything", "must be true or false");
    what.everything = all->is_bool() && all->get_bool();
  }
  if (const auto* wait = object->if_contains("wait")) asked.wait = wait_of(*wait, body);
  if (body.is_sound() && what.is_empty()) {
    body.fault("", "names nothing: give keys, tags, policies or \"everything\":true");
  }
  return asked;
}

Answered answered(Held held) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  if (held == Held::everywhere) {
    answered.response.body = R"({"held":"everywhere"})";
    return answered;
  }
  if (held == Held::soon) {
    answered.response.body =
        R"({"held":"soon","detail":"It holds in this instance, in the store and for strict reads, )"
        R"(and within the bus bound in every other memory."})";
    return answered;
  }
  if (held == Held::in_store) {
    answered.response.body =
        R"({"held":"store","detail":"It holds in this instance, in the store and for strict )"
        R"(reads.  There is no bus: other instances' memories answer what they hold until it is )"
        R"(not fresh any more."})";
    return answered;
  }
  answered.response.status = 202;
  answered.response.body =
      R"({"held":"pending","detail":"It holds in this instance.  The store has not confirmed it; )"
      R"(it is sent again until it does, and what it touches bypasses the store until then."})";
  return answered;
}

}  // namespace

void InvalidateRoutes::add_to(Router& router) {
  router.add({"POST", "/v1/invalidate", Route::invalidate, "make what is kept void",
              [this](Call call) { return invalidate(std::move(call)); }});
  router.add({"PUT", "/v1/put/{policy}/{entity}", Route::put, "keep a value that was just written",
              [this](Call call) { return put(std::move(call)); }});
}

Task<Outcome<Answered>> InvalidateRoutes::invalidate(Call call) {
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  Asked asked = asked_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  const Result<Held> held = co_await engine_.invalidate(std::move(asked.what), asked.wait);
  if (!held) co_return std::unexpected(problem_of(held.error()));
  co_return answered(*held);
}

Task<Outcome<Answered>> InvalidateRoutes::put(Call call) {
  const Outcome<void> checked = check_entity(call.captures[1]);
  if (!checked) co_return std::unexpected(checked.error());
  const Outcome<PolicyHandle> policy = find_policy(engine_, call.captures[0]);
  if (!policy) co_return std::unexpected(policy.error());
  const Outcome<JsonBody> body =
      JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(body.error());
  const bool null = body->is_null();
  std::shared_ptr<const std::string> value;
  if (!null) value = std::make_shared<const std::string>(std::move(call.request.body));
  const Kind kind = null ? Kind::null : Kind::value;
  const Result<Held> held =
      co_await engine_.put(*policy, std::move(call.captures[1]), kind, std::move(value));
  if (!held && held.error().code == Code::not_allowed) {
    co_return problem("no-puts", held.error().what);
  }
  if (!held) co_return std::unexpected(problem_of(held.error()));
  co_return answered(*held);
}

}  // namespace headrace::http
