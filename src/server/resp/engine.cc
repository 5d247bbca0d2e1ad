// HR.READ and HR.INVALIDATE: the read-through cache, for those who speak this protocol.
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/service.h"

namespace headrace::resp {

namespace {

// Absence is a null; a null of the source is the text that it is in JSON.
void say_answer(const AnyAnswer& answer, RespWriter& out) {
  if (answer.kind() == Kind::absent) {
    out.null();
  } else if (answer.kind() == Kind::null) {
    out.bulk("null");
  } else {
    out.bulk(*static_cast<const std::string*>(answer.entry().value()));
  }
}

std::string no_policy(std::string_view policy) {
  return "ERR no policy has the name '" + std::string(policy) + "'";
}

constexpr std::string_view not_theirs = "NOPERM this user has no permissions to read this policy";

bool read_at_once(Service& service, Client& client, Args args, RespWriter& out) {
  if (!is_named(*client.who, args[1])) {
    out.error(not_theirs);
    return true;
  }
  const PolicyHandle policy = service.ports.engine.find(args[1]);
  if (!policy) {
    out.error(no_policy(args[1]));
    return true;
  }
  if (args[2].empty() || args[2].size() > entity_bytes_max) {
    out.error("ERR an entity must have 1 to 1024 bytes");
    return true;
  }
  const auto answer = service.ports.engine.peek(*policy, args[2]);
  if (answer) say_answer(*answer, out);
  return answer.has_value();
}

Task<std::string> read(Asking asking) {
  Engine& engine = asking.service->ports.engine;
  const PolicyHandle policy = engine.find(asking.args[1]);
  std::string text;
  RespWriter out(text, asking.client->version);
  if (!policy) {  // It went between two looks.
    out.error(no_policy(asking.args[1]));
    co_return text;
  }
  AnyLookup lookup = engine.read(policy, asking.args[2]);
  const AnyResult answer = co_await lookup;
  if (answer) {
    say_answer(*answer, out);
  } else {
    out.error(text_of(answer.error()));
  }
  co_return text;
}

// "HR.INVALIDATE policy entity ..." or "HR.INVALIDATE TAG tag ...".
Task<std::string> invalidate(Asking asking) {
  std::string text;
  RespWriter out(text, asking.client->version);
  std::vector<std::string>& args = asking.args;
  const bool is_of_tags = same_word(args[1], "tag");
  if (!is_named(*asking.who, is_of_tags ? "*" : args[1])) {
    out.error(not_theirs);
    co_return text;
  }
  Invalidation what;
  for (std::size_t i = 2; i < args.size(); ++i) {
    if (is_of_tags) {
      what.tags.push_back(std::move(args[i]));
    } else {
      what.keys.push_back({.policy = args[1], .entity = std::move(args[i])});
    }
  }
  auto making = asking.service->ports.engine.invalidate(std::move(what));
  const Result<Held> held = co_await std::move(making);
  if (held) {
    out.simple(name_of(*held));
  } else {
    out.error(text_of(held.error()));
  }
  co_return text;
}

constexpr std::string_view group = "headrace";

constexpr Command table[] = {
    {"hr.invalidate",
     -3,
     no_multi,
     {},
     group,
     "7.0.0",
     "Invalidates entities of a policy, or tags, and says how far that holds.",
     invalidate,
     nullptr,
     Scopes().with(Scope::invalidate)},
    {"hr.read",
     3,
     no_multi,
     {},
     group,
     "7.0.0",
     "Reads an entity of a policy through the cache.",
     read,
     read_at_once,
     Scopes().with(Scope::policy_read)},
};

}  // namespace

std::span<const Command> engine_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
