#include "server/http/api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/http_writer.h"

namespace headrace::http {

namespace {

constexpr std::size_t request_id_bytes_max = 128;
constexpr std::string_view scheme = "Bearer ";

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= request_id_bytes_max &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-' || c == '_' || c == '.' || c == ':';
         });
}

// Open to everybody: what a load balancer must be able to ask, and what has no secrets.
bool is_public(std::string_view path) {
  return path == "/livez" || path == "/readyz" || path == "/openapi.json";
}

}  // namespace

Api::Api(const ServerOptions& options, Parts parts)
    : options_(options),
      parts_(std::move(parts)),
      snapshots_(options.snapshots),
      reads_(parts_.engine, snapshots_,
             {.batch_entities_max = options.batch_entities_max,
              .batch_answer_bytes_max = options.batch_answer_bytes_max,
              .json_depth_max = options.json_depth_max}),
      merged_(options.merged, {.batch_answer_bytes_max = options.batch_answer_bytes_max,
                               .json_depth_max = options.json_depth_max}),
      allowances_(options.allowances, {.clock = parts_.clock, .executor = parts_.executor},
                  options.json_depth_max),
      invalidations_(parts_.engine, snapshots_, options.json_depth_max),
      writes_(parts_.engine, options.json_depth_max),
      guards_({.engine = parts_.engine,
               .clock = parts_.clock,
               .executor = parts_.executor,
               .random = parts_.random},
              options.guards_max, options.json_depth_max),
      policies_(parts_.engine, options.json_depth_max, [this] { return prices(); }),
      migration_(options_.migration, options.json_depth_max),
      began_(parts_.clock.now()),
      prices_(std::make_shared<const Prices>(options.prices)) {
  for (std::size_t i = 0; i < parts_.loops; ++i) counters_.push_back(std::make_unique<Counters>());
  reads_.add_to(router_);
  snapshots_.add_to(router_);
  merged_.add_to(router_);
  allowances_.add_to(router_);
  invalidations_.add_to(router_);
  writes_.add_to(router_);
  guards_.add_to(router_);
  policies_.add_to(router_);
  migration_.add_to(router_);
  if (options_.keyspace != nullptr) {
    user_sessions_.emplace(
        UserSessionRoutes::Ports{.keyspace = *options_.keyspace, .random = parts_.random},
        options_.json_depth_max);
    user_sessions_->add_to(router_);
  }
  add_record_routes();
  add_health_routes();
}

void Api::add_record_routes() {
  if (options_.keyspace == nullptr) return;
  const KvLimits limits{.ttl_default = options_.ttl_default,
                        .ttl_max = options_.ttl_max,
                        .batch_ops_max = options_.batch_entities_max,
                        .batch_answer_bytes_max = options_.batch_answer_bytes_max,
                        .json_depth_max = options_.json_depth_max};
  records_.emplace(*options_.keyspace, limits);
  records_->add_to(router_);
}

std::string Api::request_id_of(const wire::Request& request) const {
  const auto given = request.header("x-request-id");
  if (given && is_request_id(*given)) return std::string(*given);
  std::string id(13, '0');  // 65 bits, and short enough to need no memory of its own.
  for (std::uint64_t bits = parts_.random.bits(); char& digit : id) {
    digit = "0123456789abcdefghijklmnopqrstuv"[bits & 31];
    bits >>= 5;
  }
  return id;
}

// Takes as long for a wrong key as for the right one.
bool Api::is_key(std::string_view authorization) const noexcept {
  if (authorization.size() < scheme.size() ||
      !wire::same_token(authorization.substr(0, scheme.size()), scheme)) {
    return false;
  }
  const std::string_view given = authorization.substr(scheme.size());
  const std::string& key = options_.api_key;
  volatile unsigned difference = given.size() == key.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference = difference | static_cast<unsigned>(given[i] ^ key[i % key.size()]);
  }
  return difference == 0;
}

Outcome<void> Api::admit(const wire::Request& request) const {
  if (options_.api_key.empty() || is_public(request.path())) return {};
  const auto authorization = request.header("authorization");
  if (!authorization) {
    return problem("missing-credentials", "this server wants Authorization: Bearer <key>",
                   {{"WWW-Authenticate", R"(Bearer realm="headrace")"}});
  }
  if (is_key(*authorization)) return {};
  return problem("invalid-credentials", "the key is not this server's",
                 {{"WWW-Authenticate", R"(Bearer realm="headrace", error="invalid_token")"}});
}

