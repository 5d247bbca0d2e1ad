#include "server/http/invalidate_routes.h"

#include <memory>
#include <utility>

#include "server/http/invalidation_text.h"
#include "server/http/json_body.h"
#include "server/http/named_policy.h"
#include "server/http/permission.h"

namespace headrace::http {

void InvalidateRoutes::add_to(Router& router) {
  router.add({"POST", "/v1/invalidate", Route::invalidate, "make what is kept void",
              [this](Call call) { return invalidate(std::move(call)); }});
  router.add({"PUT", "/v1/put/{policy}/{entity}", Route::put, "keep a value that was just written",
              [this](Call call) { return put(std::move(call)); }});
}

Task<Outcome<Answered>> InvalidateRoutes::invalidate(Call call) {
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  InvalidationAsked asked = invalidation_in(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  const Outcome<void> allowed = check_invalidation(call.who, asked.what);
  if (!allowed) co_return std::unexpected(allowed.error());
  const Result<Held> held = co_await engine_.invalidate(std::move(asked.what), asked.wait);
  const bool is_unknown = !held && held.error().code == Code::unknown_policy;
  if (is_unknown && !sees_all_policies(call.who)) co_return hidden_policy();
  if (!held) co_return std::unexpected(problem_of(held.error()));
  co_return answer_of(*held);
}

Task<Outcome<Answered>> InvalidateRoutes::put(Call call) {
  const Outcome<void> checked = check_entity(call.captures[1]);
  if (!checked) co_return std::unexpected(checked.error());
  if (snapshots_.has_section(call.captures[0])) {
    co_return problem("no-puts", "\"" + call.captures[0] +
                                     "\" is a section of a snapshot, which is built and not put");
  }
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
  co_return answer_of(*held);
}

}  // namespace headrace::http
