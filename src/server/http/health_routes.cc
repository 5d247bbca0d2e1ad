// The routes that say how the server is, and what it answers: /livez, /readyz, /metrics, /v1/stats,
// /problems/{code}, /openapi.json and /.
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/http/answer_text.h"
#include "server/http/api.h"
#include "server/http/json_text.h"
#include "server/http/metrics.h"
#include "server/http/openapi.h"
#include "server/http/stats_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

Answered text_answer(std::string text, std::string_view type = "text/plain; charset=utf-8") {
  Answered answered;
  answered.response.headers = {{"Content-Type", std::string(type)}};
  answered.response.body = std::move(text);
  return answered;
}

void write_index(std::string& out, const Router& router, std::string_view version) {
  JsonObject json(out);
  json.text("name", "headrace");
  json.text("version", version);
  JsonArray routes(json.member("routes"));
  for (const Router::Entry& entry : router.entries()) {
    JsonObject route(routes.next());
    route.text("method", entry.method);
    route.text("path", entry.pattern);
    route.text("says", entry.says);
  }
}

void write_check(std::string& out, std::string_view name, std::string_view trouble) {
  out.append(trouble.empty() ? "[+]" : "[-]").append(name);
  out.append(trouble.empty() ? " ok" : " ").append(trouble).append("\n");
}

// The server is ready all the same: the source answers.
void write_switched(std::string& out, const std::vector<PolicyView>& policies) {
  for (const PolicyView& view : policies) {
    if (view.switched_why.empty()) continue;
    write_check(out, "policy " + view.policy.name,
                "switched to shadow by mismatches: " + view.switched_why);
  }
}

Task<Outcome<Answered>> live(Call) {
  co_return text_answer("ok\n");
}

OpenapiTerms::Key key_wanted(const ServerOptions& options) {
  using Key = OpenapiTerms::Key;
  if (!options.api_key.empty()) return Key::required;
  if (options.doorkeeper == nullptr) return Key::none;
  return options.doorkeeper->anonymous() ? Key::optional : Key::required;
}

std::string feed_trouble(const FeedView& feed) {
  if (!feed.is_behind) return {};
  return "behind" + (feed.health.trouble.empty() ? "" : ": " + feed.health.trouble);
}

std::string bus_trouble(const EngineStats& stats) {
  if (stats.hears_all) return {};
  return "what others invalidate is not heard" +
         (stats.bus_trouble.empty() ? "" : ": " + stats.bus_trouble);
}

}  // namespace

void Api::add_health_routes() {
  router_.add({"GET", "/livez", Route::health, "whether the process lives", live});
  router_.add({"GET", "/readyz", Route::health, "whether to send requests here; ?verbose",
               [this](Call call) { return ready(std::move(call)); }});
  router_.add({"GET", "/metrics", Route::metrics, "counters for Prometheus",
               [this](Call call) { return metrics(std::move(call)); }});
  router_.add({"GET", "/v1/stats", Route::policies, "what the server does and costs, for people",
               [this](Call call) { return stats(std::move(call)); }});
  router_.add({"GET", "/problems/{code}", Route::other, "what a problem's code means",
               [this](Call call) { return problem_page(std::move(call)); }});
  router_.add({"GET", "/openapi.json", Route::other, "what all routes take and answer",
               [this](Call call) { return document(std::move(call)); }});
  router_.add({"GET", "/", Route::other, "this list",
               [this](Call call) { return index(std::move(call)); }});
}

// A store in trouble is told but does not make the server unready: reads go on without it.
Task<Outcome<Answered>> Api::ready(Call call) {
  const bool draining = announced_;
  std::string text = draining ? "draining\n" : "ok\n";
  if (call.request.query().starts_with("verbose")) {
    text.clear();
    write_check(text, "serving", draining ? "draining" : "");
    write_check(text, "reads", parts_.engine.reads_on() ? "" : "off by the global switch");
    if (parts_.store) write_check(text, "store", parts_.store->usage().trouble);
    const EngineStats stats = parts_.engine.stats();
    if (stats.has_bus) write_check(text, "bus", bus_trouble(stats));
    for (const FeedView& one : options_.feeds ? options_.feeds() : std::vector<FeedView>()) {
      write_check(text, "feed " + one.name, feed_trouble(one));
    }
    write_switched(text, parts_.engine.policies());
  }
  Answered answered = text_answer(std::move(text));
  if (draining) answered.response.status = 503;
  co_return answered;
}

Task<Outcome<Answered>> Api::metrics(Call) {
  MetricsInput input{.engine = parts_.engine.stats(),
                     .store = std::nullopt,
                     .loops = counters_,
                     .connections = parts_.connections(),
                     .handshakes_failed = std::nullopt,
                     .version = options_.version,
                     .policies = parts_.engine.policies(),
                     .prices = prices(),
                     .snapshots = snapshots_.all(),
                     .allowances = allowances_.all()};
  if (options_.tls) input.handshakes_failed = parts_.handshakes_failed();
  if (parts_.store) input.store = parts_.store->usage();
  if (options_.feeds) input.feeds = options_.feeds();
  if (options_.migration.view) input.migration = options_.migration.view();
  if (options_.tenants) input.tenants = options_.tenants->stats();
  co_return text_answer(metrics_text(input), metrics_type);
}

Task<Outcome<Answered>> Api::stats(Call) {
  StatsInput input{.engine = parts_.engine.stats(),
                   .policies = parts_.engine.policies(),
                   .prices = prices(),
                   .snapshots = snapshots_.all(),
                   .allowances = allowances_.all(),
                   .version = options_.version,
                   .uptime = parts_.clock.now() - began_,
                   .connections = parts_.connections(),
                   .ready = !announced_};
  if (parts_.store) input.store = parts_.store->usage();
  if (options_.feeds) input.feeds = options_.feeds();
  Answered answered = text_answer("", "application/json");
  append_stats(answered.response.body, input);
  co_return answered;
}

Task<Outcome<Answered>> Api::problem_page(Call call) {
  const auto kinds = problem_kinds();
  const auto found = std::ranges::find(kinds, call.captures[0], &ProblemKind::code);
  if (found == kinds.end()) co_return problem("no-such-problem", "there is no such problem");
  std::string text = std::to_string(found->status) + " " + std::string(found->code) + "\n\n";
  text.append(found->title).append(".\n\n").append(found->advice).append("\n");
  co_return text_answer(std::move(text));
}

Task<Outcome<Answered>> Api::document(Call call) {
  std::call_once(document_made_, [this] {
    document_ = boost::json::serialize(openapi_of(
        router_,
        {.version = options_.version, .key = key_wanted(options_), .ttl_max = options_.ttl_max}));
  });
  Answered answered;
  std::string etag = etag_of(document_);
  const bool is_known = wire::etag_listed(call.request.header("if-none-match").value_or(""), etag);
  answered.response = {.status = is_known ? 304 : 200,
                       .headers = {{"ETag", std::move(etag)}, {"Cache-Control", "no-cache"}}};
  if (!is_known) {
    answered.response.headers.push_back({"Content-Type", "application/json"});
    answered.response.body = document_;
  }
  co_return answered;
}

Task<Outcome<Answered>> Api::index(Call) {
  Answered answered = text_answer("", "application/json");
  write_index(answered.response.body, router_, options_.version);
  co_return answered;
}

}  // namespace headrace::http