std::optional<Said> Api::answer_now(const wire::Request& request, std::string& out) {
  if (!options_.api_key.empty()) {
    const auto authorization = request.header("authorization");
    if (!authorization || !is_key(*authorization)) return std::nullopt;
  }
  const std::string id = request_id_of(request);
  const Asking asking{
      .keep_alive = request.keep_alive && !draining_, .path = request.path(), .request_id = id};
  if (auto said = reads_.answer_now(request, asking, out)) return said;
  if (!records_ || !RecordRoutes::may_answer_now(request)) return std::nullopt;
  const Outcome<IdentityRef> who = who_asks(request);
  if (!who) return std::nullopt;
  return records_->answer_now(request, **who, asking, out);
}

Outcome<IdentityRef> Api::who_asks(const wire::Request& request) const {
  if (options_.doorkeeper == nullptr) return nullptr;
  const auto authorization = request.header("authorization");
  if (!authorization || !options_.api_key.empty()) {
    if (IdentityRef anybody = options_.doorkeeper->anonymous()) return anybody;
    return problem("missing-credentials", "this server wants Authorization: Bearer <key>",
                   {{"WWW-Authenticate", R"(Bearer realm="headrace")"}});
  }
  const bool is_bearer = authorization->size() > scheme.size() &&
                         wire::same_token(authorization->substr(0, scheme.size()), scheme);
  auto who = options_.doorkeeper->admit(is_bearer ? authorization->substr(scheme.size()) : "");
  if (who) return *std::move(who);
  if (who.error().code != Code::not_allowed) {
    return std::unexpected(problem_of_records(who.error()));
  }
  return problem("invalid-credentials", who.error().what,
                 {{"WWW-Authenticate", R"(Bearer realm="headrace", error="invalid_token")"}});
}

Task<Reply> Api::answer(wire::Request request) {
  Frame frame{.path = std::string(request.path()),
              .request_id = request_id_of(request),
              .head = request.method == "HEAD"};
  Reply reply{.said = {.keep_alive = request.keep_alive && !draining_}};
  request.keep_alive = reply.said.keep_alive;
  const Outcome<void> admitted = admit(request);
  Outcome<IdentityRef> who = is_public(frame.path) ? IdentityRef() : who_asks(request);
  Outcome<Router::Found> found = router_.find(request.method, frame.path);
  if (found) reply.said.route = found->entry->route;

  Outcome<Answered> answered;
  if (!admitted) {
    answered = std::unexpected(admitted.error());
  } else if (!who) {
    answered = std::unexpected(std::move(who.error()));
  } else if (!found) {
    answered = std::unexpected(std::move(found.error()));
  } else {
    Call call{.request = std::move(request),
              .captures = std::move(found->captures),
              .request_id = frame.request_id,
              .who = *std::move(who)};
    answered = co_await found->entry->handler(std::move(call));
  }
  write(reply, std::move(answered), frame);
  co_return reply;
}

Reply Api::refuse(const wire::HttpFault& fault) {
  Reply reply{.said = {.keep_alive = false}};
  write(reply, problem(problem_code_of_status(fault.status), fault.what),
        {.request_id = request_id_of({})});
  return reply;
}

// Turns an outcome into the bytes that go out.
void Api::write(Reply& reply, Outcome<Answered> outcome, const Frame& frame) {
  if (outcome && !outcome->bytes.empty()) {
    reply.bytes = std::move(outcome->bytes);
    reply.said.status = outcome->response.status;
    return;
  }
  wire::Response response =
      outcome ? std::move(outcome->response)
              : response_of(outcome.error(), shown_path(frame.path), frame.request_id);
  response.keep_alive = reply.said.keep_alive;
  reply.said.status = response.status;
  if (!response.header("cache-control")) response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  response.headers.push_back({"X-Request-Id", frame.request_id});
  const wire::Body body = frame.head ? wire::Body::left_out : wire::Body::sent;
  wire::append_response(reply.bytes, response, body);
}

void Api::set_prices(Prices prices) {
  auto made = std::make_shared<const Prices>(std::move(prices));
  const std::scoped_lock lock(prices_mutex_);
  prices_ = std::move(made);
}

std::shared_ptr<const Prices> Api::prices() const {
  const std::scoped_lock lock(prices_mutex_);
  return prices_;
}

void Api::count(const Said& said, Duration took) {
  counters_[parts_.current_loop()]->add(said.route, said.status, took);
}

}  // namespace headrace::http
