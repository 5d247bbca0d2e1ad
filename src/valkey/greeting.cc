#include "valkey/greeting.h"

#include <charconv>
#include <limits>
#include <utility>

#include "valkey/scripts.h"

namespace headrace::valkey {

namespace {

// Records as compare_and_set() expects them: a character, and a token of 16 bytes.
constexpr std::string_view first_token = "0123456789abcdef";
constexpr std::string_view second_token = "fedcba9876543210";
constexpr std::string_view first_lease = "L0123456789abcdef";
constexpr std::string_view second_lease = "Lfedcba9876543210";
constexpr std::string_view first_value = "E0123456789abcdef one";
constexpr std::string_view second_value = "Efedcba9876543210 two";
constexpr std::string_view probe_ms = "10000";

// What the server must answer, in the order in which it is asked.
enum class Must : std::uint8_t { be_ok, be_null, be_zero, be_one, be_first_lease };
struct Step {
  std::vector<std::string> command;
  Must must;
};

std::vector<Step> proof(std::string_view probe) {
  const std::string key(probe);
  const std::string script(compare_and_set);
  const auto set = [&](std::string_view value) {
    return std::vector<std::string>{"SET", key,  std::string(value),
                                    "NX",  "PX", std::string(probe_ms)};
  };
  const auto fill = [&](std::string_view expected, std::string_view value) {
    return std::vector<std::string>{
        "EVAL", script, "1", key, std::string(expected), std::string(value), std::string(probe_ms)};
  };
  return {{{"DEL", key}, Must::be_zero},
          {set(first_lease), Must::be_ok},
          {set(second_lease), Must::be_null},
          {{"GET", key}, Must::be_first_lease},
          {fill(second_token, second_value), Must::be_zero},
          {{"DEL", key}, Must::be_one},
          {fill(first_token, first_value), Must::be_zero},
          {set(second_lease), Must::be_ok},
          {fill(second_token, first_value), Must::be_one}};
}

bool is_as(const RespValue& reply, Must must) {
  using Kind = RespValue::Kind;
  switch (must) {
    case Must::be_ok: return reply.is("OK");
    case Must::be_null: return reply.is_null();
    case Must::be_zero: return reply.kind == Kind::integer && reply.integer == 0;
    case Must::be_one: return reply.kind == Kind::integer && reply.integer == 1;
    case Must::be_first_lease: return reply.is(first_lease);
  }
  return false;
}

std::unexpected<Error> refused(std::string what) {
  return failure(Code::store_unavailable, std::move(what));
}

Result<void> check_hello(const RespValue& hello) {
  if (!hello.is_error()) return {};
  const std::string said(hello.text);
  if (said.starts_with("WRONGPASS") || said.starts_with("NOAUTH") || said.starts_with("ERR AUTH")) {
    return refused("user and password are refused: " + said);
  }
  return refused("HELLO 3 is refused (" + said +
                 "); Headrace needs Redis 6.2, Valkey 7.2 or later");
}

Result<void> check_proof(std::span<const RespValue> replies, std::string_view probe) {
  const std::vector<Step> steps = proof(probe);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (is_as(replies[i], steps[i].must)) continue;
    const std::string& command = steps[i].command.front();
    if (replies[i].is_error()) {
      if (replies[i].text.starts_with("MOVED ")) {
        return refused("it is a node of a cluster, and this key is another's: name the cluster");
      }
      return refused(command + " is refused: " + std::string(replies[i].text));
    }
    return refused("it breaks compare-and-set: step " + std::to_string(i + 1) + " of the test, " +
                   command +
                   ", was answered otherwise than by Redis or Valkey. Is there a proxy in front of "
                   "it, or does "
                   "somebody else use this key?");
  }
  return {};
}

// HELLO, INFO three times, and TIME twice: see ServerClock.
constexpr std::size_t before_scripts = 6;

}  // namespace

