// server/resp/command.h: what a command is: its name, what it takes, what it needs, what it does.
//
// There is one table of them (table.h).  Dispatch, errors about arguments, who may what, and the
// answers to COMMAND all come from it.
//
// Threads:   immutable.
// Errors:    none.
// Lifetimes: commands are constants.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "headrace/task.h"
#include "headrace/tenants.h"
#include "wire/resp_writer.h"

namespace headrace::resp {

using wire::RespWriter;
// The first is the command's name.
using Args = std::span<const std::string_view>;

class Act;
class Client;
class Service;

// What COMMAND says of a command, and what decides who may do it.
enum Flag : std::uint32_t {
  writes = 1u << 0,
  reads = 1u << 1,
  grows = 1u << 2,  // "denyoom": may need more of the quota.
  admin = 1u << 3,
  pubsub = 1u << 4,
  fast = 1u << 5,
  no_auth = 1u << 6,           // Also for who has not said who they are.
  no_multi = 1u << 7,          // Not in a transaction.
  removes = 1u << 8,           // Needs kv:delete.
  lists = 1u << 9,             // Needs kv:list.
  costly = 1u << 10,           // Costs as much as a list.
  in_subscription = 1u << 11,  // Also while a client of version 2 is subscribed.
  not_queued = 1u << 12,       // Is made at once although a transaction is open.
  has_parts = 1u << 13,        // Has subcommands, and means something without one too.
};

// Where the keys stand: from `first` to `last`, which counts from the end if it is negative.
struct KeyPlaces {
  int first = 0;  // 0: there are none.
  int last = 0;
  int step = 0;

  // The same with the last one as it is among so many arguments.
  [[nodiscard]] constexpr KeyPlaces among(std::size_t args) const noexcept {
    if (first == 0) return {.first = 1, .last = 0, .step = 1};
    const int count = static_cast<int>(args);
    const int end = last < 0 ? count + last : last;
    return {.first = first, .last = end < count ? end : count - 1, .step = step};
  }
};

// A command that must wait for something.
struct Asking {
  Service* service = nullptr;
  Client* client = nullptr;  // Which does nothing else meanwhile.
  IdentityRef who{};
  std::vector<std::string> args{};
};

// Works on records, and may be made several times; only the last counts.
using OnRecords = void (*)(Act& act);
// Works on the client itself, or on nothing.
using AtOnce = void (*)(Service& service, Client& client, Args args, RespWriter& out);
// Returns the reply in the bytes that go out.
using Later = Task<std::string> (*)(Asking asking);
// Has subcommands, "client|id" of "client".
struct Container {};

struct Command {
  std::string_view name;
  int arity = 0;  // With the name itself; if negative, at least so many.
  std::uint32_t flags = 0;
  KeyPlaces keys{};
  std::string_view group{};
  std::string_view since{};
  std::string_view summary{};
  std::variant<Container, OnRecords, AtOnce, Later> run{};
  // Of a Later: answers if that needs no waiting; false: it does.
  bool (*at_once)(Service& service, Client& client, Args args, RespWriter& out) = nullptr;
  Scopes needs{};  // Besides what the flags say.

  [[nodiscard]] constexpr bool is(Flag flag) const noexcept { return (flags & flag) != 0; }
  [[nodiscard]] constexpr bool is_container() const noexcept {
    return is(has_parts) || std::holds_alternative<Container>(run);
  }
  [[nodiscard]] constexpr bool takes(std::size_t args) const noexcept {
    const auto given = static_cast<int>(args);
    return arity < 0 ? given >= -arity : given == arity;
  }
};

// What a client must be allowed to make it.
[[nodiscard]] constexpr Scopes scopes_of(const Command& command) noexcept {
  Scopes scopes = command.needs;
  if (command.keys.first > 0 && command.is(reads)) scopes = scopes.with(Scope::kv_read);
  if (command.is(writes) && !command.is(removes)) scopes = scopes.with(Scope::kv_write);
  if (command.is(removes)) scopes = scopes.with(Scope::kv_delete);
  if (command.is(lists)) scopes = scopes.with(Scope::kv_list);
  return scopes;
}

}  // namespace headrace::resp
