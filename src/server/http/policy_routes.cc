#include "server/http/policy_routes.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "server/http/policy_text.h"
#include "server/http/verify_text.h"

namespace headrace::http {

namespace {

constexpr std::string_view all = "*";

// The body of a PATCH.
struct Patch {
  PolicyChange change{};
  std::optional<bool> reads{};
};

std::optional<Rollout> rollout_named(std::string_view name) {
  for (const auto one : {Rollout::off, Rollout::shadow, Rollout::percentage, Rollout::on}) {
    if (name_of(one) == name) return one;
  }
  return std::nullopt;
}

void take_version(JsonBody& body, const boost::json::object& object, Patch& patch) {
  if (const auto* version = object.if_contains("version")) {
    patch.change.bump_version = body.text(*version, "/version") == "bump";
    if (!patch.change.bump_version) body.fault("/version", "can only be \"bump\"");
  }
}

Patch patch_of_all(JsonBody& body) {
  Patch patch;
  const auto* object = body.object({"reads", "version"});
  if (!object) return patch;
  if (const auto* reads = object->if_contains("reads")) {
    const std::string_view state = body.text(*reads, "/reads");
    if (state != "on" && state != "off") body.fault("/reads", "must be \"on\" or \"off\"");
    patch.reads = state == "on";
  }
  take_version(body, *object, patch);
  if (object->empty()) body.fault("", "changes nothing: give reads or version");
  return patch;
}

Patch patch_of_one(JsonBody& body) {
  Patch patch;
  const auto* object = body.object({"rollout", "percentage", "version"});
  if (!object) return patch;
  if (const auto* rollout = object->if_contains("rollout")) {
    patch.change.rollout = rollout_named(body.text(*rollout, "/rollout"));
    if (!patch.change.rollout) {
      body.fault("/rollout", "must be \"off\", \"shadow\", \"percentage\" or \"on\"");
    }
  }
  if (const auto* percentage = object->if_contains("percentage")) {
    boost::system::error_code error;
    const double share = percentage->to_number<double>(error);
    if (error || !(share >= 0 && share <= 100)) {
      body.fault("/percentage", "must be a number from 0 to 100");
    }
    patch.change.percentage = share;
  }
  take_version(body, *object, patch);
  if (object->empty()) body.fault("", "changes nothing: give rollout, percentage or version");
  return patch;
}

const PolicyStats* stats_of(const EngineStats& stats, std::string_view policy) {
  const auto found = std::ranges::find(stats.policies, policy, &PolicyStats::policy);
  return found == stats.policies.end() ? nullptr : &*found;
}

void write_list(std::string& out, const Engine& engine, const Prices& prices) {
  const EngineStats stats = engine.stats();
  JsonObject json(out);
  json.truth("reads_on", engine.reads_on());
  JsonArray policies(json.member("policies"));
  for (const PolicyView& view : engine.policies()) {
    append_policy(policies.next(), view, stats_of(stats, view.policy.name), prices);
  }
}

Answered json_answer() {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  return answered;
}

}  // namespace

void PolicyRoutes::add_to(Router& router) {
  router.add({"GET", "/v1/policies", Route::policies, "all policies and what they counted",
              [this](Call call) { return list(std::move(call)); }});
  router.add({"GET", "/v1/policies/{name}", Route::policies, "one policy",
              [this](Call call) { return show(std::move(call)); }});
  router.add({"GET", "/v1/policies/{name}/mismatches", Route::policies,
              "the last mismatches of a policy, and their stories",
              [this](Call call) { return mismatches(std::move(call)); }});
  router.add({"PATCH", "/v1/policies/{name}", Route::policies,
              "set a policy's switches; * for all of them",
              [this](Call call) { return change(std::move(call)); }});
  router.add({"GET", "/v1/explain/{policy}/{entity}", Route::explain, "the story of one entry",
              [this](Call call) { return explain(std::move(call)); }});
}

Task<Outcome<Answered>> PolicyRoutes::list(Call) {
  Answered answered = json_answer();
  write_list(answered.response.body, engine_, *prices_());
  co_return answered;
}

Task<Outcome<Answered>> PolicyRoutes::show(Call call) {
  const std::vector<PolicyView> views = engine_.policies();
  const auto found = std::ranges::find(views, call.captures[0],
                                       [](const PolicyView& view) { return view.policy.name; });
  if (found == views.end()) co_return std::unexpected(no_such_policy(engine_, call.captures[0]));
  const EngineStats stats = engine_.stats();
  Answered answered = json_answer();
  append_policy(answered.response.body, *found, stats_of(stats, call.captures[0]), *prices_());
  co_return answered;
}

Task<Outcome<Answered>> PolicyRoutes::mismatches(Call call) {
  const Outcome<PolicyHandle> policy = find_policy(engine_, call.captures[0]);
  if (!policy) co_return std::unexpected(policy.error());
  Answered answered = json_answer();
  append_mismatches(answered.response.body, engine_.mismatches(call.captures[0]));
  co_return answered;
}

Task<Outcome<Answered>> PolicyRoutes::change(Call call) {
  const bool of_all = call.captures[0] == all;
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_,
                                          {"application/merge-patch+json", "application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  const Patch patch = of_all ? patch_of_all(*body) : patch_of_one(*body);
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  if (!of_all) {
    Outcome<Answered> changed = co_await change_one(std::move(call.captures[0]), patch.change);
    co_return changed;
  }
  if (patch.reads) engine_.set_reads(*patch.reads);
  if (patch.change.bump_version) {
    const Outcome<Answered> bumped = co_await bump_all();
    if (!bumped) co_return bumped;
  }
  Outcome<Answered> listed = co_await list(std::move(call));
  co_return listed;
}

Task<Outcome<Answered>> PolicyRoutes::change_one(std::string name, PolicyChange change) {
  const Result<PolicyView> view = co_await engine_.change(name, change);
  if (!view && view.error().code == Code::unknown_policy) {
    co_return std::unexpected(no_such_policy(engine_, name));
  }
  if (!view) co_return std::unexpected(problem_of(view.error()));
  Answered answered = json_answer();
  append_policy(answered.response.body, *view, nullptr, *prices_());
  co_return answered;
}

Task<Outcome<Answered>> PolicyRoutes::bump_all() {
  const std::vector<PolicyView> views = engine_.policies();
  for (const PolicyView& view : views) {
    PolicyChange bump;
    bump.bump_version = true;
    const Outcome<Answered> bumped = co_await change_one(view.policy.name, std::move(bump));
    if (!bumped && bumped.error().code != "no-such-policy") co_return bumped;
  }
  co_return Answered();
}

Task<Outcome<Answered>> PolicyRoutes::explain(Call call) {
  const Outcome<void> checked = check_entity(call.captures[1]);
  if (!checked) co_return std::unexpected(checked.error());
  const Outcome<PolicyHandle> policy = find_policy(engine_, call.captures[0]);
  if (!policy) co_return std::unexpected(policy.error());
  const Result<Explanation> story = co_await engine_.explain(*policy, std::move(call.captures[1]));
  if (!story) co_return std::unexpected(problem_of(story.error()));
  Answered answered = json_answer();
  append_explanation(answered.response.body, *story);
  co_return answered;
}

}  // namespace headrace::http
