#include "server/http/api.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/http/permission.h"
#include "server/http/rate_text.h"
#include "wire/http_writer.h"

namespace headrace::http {

namespace {

constexpr std::size_t request_id_bytes_max = 128;

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= request_id_bytes_max &&
         std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                  c == '-' || c == '_' || c == '.' || c == ':';
         });
}

// Behind the status line of an answer that begins there and is written already.
void insert_headers(std::string& bytes, std::size_t begin, std::string_view headers) {
  bytes.insert(bytes.find("\r\n", begin) + 2, headers);
}

// Open to everybody: what a load balancer must be able to ask, and what has no secrets.
bool is_public(std::string_view path) {
  return path == "/livez" || path == "/readyz" || path == "/openapi.json";
}

}  // namespace

Api::Api(const ServerOptions& options, Parts parts)
    : options_(options),
      parts_(std::move(parts)),
      admission_(options.api_key, options.doorkeeper),
      snapshots_(options.snapshots),
      reads_(parts_.engine, parts_.clock, snapshots_,
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
      tenants_({.doorkeeper = options.doorkeeper,
                .tenants = options.tenants,
                .clock = parts_.clock,
                .version = options.version},
               options.json_depth_max),
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
  tenants_.add_to(router_);
  add_health_routes();
}

void Api::add_record_routes() {
  if (options_.keyspace == nullptr || options_.doorkeeper == nullptr) return;
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

std::optional<Said> Api::answer_now(const wire::Request& request, Visitor& visitor,
                                    std::string& out) {
  const auto who = admission_.admit_now(request, visitor);
  if (!who) return std::nullopt;
  if (!has_headers(*who)) return read_now(request, *who, out);
  // A refusal takes the longer way, and so does what another was quicker to take the last of.
  const Instant now = parts_.clock.now();
  if (!can_pay(*who, cost_of_one, now)) return std::nullopt;
  const std::size_t begin = out.size();
  const auto said = read_now(request, *who, out);
  if (!said) return said;
  if (!charge(*who, cost_of_one, now)) {
    out.resize(begin);
    return std::nullopt;
  }
  thread_local std::string headers;
  headers.clear();
  append_headers_for(headers, *who, now);
  insert_headers(out, begin, headers);
  return said;
}

// What memory holds.
std::optional<Said> Api::read_now(const wire::Request& request, const IdentityRef& who,
                                  std::string& out) {
  const std::string id = request_id_of(request);
  const Asking asking{
      .keep_alive = request.keep_alive && !draining_, .path = request.path(), .request_id = id};
  if (auto said = reads_.answer_now(request, who, asking, out)) return said;
  if (!records_ || !who || !RecordRoutes::may_answer_now(request)) return std::nullopt;
  return records_->answer_now(request, *who, asking, out);
}

Outcome<void> Api::permit(const IdentityRef& who, const Router::Entry& entry) const {
  if (auto allowed = check_route(who, entry); !allowed) return allowed;
  return charge(who, cost_of(entry), parts_.clock.now());
}

// What fails by our own fault is not paid for.
Task<Outcome<Answered>> Api::handle(const Router::Entry* entry, Call call) {
  const IdentityRef who = call.who;
  const Outcome<void> permitted = permit(who, *entry);
  if (!permitted) co_return std::unexpected(permitted.error());
  auto handling = entry->handler(std::move(call));
  Outcome<Answered> answered = co_await std::move(handling);
  const int status =
      answered ? answered->response.status : problem_kind(answered.error().code).status;
  if (who && who->meter && status >= 500) {
    who->meter->give_back(cost_of(*entry), parts_.clock.now());
  }
  co_return answered;
}

Task<Reply> Api::answer(wire::Request request, std::string peer) {
  Frame frame{.path = std::string(request.path()),
              .request_id = request_id_of(request),
              .head = request.method == "HEAD"};
  Reply reply{.said = {.keep_alive = request.keep_alive && !draining_}};
  request.keep_alive = reply.said.keep_alive;
  const bool is_open = is_public(frame.path);
  Outcome<IdentityRef> who = is_open ? IdentityRef() : admission_.admit(request, peer);
  Outcome<Router::Found> found = router_.find(request.method, frame.path);
  if (found) reply.said.route = found->entry->route;

  Outcome<Answered> answered;
  if (!who) {
    answered = std::unexpected(std::move(who.error()));
  } else if (!found) {
    answered = std::unexpected(std::move(found.error()));
  } else {
    Call call{.request = std::move(request),
              .captures = std::move(found->captures),
              .request_id = frame.request_id,
              .who = *who,
              .peer = std::move(peer)};
    auto handling = handle(found->entry, std::move(call));
    answered = co_await std::move(handling);
  }
  if (who) append_headers_for(frame.headers, *who, parts_.clock.now());
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
    insert_headers(reply.bytes, 0, frame.headers);
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
  insert_headers(reply.bytes, 0, frame.headers);
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
