// CLIENT: what the connections of one tenant are, and how to end one.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/connection.h"
#include "server/resp/service.h"
#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

// What began a little after `now` says has lasted no time.
std::int64_t whole_seconds(Duration duration) {
  return std::max<std::int64_t>(0, std::chrono::floor<std::chrono::seconds>(duration).count());
}

std::string user_of(const Card& card) {
  return card.who && !card.who->tenant_name.empty() ? card.who->tenant_name : "default";
}

// REQUIRES: under the roster's mutex.
std::string line_of(const Card& card, Instant now) {
  const Command* last = card.last;
  const bool hears = card.channels + card.patterns > 0;
  std::string flags = hears ? "P" : "";
  if (card.queued >= 0) flags += 'x';
  if (flags.empty()) flags = "N";
  std::string line = "id=" + std::to_string(card.id) + " addr=" + card.address;
  line += " laddr=" + card.local_address + " name=" + card.name;
  line += " age=" + std::to_string(whole_seconds(now - card.since));
  line += " idle=" + std::to_string(whole_seconds(now - card.active.load()));
  line += " flags=" + flags + " db=0 sub=" + std::to_string(card.channels);
  line += " psub=" + std::to_string(card.patterns) + " multi=" + std::to_string(card.queued);
  line += " cmd=" + std::string(last == nullptr ? "NULL" : last->name);
  line += " user=" + user_of(card) + " redir=-1 resp=" + std::to_string(card.version);
  return line + " lib-name=" + card.library + " lib-ver=" + card.library_version + "\n";
}

void id(Service&, Client& client, Args, RespWriter& out) {
  out.integer(static_cast<std::int64_t>(client.card->id));
}

// A client without a tenant of its own sees itself.
std::vector<CardRef> seen_by(const Service& service, const Client& client) {
  return service.roster.of(client.who->tenant);
}

void client_info(Service& service, Client& client, Args, RespWriter& out) {
  const Instant now = service.ports.clock.now();
  out.verbatim(service.roster.under_mutex([&] { return line_of(*client.card, now); }));
}

struct Filter {
  std::vector<std::uint64_t> ids{};
  std::optional<std::string_view> address{};
  std::optional<std::string_view> user{};
  bool pubsub_only = false;
  bool normal_only = false;
  bool nobody = false;
  bool skips_me = true;

  // REQUIRES: under the roster's mutex.
  [[nodiscard]] bool fits(const Card& card) const {
    const bool hears = card.channels + card.patterns > 0;
    return !nobody && (ids.empty() || std::ranges::find(ids, card.id) != ids.end()) &&
           (!address || card.address == *address) && (!user || user_of(card) == *user) &&
           (!pubsub_only || hears) && (!normal_only || !hears);
  }
};

// False: there is no such type.
bool take_type(Filter& filter, std::string_view type) {
  filter.pubsub_only = same_word(type, "pubsub");
  filter.normal_only = same_word(type, "normal");
  filter.nobody =
      same_word(type, "master") || same_word(type, "replica") || same_word(type, "slave");
  return filter.pubsub_only || filter.normal_only || filter.nobody;
}

void list(Service& service, Client& client, Args args, RespWriter& out) {
  Filter filter;
  if (args.size() == 4 && same_word(args[2], "type")) {
    if (!take_type(filter, args[3])) {
      out.error("ERR Unknown client type '" + std::string(args[3]) + "'");
      return;
    }
  } else if (args.size() > 3 && same_word(args[2], "id")) {
    for (const std::string_view arg : args.subspan(3)) {
      const auto number = wire::strict_integer(arg);
      if (!number || *number <= 0) {
        out.error("ERR Invalid client ID");
        return;
      }
      filter.ids.push_back(static_cast<std::uint64_t>(*number));
    }
  } else if (args.size() != 2) {
    out.error(syntax_error);
    return;
  }
  const Instant now = service.ports.clock.now();
  std::string lines;
  const auto cards = seen_by(service, client);
  service.roster.under_mutex([&] {
    for (const CardRef& card : cards) {
      if (filter.fits(*card)) lines += line_of(*card, now);
    }
  });
  out.verbatim(lines);
}

void setname(Service& service, Client& client, Args args, RespWriter& out) {
  if (!is_plain_name(args[2])) {
    out.error(bad_client_name);
    return;
  }
  service.roster.under_mutex([&] { client.card->name = args[2]; });
  out.ok();
}

void getname(Service& service, Client& client, Args, RespWriter& out) {
  const std::string name = service.roster.under_mutex([&] { return client.card->name; });
  if (name.empty()) {
    out.null();
  } else {
    out.bulk(name);
  }
}

void setinfo(Service& service, Client& client, Args args, RespWriter& out) {
  const bool is_name = same_word(args[2], "lib-name");
  if (!is_name && !same_word(args[2], "lib-ver")) {
    out.error("ERR Unrecognized option '" + std::string(args[2]) + "'");
    return;
  }
  if (!is_plain_name(args[3])) {
    out.error("ERR " + std::string(is_name ? "lib-name" : "lib-ver") +
              " cannot contain spaces, newlines or special characters.");
    return;
  }
  service.roster.under_mutex(
      [&] { (is_name ? client.card->library : client.card->library_version) = args[3]; });
  out.ok();
}

