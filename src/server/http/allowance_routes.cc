#include "server/http/allowance_routes.h"

#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/nearest.h"
#include "headrace/key.h"
#include "server/http/json_body.h"
#include "server/http/json_text.h"
#include "server/http/named_policy.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;

struct GateQuery {
  std::optional<std::string> cursor{};
  Duration wait{0};
};

Outcome<Duration> wait_of(const std::string& value) {
  constexpr std::int64_t ms_max = AllowanceRoutes::gate_wait_max.count();
  std::int64_t ms = 0;
  const char* const end = value.data() + value.size();
  const auto parsed = std::from_chars(value.data(), end, ms);
  if (parsed.ec != std::errc() || parsed.ptr != end || ms < 0 || ms > ms_max) {
    return problem("bad-request", "wait is a whole number of milliseconds, 0 to " +
                                      std::to_string(ms_max) + " (gate_wait_max)");
  }
  return milliseconds(ms);
}

Outcome<GateQuery> gate_query_of(const wire::Request& request) {
  const auto parameters = wire::parameters_of(request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  GateQuery query;
  for (const auto& [name, value] : *parameters) {
    if (name == "cursor") {
      query.cursor = value;
    } else if (name == "wait") {
      const Outcome<Duration> wait = wait_of(value);
      if (!wait) return std::unexpected(wait.error());
      query.wait = *wait;
    } else {
      return problem("bad-request",
                     "a gate has no parameter \"" + name + "\"; it has cursor and wait");
    }
  }
  return query;
}

// A cursor without and with whether the gate was open: "ROW-CHANGES", "ROW-CHANGES-open".
std::string text_of(const GateCursor& cursor) {
  std::string text;
  for (const std::uint64_t word : {cursor.row.high, cursor.row.low, cursor.changes}) {
    char digits[16];
    text.append(text.empty() ? "" : "-");
    text.append(digits, std::to_chars(digits, digits + sizeof digits, word, 16).ptr);
  }
  return text;
}
std::string text_of(const GateState& state) {
  return text_of(state.cursor) + (state.open ? "-open" : "-shut");
}

// Whether whoever was at `cursor` has not seen all changes; one that is not ours has not.
bool is_behind(std::string_view cursor, const GateState& state) {
  return cursor.substr(0, cursor.rfind('-')) != text_of(state.cursor);
}

std::string_view state_of(const Balance& left) {
  if (std::holds_alternative<Unknown>(left)) return "unknown";
  if (std::holds_alternative<Unlimited>(left)) return "unlimited";
  return std::get<Amount>(left) > 0 ? "amount" : "exhausted";
}

void append_balance(JsonObject& json, const Balance& left, bool open) {
  if (const auto* const amount = std::get_if<Amount>(&left)) {
    json.number("left", *amount);
  } else {
    json.member("left") += "null";
  }
  json.truth("unlimited", std::holds_alternative<Unlimited>(left));
  json.text("state", state_of(left));
  json.truth("open", open);
}

// On another turn: not while its gate is calling.
void end_soon(Executor& executor, std::shared_ptr<Handover<std::monostate>> poll) {
  executor.post([poll = std::move(poll)] { poll->give({}); });
}

void append_spent(std::string& out, const Spent& spent) {
  JsonObject json(out);
  json.number("granted", spent.granted);
  append_balance(json, spent.left, spent.open);
}

void append_look(std::string& out, const Spent& spent) {
  JsonObject json(out);
  append_balance(json, spent.left, spent.open);
}

void append_gate(std::string& out, const GateState& state, bool changed) {
  JsonObject json(out);
  json.truth("changed", changed);
  json.text("cursor", text_of(state));
  append_balance(json, state.left, state.open);
}

Answered json_answer() {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  return answered;
}

Outcome<Amount> amount_in(const wire::Request& request, std::size_t json_depth_max) {
  Outcome<JsonBody> body = JsonBody::read(request, json_depth_max, {"application/json"});
  if (!body) return std::unexpected(std::move(body.error()));
  std::int64_t amount = 0;
  if (const auto* const object = body->object({"amount"})) {
    const auto* const member = object->if_contains("amount");
    boost::system::error_code error;  // 1.0 is a whole number, too.
    if (member != nullptr) amount = member->to_number<std::int64_t>(error);
    if (member == nullptr) {
      body->fault("/amount", "is missing");
    } else if (error || amount < 0 || amount > amount_max) {
      body->fault("/amount", "must be a whole number from 0 to " + std::to_string(amount_max));
    }
  }
  if (!body->is_sound()) return std::unexpected(std::move(*body).problem());
  return amount;
}

Outcome<std::shared_ptr<Allowances>> find(const AllowanceTable& table, const Call& call) {
  if (auto checked = check_entity(call.captures[1]); !checked) {
    return std::unexpected(std::move(checked.error()));
  }
  const std::string& name = call.captures[0];
  if (const auto at = table.find(name); at != table.end()) return at->second;
  std::vector<std::string_view> names;
  for (const auto& [one, allowances] : table) names.push_back(one);
  return problem("no-such-allowance", "there is no allowance \"" +
                                          name.substr(0, 2 * name_bytes_max) + "\"" +
                                          nearest_hint(name, names));
}

}  // namespace

