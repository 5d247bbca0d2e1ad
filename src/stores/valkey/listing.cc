// Listing: the SCAN of each server in turn.
//
// A SCAN comes upon every name that is there from its beginning to its end, and its cursor counts
// in the process that gave it: another process spreads its names otherwise, and another server has
// other names.  So a place to go on from says in which order of servers it holds (Router::stop_at),
// and where that is another by now, a failover or slots that have moved, the listing begins anew:
// what that costs is to list again what was listed.  While slots are on their way there is no
// order, and the call fails.
//
// The first call scans nothing: a key that goes from one server to another between the scan and the
// first order would be on neither side of it.  And the last asks anew who the servers are, for a
// primary that was cut off from the others does not know that it is none any more.
#include <charconv>
#include <cstdint>
#include <utility>

#include "stores/valkey/valkey_store.h"

namespace headrace::valkey {

namespace {

// "ORDER:SERVER:CURSOR": 32 hexadecimal digits and two numbers.
struct Place {
  std::string order{};
  std::size_t server = 0;
  std::uint64_t cursor = 0;

  [[nodiscard]] std::string text() const {
    return order + ":" + std::to_string(server) + ":" + std::to_string(cursor);
  }
  [[nodiscard]] static std::optional<Place> read(std::string_view text);
};

template <class Number>
bool read_number(std::string_view text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Place> Place::read(std::string_view text) {
  const std::size_t first = text.find(':');
  const std::size_t second = text.find(':', first + 1);
  if (first == std::string_view::npos || second == std::string_view::npos) return std::nullopt;
  Place place{.order = std::string(text.substr(0, first))};
  const bool is_order = place.order.size() == to_hex(Token()).size() &&
                        place.order.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_order || !read_number(text.substr(first + 1, second - first - 1), place.server) ||
      !read_number(text.substr(second + 1), place.cursor)) {
    return std::nullopt;
  }
  return place;
}

std::unexpected<Error> no_place() {
  return failure(Code::invalid_argument,
                 "what to list on from is no place that this store has named; begin anew");
}

// What a SCAN has answered.
struct Scanned {
  std::uint64_t cursor = 0;  // 0: that was all.
  std::vector<std::string> names{};
};
std::optional<Scanned> read_scan(const RespValue& value) {
  Scanned scanned;
  if (value.items.size() != 2 || !read_number(value.items[0].text, scanned.cursor)) {
    return std::nullopt;
  }
  for (const RespValue& name : value.items[1].items) scanned.names.emplace_back(name.text);
  return scanned;
}

}  // namespace

// Those of the slots with these names that hold an envelope now.
Task<Result<std::vector<StoreKey>>> ValkeyStore::held_of(std::vector<std::string> names) {
  std::vector<StoreKey> keys;
  std::vector<Ask> asks;
  for (const std::string& name : names) {
    const std::optional<StoreKey> key = names_.key_of(name);
    if (!key) continue;
    keys.push_back(*key);
    asks.push_back({.slot = router_->slot_of(name)});
    asks.back().commands.add({"GETRANGE", name, "0", "0"});
  }
  std::vector<StoreKey> held;
  if (keys.empty()) co_return held;
  auto asking = ask(std::move(asks));
  const Result<Answers> answers = co_await std::move(asking);
  if (!answers) co_return std::unexpected(answers.error());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (begins_envelope(answers->all[i].values.front().text)) held.push_back(keys[i]);
  }
  co_return held;
}

// After asking anew who the servers are.
Task<Result<std::string>> ValkeyStore::order_now() {
  auto asking = incarnation();
  const Result<Token> known = co_await std::move(asking);
  if (!known) co_return std::unexpected(known.error());
  RespCommands commands;
  commands.add({"PING"});
  auto stopping = router_->stop_at(0, std::move(commands));
  const Result<Stop> stop = co_await std::move(stopping);
  if (!stop) co_return failed(stop.error());
  co_return to_hex(stop->order);
}

Task<Result<Store::Page>> ValkeyStore::list(std::string from, std::size_t keys_max) {
  const std::optional<Place> place = from.empty() ? Place() : Place::read(from);
  if (!place) co_return no_place();
  if (from.empty()) {
    auto ordering = order_now();
    const Result<std::string> order = co_await std::move(ordering);
    if (!order) co_return std::unexpected(order.error());
    co_return Page{.next = Place{.order = *order}.text()};
  }
  RespCommands commands;
  commands.add({"SCAN", std::to_string(place->cursor), "MATCH", names_.slots_pattern(), "COUNT",
                std::to_string(keys_max)});
  auto stopping = router_->stop_at(place->server, std::move(commands));
  Result<Stop> stop = co_await std::move(stopping);
  if (!stop) co_return failed(std::move(stop.error()));
  Place next{.order = to_hex(stop->order)};
  if (place->order != next.order) co_return Page{.next = next.text()};
  if (place->server >= stop->servers) co_return no_place();
  if (auto error = first_error(stop->answers)) co_return failed(*std::move(error));
  const Answer& answer = stop->answers.all.front();
  std::optional<Scanned> scanned = read_scan(answer.values.front());
  if (!scanned) {
    co_return failed({.code = Code::store_unavailable,
                      .what = answer.server->name + ": its answer to SCAN is not understood"});
  }
  auto holding = held_of(std::move(scanned->names));
  Result<std::vector<StoreKey>> held = co_await std::move(holding);
  if (!held) co_return std::unexpected(std::move(held.error()));
  next.cursor = scanned->cursor;
  next.server = place->server + (next.cursor == 0 ? 1 : 0);
  Page page{.keys = std::move(*held)};
  if (next.server < stop->servers) {
    page.next = next.text();
    co_return page;
  }
  auto ordering = order_now();
  const Result<std::string> order = co_await std::move(ordering);
  if (!order) co_return std::unexpected(order.error());
  if (*order != place->order) page.next = Place{.order = *order}.text();
  co_return page;
}

}  // namespace headrace::valkey
