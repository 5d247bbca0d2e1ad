// Commands of the connection: who asks, in which version, and whether anybody is there.
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/connection.h"
#include "server/resp/service.h"
#include "wire/resp_request.h"

namespace headrace::resp {

bool is_plain_name(std::string_view name) noexcept {
  for (const char c : name) {
    if (c < '!' || c > '~') return false;
  }
  return true;
}

namespace {

constexpr std::string_view wrong_pass =
    "WRONGPASS invalid username-password pair or user is disabled.";

// Whom the key was given to; null: nobody, or not whom the client says.
std::expected<IdentityRef, std::string> admitted(Service& service, const Client& client,
                                                 std::string_view user, std::string_view key) {
  Result<IdentityRef> who = service.ports.doorkeeper.admit(key);
  if (!who && who.error().code != Code::not_allowed) return std::unexpected(text_of(who.error()));
  const bool agrees =
      who && (user == "default" || user == (*who)->tenant_name || user == (*who)->key_id);
  if (agrees) return *std::move(who);
  const std::string& address = client.card->address;
  const std::string_view host = std::string_view(address).substr(0, address.rfind(':'));
  if (service.ports.doorkeeper.refused(key, host).allowed) {
    return std::unexpected(std::string(wrong_pass));
  }
  return std::unexpected("RATELIMIT too many wrong keys came from this address");
}

// False: the client was told why not.
bool let_in(Service& service, Client& client, std::string_view user, std::string_view key,
            RespWriter& out) {
  auto who = admitted(service, client, user, key);
  if (!who) {
    out.error(who.error());
    client.is_ending = ++client.failures >= service.options.auth_failures_max;
    return false;
  }
  client.who = *std::move(who);
  return true;
}

void auth(Service& service, Client& client, Args args, RespWriter& out) {
  if (args.size() > 3) {
    out.error(syntax_error);
    return;
  }
  const bool has_user = args.size() == 3;
  if (let_in(service, client, has_user ? args[1] : "default", args.back(), out)) out.ok();
}

void say_hello(const Service& service, const Client& client, RespWriter& out) {
  constexpr std::size_t members = 8;
  out.map(members).bulk("server").bulk("redis").bulk("version").bulk(redis_version);
  out.bulk("proto").integer(client.version);
  out.bulk("id").integer(static_cast<std::int64_t>(client.card->id));
  out.bulk("mode").bulk("standalone").bulk("role").bulk("master").bulk("modules").array(0);
  out.bulk("headrace_version").bulk(service.options.version);
}

struct Greeting {
  int version = 0;
  std::optional<std::pair<std::string_view, std::string_view>> credentials{};
  std::optional<std::string_view> name{};
};

std::expected<Greeting, std::string> greeting_in(const Client& client, Args args) {
  Greeting greeting{.version = client.version};
  if (args.size() == 1) return greeting;
  const auto version = wire::strict_integer(args[1]);
  if (!version) {
    return std::unexpected("ERR Protocol version is not an integer or out of range");
  }
  if (*version != 2 && *version != 3) {
    return std::unexpected("NOPROTO unsupported protocol version");
  }
  greeting.version = static_cast<int>(*version);
  for (std::size_t i = 2; i < args.size(); ++i) {
    const std::size_t left = args.size() - i - 1;
    if (same_word(args[i], "auth") && left >= 2) {
      greeting.credentials.emplace(args[i + 1], args[i + 2]);
      i += 2;
    } else if (same_word(args[i], "setname") && left >= 1) {
      greeting.name = args[++i];
    } else {
      return std::unexpected("ERR Syntax error in HELLO option '" + std::string(args[i]) + "'");
    }
  }
  return greeting;
}

void hello(Service& service, Client& client, Args args, RespWriter& out) {
  const auto greeting = greeting_in(client, args);
  if (!greeting) {
    out.error(greeting.error());
    return;
  }
  if (greeting->name && !is_plain_name(*greeting->name)) {
    out.error(bad_client_name);
    return;
  }
  const auto& key = greeting->credentials;
  if (key && !let_in(service, client, key->first, key->second, out)) return;
  if (!client.who) {
    out.error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
        "<proto> AUTH <user> <pass> option can be used to authenticate the client and select the "
        "RESP protocol version at the same time");
    return;
  }
  if (greeting->name) {
    service.roster.under_mutex([&] { client.card->name = *greeting->name; });
  }
  client.version = greeting->version;
  client.card->version = greeting->version;
  RespWriter spoken(out.text(), client.version);
  say_hello(service, client, spoken);
}

void ping(Service&, Client& client, Args args, RespWriter& out) {
  if (args.size() > 2) {
    out.error(wrong_arity("ping"));
    return;
  }
  const bool has_text = args.size() == 2;
  if (client.version == 2 && client.subscriptions() > 0) {
    out.array(2).bulk("pong").bulk(has_text ? args[1] : "");
  } else if (has_text) {
    out.bulk(args[1]);
  } else {
    out.simple("PONG");
  }
}

void echo(Service&, Client&, Args args, RespWriter& out) {
  out.bulk(args[1]);
}

void quit(Service&, Client& client, Args, RespWriter& out) {
  client.is_ending = true;
  out.ok();
}

void reset(Service& service, Client& client, Args, RespWriter& out) {
  client.transaction.end();
  client.channels.clear();
  client.patterns.clear();
  service.hub.remove(client.card->id);
  client.replies = Client::Replies::on;
  client.version = 2;
  client.who = service.ports.doorkeeper.anonymous();
  service.roster.under_mutex([&] { client.card->name.clear(); });
  client.card->version = 2;
  client.card->queued = -1;
  client.card->channels = client.card->patterns = 0;
  out.simple("RESET");
}

void select(Service&, Client&, Args args, RespWriter& out) {
  const auto number = wire::strict_integer(args[1]);
  if (!number) {
    out.error(no_integer);
  } else if (*number != 0) {
    out.error("ERR DB index is out of range");
  } else {
    out.ok();
  }
}

constexpr Command table[] = {
    {"auth",
     -2,
     fast | no_auth | no_multi,
     {},
     "connection",
     "1.0.0",
     "Authenticates the connection.",
     auth},
    {"echo", 2, fast, {}, "connection", "1.0.0", "Returns the given string.", echo},
    {"hello",
     -1,
     fast | no_auth | no_multi,
     {},
     "connection",
     "6.0.0",
     "Handshakes with the Redis server.",
     hello},
    {"ping",
     -1,
     fast | in_subscription,
     {},
     "connection",
     "1.0.0",
     "Returns the server's liveliness response.",
     ping},
    {"quit",
     -1,
     fast | no_auth | not_queued | in_subscription,
     {},
     "connection",
     "1.0.0",
     "Closes the connection.",
     quit},
    {"reset",
     1,
     fast | no_auth | not_queued | in_subscription,
     {},
     "connection",
     "6.2.0",
     "Resets the connection.",
     reset},
    {"select", 2, fast, {}, "connection", "1.0.0", "Changes the selected database.", select},
};

}  // namespace

std::span<const Command> connection_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
