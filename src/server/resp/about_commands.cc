// COMMAND and ACL: what the table says of its commands.
#include <algorithm>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/glob.h"
#include "server/resp/service.h"
#include "server/resp/table.h"

namespace headrace::resp {

namespace {

using Words = std::vector<std::string_view>;

struct FlagName {
  Flag flag;
  std::string_view name;
};
constexpr FlagName flag_names[] = {
    {writes, "write"},  {reads, "readonly"}, {grows, "denyoom"},   {admin, "admin"},
    {pubsub, "pubsub"}, {fast, "fast"},      {no_auth, "no_auth"}, {no_multi, "no_multi"},
};

Words flags_of(const Command& command) {
  Words words;
  for (const auto& [flag, name] : flag_names) {
    // Redis has no command that both reads and writes, for it means what replicas may do.
    if (flag == reads && command.is(writes)) continue;
    if (command.is(flag)) words.push_back(name);
  }
  return words;
}

constexpr std::string_view categories[] = {"keyspace", "read",       "write",       "string",
                                           "hash",     "pubsub",     "admin",       "fast",
                                           "slow",     "connection", "transaction", "dangerous"};

Words categories_of(const Command& command) {
  Words words;
  if (command.group == "generic") words.push_back("@keyspace");
  if (command.is(writes) || command.is(removes)) {
    words.push_back("@write");
  } else if (command.is(reads) || command.is(lists)) {
    words.push_back("@read");
  }
  if (command.group == "string") words.push_back("@string");
  if (command.group == "hash") words.push_back("@hash");
  if (command.is(pubsub)) words.push_back("@pubsub");
  if (command.is(admin)) words.push_back("@admin");
  words.push_back(command.is(fast) ? "@fast" : "@slow");
  if (command.group == "connection") words.push_back("@connection");
  if (command.group == "transactions") words.push_back("@transaction");
  if (command.is(admin) || command.is(lists)) words.push_back("@dangerous");
  return words;
}

bool is_part(const Command& command) {
  return command.name.contains('|');
}

std::vector<const Command*> parts_of(const Command& command) {
  std::vector<const Command*> parts;
  if (!command.is_container()) return parts;
  const std::string begin = std::string(command.name) + "|";
  for (const Command* each : all_commands()) {
    if (each->name.starts_with(begin)) parts.push_back(each);
  }
  return parts;
}

void say_statuses(const Words& words, RespWriter& out) {
  out.set(words.size());
  for (const std::string_view word : words) out.simple(word);
}

void say_command(const Command& command, RespWriter& out) {
  constexpr std::size_t members = 10;
  out.array(members).bulk(command.name).integer(command.arity);
  say_statuses(flags_of(command), out);
  out.integer(command.keys.first).integer(command.keys.last).integer(command.keys.step);
  say_statuses(categories_of(command), out);
  out.array(0).array(0);  // Tips, and keys that stand elsewhere.
  const auto parts = parts_of(command);
  out.array(parts.size());
  for (const Command* part : parts) say_command(*part, out);
}

std::vector<const Command*> whole_commands() {
  std::vector<const Command*> whole;
  std::ranges::copy_if(all_commands(), std::back_inserter(whole),
                       [](const Command* command) { return !is_part(*command); });
  return whole;
}

void command(Service&, Client&, Args, RespWriter& out) {
  const auto whole = whole_commands();
  out.array(whole.size());
  for (const Command* each : whole) say_command(*each, out);
}

void count(Service&, Client&, Args, RespWriter& out) {
  out.integer(std::ssize(whole_commands()));
}

void command_info(Service& service, Client& client, Args args, RespWriter& out) {
  if (args.size() == 2) {
    command(service, client, args, out);
    return;
  }
  out.array(args.size() - 2);
  for (const std::string_view name : args.subspan(2)) {
    const Command* found = find_command(name);
    if (found == nullptr) {
      out.null();
    } else {
      say_command(*found, out);
    }
  }
}

void say_docs(const Command& command, RespWriter& out) {
  const auto parts = parts_of(command);
  out.bulk(command.name).map(parts.empty() ? 3 : 4);
  out.bulk("summary").bulk(command.summary).bulk("since").bulk(command.since);
  out.bulk("group").bulk(command.group);
  if (parts.empty()) return;
  out.bulk("subcommands").map(parts.size());
  for (const Command* part : parts) say_docs(*part, out);
}

void docs(Service&, Client&, Args args, RespWriter& out) {
  std::vector<const Command*> asked;
  if (args.size() == 2) {
    asked = whole_commands();
  } else {
    for (const std::string_view name : args.subspan(2)) {
      if (const Command* found = find_command(name)) asked.push_back(found);
    }
  }
  out.map(asked.size());
  for (const Command* each : asked) say_docs(*each, out);
}

void list(Service&, Client&, Args args, RespWriter& out) {
  const bool is_filtered = args.size() == 5 && same_word(args[2], "filterby");
  const bool by_pattern = is_filtered && same_word(args[3], "pattern");
  const bool by_category = is_filtered && same_word(args[3], "aclcat");
  const bool by_module = is_filtered && same_word(args[3], "module");
  if (args.size() != 2 && !by_pattern && !by_category && !by_module) {
    out.error(syntax_error);
    return;
  }
  std::vector<const Command*> chosen;
  for (const Command* each : by_module ? std::vector<const Command*>{} : all_commands()) {
    const Words of = categories_of(*each);
    const bool fits = by_pattern    ? glob_match(args[4], each->name)
                      : by_category ? std::ranges::find(of, "@" + std::string(args[4])) != of.end()
                                    : !is_part(*each);
    if (fits) chosen.push_back(each);
  }
  out.array(chosen.size());
  for (const Command* each : chosen) out.bulk(each->name);
}

// Nothing: the client was told why.
std::vector<std::string_view> keys_in(Args args, const Command*& found, RespWriter& out) {
  std::vector<std::string_view> keys;
  const auto asked = look_up(args);
  found = asked ? *asked : nullptr;
  if (find_command(args[0]) == nullptr) {
    out.error("ERR Invalid command specified");
  } else if (found == nullptr) {
    out.error("ERR Invalid number of arguments specified for command");
  } else {
    const KeyPlaces places = found->keys.among(args.size());
    for (int at = places.first; at <= places.last; at += places.step) {
      keys.push_back(args[static_cast<std::size_t>(at)]);
    }
    if (keys.empty()) out.error("ERR The command has no key arguments");
  }
  return keys;
}

void getkeys(Service&, Client&, Args args, RespWriter& out) {
  const Command* found = nullptr;
  const auto keys = keys_in(args.subspan(2), found, out);
  if (keys.empty()) return;
  out.array(keys.size());
  for (const std::string_view key : keys) out.bulk(key);
}

void getkeysandflags(Service&, Client&, Args args, RespWriter& out) {
  const Command* found = nullptr;
  const auto keys = keys_in(args.subspan(2), found, out);
  if (keys.empty()) return;
  out.array(keys.size());
  for (const std::string_view key : keys) {
    out.array(2).bulk(key);
    say_statuses({found->is(writes) ? "RW" : "RO"}, out);
  }
}

void whoami(Service&, Client& client, Args, RespWriter& out) {
  out.bulk(client.who->tenant_name.empty() ? "default" : client.who->tenant_name);
}

void cat(Service&, Client&, Args args, RespWriter& out) {
  if (args.size() > 3) {
    out.error(wrong_arity("acl|cat"));
    return;
  }
  if (args.size() == 2) {
    out.array(std::size(categories));
    for (const std::string_view name : categories) out.bulk(name);
    return;
  }
  if (std::ranges::find(categories, args[2]) == std::end(categories)) {
    out.error("ERR Unknown category '" + std::string(args[2]) + "'");
    return;
  }
  std::vector<const Command*> members;
  for (const Command* each : all_commands()) {
    const Words of = categories_of(*each);
    if (std::ranges::find(of, "@" + std::string(args[2])) != of.end()) members.push_back(each);
  }
  out.array(members.size());
  for (const Command* each : members) out.bulk(each->name);
}

constexpr std::string_view group = "server";

constexpr Command table[] = {
    {"acl",
     -2,
     0,
     {},
     group,
     "6.0.0",
     "A container for Access List Control commands.",
     Container{}},
    {"acl|cat",
     -2,
     0,
     {},
     group,
     "6.0.0",
     "Lists the ACL categories, or the commands inside a category.",
     cat},
    {"acl|whoami",
     2,
     0,
     {},
     group,
     "6.0.0",
     "Returns the authenticated username of the current connection.",
     whoami},
    {"command",
     -1,
     has_parts,
     {},
     group,
     "2.8.13",
     "Returns detailed information about all commands.",
     command},
    {"command|count", 2, 0, {}, group, "2.8.13", "Returns a count of commands.", count},
    {"command|docs",
     -2,
     0,
     {},
     group,
     "7.0.0",
     "Returns documentary information about commands.",
     docs},
    {"command|getkeys",
     -4,
     0,
     {},
     group,
     "2.8.13",
     "Extracts the key names from an arbitrary command.",
     getkeys},
    {"command|getkeysandflags",
     -4,
     0,
     {},
     group,
     "7.0.0",
     "Extracts the key names and access flags for an arbitrary command.",
     getkeysandflags},
    {"command|info",
     -2,
     0,
     {},
     group,
     "2.8.13",
     "Returns information about one, multiple or all commands.",
     command_info},
    {"command|list", -2, 0, {}, group, "7.0.0", "Returns a list of command names.", list},
};

}  // namespace

std::span<const Command> command_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
