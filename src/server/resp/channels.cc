// Commands of the channels on which invalidations are told.
#include <algorithm>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/glob.h"
#include "server/resp/service.h"

namespace headrace::resp {

namespace {

using Names = std::set<std::string, std::less<>>;

void follow(Service& service, Client& client) {
  client.card->channels = client.channels.size();
  client.card->patterns = client.patterns.size();
  if (client.subscriptions() == 0) {
    service.hub.remove(client.card->id);
  } else {
    service.hub.add(client.card->id, client.deliver);
  }
}

void say_count(const Client& client, RespWriter& out) {
  out.integer(static_cast<std::int64_t>(client.subscriptions()));
}

bool has_room(const Client& client, Args args, RespWriter& out) {
  if (client.subscriptions() + args.size() - 1 <= Client::subscriptions_max) return true;
  out.error("ERR too many subscriptions; at most 1024");
  return false;
}

void subscribe(Service& service, Client& client, Args args, RespWriter& out) {
  if (!has_room(client, args, out)) return;
  for (const std::string_view channel : args.subspan(1)) {
    if (!is_channel(channel)) {
      out.error("ERR no such channel: there are " + std::string(all_channel) + " and " +
                std::string(policy_channel) + "POLICY");
      return;
    }
    if (!may_hear(*client.who, channel)) {
      out.error(
          "NOPERM this user has no permissions to access one of the channels used as "
          "arguments");
      return;
    }
  }
  for (const std::string_view channel : args.subspan(1)) {
    client.channels.emplace(channel);
    out.push(3).bulk("subscribe").bulk(channel);
    say_count(client, out);
  }
  follow(service, client);
}

void psubscribe(Service& service, Client& client, Args args, RespWriter& out) {
  if (!has_room(client, args, out)) return;
  for (const std::string_view pattern : args.subspan(1)) {
    client.patterns.emplace(pattern);
    out.push(3).bulk("psubscribe").bulk(pattern);
    say_count(client, out);
  }
  follow(service, client);
}

// Those that are named; all, if none is.
void leave(Service& service, Client& client, Names& names, Args args, RespWriter& out) {
  const std::string said = same_word(args[0], "unsubscribe") ? "unsubscribe" : "punsubscribe";
  const Names all = names;
  std::vector<std::string_view> leaving(args.begin() + 1, args.end());
  if (leaving.empty()) leaving.assign(all.begin(), all.end());
  for (const std::string_view name : leaving) {
    if (const auto found = names.find(name); found != names.end()) names.erase(found);
    out.push(3).bulk(said).bulk(name);
    say_count(client, out);
  }
  if (leaving.empty()) {
    out.push(3).bulk(said).null();
    say_count(client, out);
  }
  follow(service, client);
}

void unsubscribe(Service& service, Client& client, Args args, RespWriter& out) {
  leave(service, client, client.channels, args, out);
}
void punsubscribe(Service& service, Client& client, Args args, RespWriter& out) {
  leave(service, client, client.patterns, args, out);
}

void publish(Service&, Client&, Args, RespWriter& out) {
  out.error(
      "ERR PUBLISH is not possible here: channels tell of invalidations alone, and "
      "HR.INVALIDATE makes one");
}

// How many clients of the tenant hear something is theirs alone to know.
void channels(Service&, Client& client, Args args, RespWriter& out) {
  if (args.size() > 3) {
    out.error(wrong_arity("pubsub|channels"));
    return;
  }
  const std::string_view pattern = args.size() == 3 ? args[2] : "*";
  std::vector<std::string_view> own;
  for (const std::string& channel : client.channels) {
    if (glob_match(pattern, channel)) own.push_back(channel);
  }
  out.array(own.size());
  for (const std::string_view channel : own) out.bulk(channel);
}

void numsub(Service&, Client& client, Args args, RespWriter& out) {
  out.array((args.size() - 2) * 2);
  for (const std::string_view channel : args.subspan(2)) {
    out.bulk(channel).integer(client.channels.contains(channel) ? 1 : 0);
  }
}

void numpat(Service&, Client& client, Args, RespWriter& out) {
  out.integer(std::ssize(client.patterns));
}

constexpr std::string_view group = "pubsub";
constexpr std::uint32_t hears = pubsub | no_multi | in_subscription;
constexpr Scopes to_watch = Scopes().with(Scope::watch);

constexpr Command table[] = {
    {"psubscribe",
     -2,
     hears,
     {},
     group,
     "2.0.0",
     "Listens for messages published to channels that match one or more patterns.",
     psubscribe,
     nullptr,
     to_watch},
    {"publish",
     3,
     pubsub | fast,
     {},
     group,
     "2.0.0",
     "Refused: channels tell of invalidations.",
     publish},
    {"pubsub", -2, 0, {}, group, "2.8.0", "A container for Pub/Sub commands.", Container{}},
    {"pubsub|channels",
     -2,
     pubsub,
     {},
     group,
     "2.8.0",
     "Returns the channels that this connection is subscribed to.",
     channels},
    {"pubsub|numpat",
     2,
     pubsub,
     {},
     group,
     "2.8.0",
     "Returns how many patterns this connection is subscribed to.",
     numpat},
    {"pubsub|numsub",
     -2,
     pubsub,
     {},
     group,
     "2.8.0",
     "Returns whether this connection is subscribed to channels.",
     numsub},
    {"punsubscribe",
     -1,
     hears,
     {},
     group,
     "2.0.0",
     "Stops listening to messages published to channels that match one or more patterns.",
     punsubscribe},
    {"subscribe",
     -2,
     hears,
     {},
     group,
     "2.0.0",
     "Listens for messages published to channels.",
     subscribe,
     nullptr,
     to_watch},
    {"unsubscribe",
     -1,
     hears,
     {},
     group,
     "2.0.0",
     "Stops listening to messages posted to channels.",
     unsubscribe},
};

}  // namespace

std::span<const Command> pubsub_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