AllowanceRoutes::AllowanceRoutes(AllowanceTable allowances, Ports ports, std::size_t json_depth_max)
    : ports_(ports),
      json_depth_max_(json_depth_max),
      allowances_(std::make_shared<const AllowanceTable>(std::move(allowances))) {}

void AllowanceRoutes::add_to(Router& router) {
  router.add({"POST", "/v1/allowances/{name}/{entity}/spend", Route::allowance,
              "spend of an entity's balance",
              [this](Call call) { return spend(std::move(call)); }});
  router.add({"GET", "/v1/allowances/{name}/{entity}", Route::allowance,
              "what is left of it, and whether its gate is open",
              [this](Call call) { return look(std::move(call)); }});
  router.add({"GET", "/v1/allowances/{name}/{entity}/gate", Route::gate,
              "the same, once it has changed; ?cursor= and ?wait=", [this](Call call) {
                return poll_gate(std::move(call));
              }});
}

void AllowanceRoutes::set(AllowanceTable allowances) {
  auto made = std::make_shared<const AllowanceTable>(std::move(allowances));
  const std::scoped_lock lock(mutex_);
  allowances_ = std::move(made);
  end_polls();
}

std::shared_ptr<const AllowanceTable> AllowanceRoutes::all() const {
  const std::scoped_lock lock(mutex_);
  return allowances_;
}

Task<Outcome<Answered>> AllowanceRoutes::spend(Call call) {
  const Outcome<Amount> amount = amount_in(call.request, json_depth_max_);
  if (!amount) co_return std::unexpected(amount.error());
  const Outcome<std::shared_ptr<Allowances>> allowances = find(*all(), call);
  if (!allowances) co_return std::unexpected(allowances.error());
  auto spending = (*allowances)->spend(std::move(call.captures[1]), *amount);
  const Spent spent = co_await std::move(spending);
  Answered answered = json_answer();
  append_spent(answered.response.body, spent);
  co_return answered;
}

Task<Outcome<Answered>> AllowanceRoutes::look(Call call) {
  const Outcome<std::shared_ptr<Allowances>> allowances = find(*all(), call);
  if (!allowances) co_return std::unexpected(allowances.error());
  auto looking = (*allowances)->spend(std::move(call.captures[1]), 0);
  const Spent spent = co_await std::move(looking);
  Answered answered = json_answer();
  append_look(answered.response.body, spent);
  co_return answered;
}

Task<Outcome<Answered>> AllowanceRoutes::poll_gate(Call call) {
  const Outcome<GateQuery> query = gate_query_of(call.request);
  if (!query) co_return std::unexpected(query.error());
  const TableRef table = all();
  const Outcome<std::shared_ptr<Allowances>> allowances = find(*table, call);
  if (!allowances) co_return std::unexpected(allowances.error());
  const Instant deadline = ports_.clock.now() + query->wait;

  // What a signal has outdated while nobody watched is read first, also for who does not wait.
  auto looking = (*allowances)->spend(call.captures[1], 0);
  (void)co_await std::move(looking);
  const auto poll = std::make_shared<Poll>();
  GateOptions options;
  options.on_gate = [&executor = ports_.executor, poll](bool) { end_soon(executor, poll); };
  options.on_change = [&executor = ports_.executor, poll] { end_soon(executor, poll); };
  const Result<AllowanceGate> gate = (*allowances)->watch(call.captures[1], std::move(options));
  if (!gate) co_return std::unexpected(problem_of(gate.error()));
  GateState state = gate->state();
  if (query->cursor == text_of(state)) {  // It has seen all that there is.
    auto waiting = wait(poll, table, deadline);
    co_await std::move(waiting);
    state = gate->state();
  }
  Answered answered = json_answer();
  const bool changed = query->cursor && is_behind(*query->cursor, state);
  append_gate(answered.response.body, state, changed);
  co_return answered;
}

// Waiting at a gate.

Task<void> AllowanceRoutes::wait(PollRef poll, TableRef table, Instant deadline) {
  if (deadline <= ports_.clock.now()) co_return;
  {
    const std::scoped_lock lock(mutex_);
    if (dropped_ || table != allowances_) co_return;
    polls_.insert(poll);
  }
  const Executor::TimerId timer = ports_.executor.post_at(deadline, [poll] { poll->give({}); });
  (void)co_await *poll;
  ports_.executor.cancel(timer);
  const std::scoped_lock lock(mutex_);
  polls_.erase(poll);
}

void AllowanceRoutes::drop_all() {
  const std::scoped_lock lock(mutex_);
  dropped_ = true;
  end_polls();
}

void AllowanceRoutes::end_polls() {
  for (const PollRef& poll : polls_) end_soon(ports_.executor, poll);
}

}  // namespace headrace::http