void on_or_off(Service&, Client&, Args args, RespWriter& out) {
  if (same_word(args[2], "on") || same_word(args[2], "off")) {
    out.ok();
  } else {
    out.error(syntax_error);
  }
}

void reply(Service&, Client& client, Args args, RespWriter& out) {
  using Replies = Client::Replies;
  if (same_word(args[2], "on")) {
    client.replies = Replies::on;
    out.ok();
  } else if (same_word(args[2], "off")) {
    client.replies = Replies::off;
  } else if (same_word(args[2], "skip")) {
    if (client.replies != Replies::off) client.replies = Replies::skip_next;
  } else {
    out.error(syntax_error);
  }
}

std::expected<Filter, std::string> to_kill(Args args) {
  Filter filter;
  if (args.size() % 2 != 0) return std::unexpected(std::string(syntax_error));
  for (std::size_t i = 2; i < args.size(); i += 2) {
    const std::string_view value = args[i + 1];
    if (same_word(args[i], "id")) {
      const auto number = wire::strict_integer(value);
      if (!number || *number <= 0) {
        return std::unexpected("ERR client-id should be greater than 0");
      }
      filter.ids.push_back(static_cast<std::uint64_t>(*number));
    } else if (same_word(args[i], "addr")) {
      filter.address = value;
    } else if (same_word(args[i], "user")) {
      filter.user = value;
    } else if (same_word(args[i], "type")) {
      if (!take_type(filter, value)) {
        return std::unexpected("ERR Unknown client type '" + std::string(value) + "'");
      }
    } else if (same_word(args[i], "skipme") && same_word(value, "yes")) {
      filter.skips_me = true;
    } else if (same_word(args[i], "skipme") && same_word(value, "no")) {
      filter.skips_me = false;
    } else {
      return std::unexpected(std::string(syntax_error));
    }
  }
  return filter;
}

void kill(Service& service, Client& client, Args args, RespWriter& out) {
  const bool is_old_form = args.size() == 3;
  Filter filter{.address = args[2], .skips_me = false};
  if (!is_old_form) {
    auto asked = to_kill(args);
    if (!asked) {
      out.error(asked.error());
      return;
    }
    filter = *asked;
  }
  std::int64_t killed = 0;
  for (const CardRef& card : seen_by(service, client)) {
    const bool is_me = card->id == client.card->id;
    if (is_me && filter.skips_me) continue;
    if (!service.roster.under_mutex([&] { return filter.fits(*card); })) continue;
    ++killed;
    if (is_me) {
      client.is_ending = true;  // After it has read how many it were.
    } else {
      card->close();
    }
  }
  if (!is_old_form) {
    out.integer(killed);
  } else if (killed == 0) {
    out.error("ERR No such client");
  } else {
    out.ok();
  }
}

void unblock(Service&, Client&, Args args, RespWriter& out) {
  if (!wire::strict_integer(args[2])) {
    out.error(no_integer);
  } else {
    out.integer(0);  // No command blocks.
  }
}

void getredir(Service&, Client&, Args, RespWriter& out) {
  out.integer(-1);
}

constexpr std::string_view group = "connection";

constexpr Command table[] = {
    {"client",
     -2,
     0,
     {},
     group,
     "2.4.0",
     "A container for client connection commands.",
     Container{}},
    {"client|getname", 2, 0, {}, group, "2.6.9", "Returns the name of the connection.", getname},
    {"client|getredir",
     2,
     0,
     {},
     group,
     "6.0.0",
     "Returns the client ID to which the connection's tracking notifications are redirected.",
     getredir},
    {"client|id", 2, 0, {}, group, "5.0.0", "Returns the unique client ID of the connection.", id},
    {"client|info",
     2,
     0,
     {},
     group,
     "6.2.0",
     "Returns information about the connection.",
     client_info},
    {"client|kill", -3, 0, {}, group, "2.4.0", "Terminates open connections of the tenant.", kill},
    {"client|list", -2, 0, {}, group, "2.4.0", "Lists open connections of the tenant.", list},
    {"client|no-evict", 3, 0, {}, group, "7.0.0", "Accepted, and without effect.", on_or_off},
    {"client|no-touch", 3, 0, {}, group, "7.2.0", "Accepted, and without effect.", on_or_off},
    {"client|reply",
     3,
     0,
     {},
     group,
     "3.2.0",
     "Instructs the server whether to reply to commands.",
     reply},
    {"client|setinfo",
     4,
     0,
     {},
     group,
     "7.2.0",
     "Sets information specific to the client or connection.",
     setinfo},
    {"client|setname", 3, 0, {}, group, "2.6.9", "Sets the connection name.", setname},
    {"client|unblock", -3, 0, {}, group, "5.0.0", "Answers 0: no command blocks.", unblock},
};

}  // namespace

std::span<const Command> client_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