Greeting make_greeting(const Login& login, std::span<const std::string_view> scripts,
                       std::string_view probe, Accepts accepts) {
  Greeting greeting{
      .scripts = scripts.size(), .proves_compare_and_set = !probe.empty(), .accepts = accepts};
  RespCommands& say = greeting.commands;
  std::vector<std::string> hello{"HELLO", "3"};
  if (!login.password.empty()) {
    hello.insert(hello.end(),
                 {"AUTH", login.user.empty() ? "default" : login.user, login.password});
  }
  hello.insert(hello.end(), {"SETNAME", "headrace"});
  say.add(hello)
      .add({"INFO", "server"})
      .add({"INFO", "replication"})
      .add({"INFO", "memory"})
      .add({"TIME"})
      .add({"TIME"});
  for (const std::string_view script : scripts) say.add({"SCRIPT", "LOAD", script});
  if (probe.empty()) return greeting;
  for (const Step& step : proof(probe)) say.add(step.command);
  // What not every server has.
  say.add({"SET", probe, second_value, "IFEQ", first_value, "PX", probe_ms})
      .add({"SET", probe, first_value, "IFEQ", first_value, "PX", probe_ms})
      .add({"DELIFEQ", probe, first_value})
      .add({"DELIFEQ", probe, second_value})
      .add({"DEL", probe});
  return greeting;
}

Result<std::int64_t> read_time(const RespValue& value) {
  std::int64_t parts[2] = {0, 0};
  if (value.items.size() != 2) return refused("TIME is not answered");
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string_view text = value.items[i].text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parts[i]);
    if (error != std::errc() || end != text.data() + text.size() || parts[i] < 0) {
      return refused("TIME is answered by what is no number");
    }
  }
  constexpr std::int64_t second = 1'000'000;
  if (parts[1] >= second || parts[0] > std::numeric_limits<std::int64_t>::max() / second - 1) {
    return refused("TIME is answered by a time that cannot be");
  }
  return parts[0] * 1'000'000 + parts[1];
}

Result<std::shared_ptr<Server>> read_greeting(const Greeting& greeting, std::string_view replies,
                                              Instant sent, Instant now) {
  std::vector<RespValue> values;
  RespReplies reader(replies);
  while (!reader.is_empty()) {
    auto value = reader.next();
    if (!value) return std::unexpected(value.error());
    values.push_back(std::move(*value));
  }
  if (values.size() != greeting.commands.size()) return refused("the greeting is not answered");
  if (auto sound = check_hello(values[0]); !sound) return std::unexpected(sound.error());
  for (std::size_t i = 1; i < before_scripts + greeting.scripts; ++i) {
    if (values[i].is_error()) {
      return refused("the user may not do what Headrace needs: " + std::string(values[i].text));
    }
  }
  const auto incarnation = incarnation_of(values[1].text, values[2].text);
  if (!incarnation) return std::unexpected(incarnation.error());
  const auto first = read_time(values[4]);
  if (!first) return std::unexpected(first.error());
  const auto second = read_time(values[5]);
  if (!second) return std::unexpected(second.error());

  auto server = std::make_shared<Server>();
  server->incarnation = *incarnation;
  server->greeted_at = now;
  const std::string_view valkey = info_field(values[1].text, "valkey_version");
  server->program = valkey.empty() ? "redis" : "valkey";
  server->version = valkey.empty() ? info_field(values[1].text, "redis_version") : valkey;
  server->is_replica = info_field(values[2].text, "role") == "slave";
  server->eviction = info_field(values[3].text, "maxmemory_policy");
  if (!server->clock.sample(*first, *second, sent, now)) {
    return refused("TIME is answered by times that cannot be, one after the other");
  }
  for (std::size_t i = 0; i < greeting.scripts; ++i) {
    server->shas.emplace_back(values[before_scripts + i].text);
  }
  if (server->is_replica && greeting.accepts == Accepts::primary) {
    return refused("it is a replica, which may be behind; name the primary");
  }
  if (!greeting.proves_compare_and_set) return server;
  const std::span<const RespValue> rest =
      std::span(values).subspan(before_scripts + greeting.scripts);
  if (auto sound = check_proof(rest, "probe"); !sound) return std::unexpected(sound.error());
  const std::span<const RespValue> extras = rest.last(5);
  server->has_set_ifeq = extras[0].is("OK") && extras[1].is_null();
  server->has_delifeq =
      server->has_set_ifeq && is_as(extras[2], Must::be_zero) && is_as(extras[3], Must::be_one);
  return server;
}

}  // namespace headrace::valkey
