// Commands of the keyspace as a whole: page by page, for nothing else is known of all keys at once.
#include <algorithm>
#include <charconv>
#include <string>
#include <utility>

#include "server/resp/act.h"
#include "server/resp/commands.h"
#include "server/resp/glob.h"
#include "server/resp/service.h"
#include "wire/resp_request.h"

namespace headrace::resp {

namespace {

constexpr std::size_t default_count = 10;
constexpr std::size_t counted_keys_max = 10'000;  // By DBSIZE, one by one.

std::string error_text(std::string_view error) {
  std::string text;
  RespWriter(text, 2).error(error);
  return text;
}

// What all keys begin with that match and that the client may have; none: there are no such.
std::optional<std::string> prefix_of(const Identity& who, std::string_view pattern) {
  const std::string_view literal = literal_prefix(pattern);
  if (who.key_prefix.starts_with(literal)) return who.key_prefix;
  if (!literal.starts_with(who.key_prefix) || literal.size() > RecordKey::key_bytes_max) {
    return std::nullopt;
  }
  return std::string(literal);
}

struct Scan {
  std::uint64_t cursor = 0;
  std::string pattern = "*";
  std::size_t count = default_count;
  std::optional<std::string> type{};
};

std::expected<Scan, std::string_view> scan_in(const std::vector<std::string>& args) {
  Scan scan;
  const char* const end = args[1].data() + args[1].size();
  const auto [at, error] = std::from_chars(args[1].data(), end, scan.cursor);
  if (error != std::errc() || at != end) return std::unexpected("ERR invalid cursor");
  for (std::size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size()) return std::unexpected(syntax_error);
    const std::string& value = args[i + 1];
    if (same_word(args[i], "match")) {
      scan.pattern = value;
    } else if (same_word(args[i], "type")) {
      scan.type = value;
    } else if (same_word(args[i], "count")) {
      const auto count = wire::strict_integer(value);
      if (!count) return std::unexpected(no_integer);
      if (*count < 1) return std::unexpected(syntax_error);
      scan.count = std::min(static_cast<std::size_t>(*count), Records::page_keys_max);
    } else {
      return std::unexpected(syntax_error);
    }
  }
  return scan;
}

bool is_of_type(const RecordRef& record, std::string_view type) {
  if (!record) return false;
  return same_word(type, record->kind == Record::Kind::map ? "hash" : "string");
}

std::string page_text(std::uint64_t cursor, const std::vector<std::string_view>& keys) {
  std::string text;
  RespWriter out(text, 2);
  out.array(2).bulk(std::to_string(cursor)).array(keys.size());
  for (const std::string_view key : keys) out.bulk(key);
  return text;
}

Task<std::string> scan(Asking asking) {
  Service& service = *asking.service;
  const auto scan = scan_in(asking.args);
  if (!scan) co_return error_text(scan.error());
  Cursors::Place place{.tenant = asking.who->tenant};
  if (scan->cursor == 0) {
    auto prefix = prefix_of(*asking.who, scan->pattern);
    if (!prefix) co_return page_text(0, {});
    place.prefix = *std::move(prefix);
  } else {
    auto known = service.cursors.find(scan->cursor, asking.who->tenant);
    if (!known || !known->prefix.starts_with(asking.who->key_prefix)) {
      co_return error_text("ERR invalid cursor");
    }
    place = *std::move(known);
  }
  RecordKey prefix(place.tenant, default_space, place.prefix);
  auto listing = service.ports.keyspace.list(std::move(prefix), place.from, scan->count);
  auto page = co_await std::move(listing);
  if (!page) co_return error_text(text_of(page.error()));
  std::vector<RecordRef> records;
  if (scan->type && !page->keys.empty()) {
    auto reading = service.ports.keyspace.read(page->keys, Keyspace::Access::does_not_count);
    auto found = co_await std::move(reading);
    if (!found) co_return error_text(text_of(found.error()));
    records = *std::move(found);
  }
  std::vector<std::string_view> chosen;
  for (std::size_t i = 0; i < page->keys.size(); ++i) {
    const std::string_view key = page->keys[i].key();
    if (!glob_match(scan->pattern, key)) continue;
    if (!scan->type || is_of_type(records[i], *scan->type)) chosen.push_back(key);
  }
  std::uint64_t cursor = 0;
  if (!page->next.empty()) {
    place.from = std::move(page->next);
    cursor = service.cursors.keep(std::move(place));
  }
  co_return page_text(cursor, chosen);
}

Task<std::string> keys(Asking asking) {
  Service& service = *asking.service;
  const std::string& pattern = asking.args[1];
  const auto prefix = prefix_of(*asking.who, pattern);
  std::string found;
  RespWriter each(found, 2);
  std::size_t count = 0;
  std::string from;
  bool is_last = !prefix;
  while (!is_last) {
    RecordKey all(asking.who->tenant, default_space, *prefix);
    auto listing = service.ports.keyspace.list(std::move(all), from, Records::page_keys_max);
    auto page = co_await std::move(listing);
    if (!page) co_return error_text(text_of(page.error()));
    for (const RecordKey& key : page->keys) {
      if (!glob_match(pattern, key.key())) continue;
      each.bulk(key.key());
      ++count;
    }
    if (found.size() > service.options.output_bytes_max) {
      co_return error_text("ERR too many keys for one reply: use SCAN");
    }
    is_last = page->next.empty();
    from = std::move(page->next);
  }
  std::string text;
  RespWriter(text, 2).array(count);
  co_return text + found;
}

// Of a large keyspace it is one of the first page.
Task<std::string> randomkey(Asking asking) {
  Service& service = *asking.service;
  RecordKey all(asking.who->tenant, default_space, asking.who->key_prefix);
  const int version = asking.client->version;
  std::string text;
  RespWriter out(text, version);
  std::string from;
  for (bool is_last = false; !is_last;) {
    auto listing = service.ports.keyspace.list(all, from, Records::page_keys_max);
    auto page = co_await std::move(listing);
    if (!page) co_return error_text(text_of(page.error()));
    if (!page->keys.empty()) {
      const std::size_t chosen = service.ports.random.bits() % page->keys.size();
      out.bulk(page->keys[chosen].key());
      co_return text;
    }
    is_last = page->next.empty();
    from = std::move(page->next);
  }
  out.null();
  co_return text;
}

// Exact while there are few; beyond that all that the tenant keeps, as it is counted anyway.
Task<std::string> dbsize(Asking asking) {
  Service& service = *asking.service;
  std::size_t count = 0;
  std::string from;
  std::string text;
  for (bool is_last = false; !is_last;) {
    RecordKey all(asking.who->tenant, default_space, asking.who->key_prefix);
    auto listing = service.ports.keyspace.list(std::move(all), from, Records::page_keys_max);
    auto page = co_await std::move(listing);
    if (!page) co_return error_text(text_of(page.error()));
    count += page->keys.size();
    is_last = page->next.empty();
    from = std::move(page->next);
    if (is_last || count < counted_keys_max) continue;
    auto asked = service.ports.keyspace.usage(asking.who->tenant);
    const auto usage = co_await std::move(asked);
    if (!usage) co_return error_text(text_of(usage.error()));
    count = usage->records;
    is_last = true;
  }
  RespWriter(text, 2).integer(static_cast<std::int64_t>(count));
  co_return text;
}

bool remove_all(Workspace& workspace) {
  for (std::size_t i = 0; i < workspace.size(); ++i) workspace.remove(i);
  return true;
}

// At once where several keys can be had at once, else one after another.
Task<Result<void>> remove(Service* service, std::vector<RecordKey> keys) {
  Keyspace& keyspace = service->ports.keyspace;
  const Records::Ceiling none{};
  auto removing = keyspace.edit(keys, &remove_all, none);
  const auto left = co_await std::move(removing);
  if (left) co_return Result<void>{};
  if (left.error().code != Code::not_allowed) co_return std::unexpected(left.error());
  for (RecordKey& key : keys) {
    std::vector<RecordKey> one;
    one.push_back(std::move(key));
    auto alone = keyspace.edit(std::move(one), &remove_all, none);
    const auto done = co_await std::move(alone);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return Result<void>{};
}

Task<std::string> flush(Asking asking) {
  const std::vector<std::string>& args = asking.args;
  const bool has_way =
      args.size() == 2 && (same_word(args[1], "async") || same_word(args[1], "sync"));
  if (args.size() > 1 && !has_way) co_return error_text(syntax_error);
  Keyspace& keyspace = asking.service->ports.keyspace;
  std::string from;
  for (bool is_last = false; !is_last;) {
    RecordKey all(asking.who->tenant, default_space, asking.who->key_prefix);
    auto listing = keyspace.list(std::move(all), from, Records::edit_keys_max);
    auto page = co_await std::move(listing);
    if (!page) co_return error_text(text_of(page.error()));
    if (!page->keys.empty()) {
      auto removing = remove(asking.service, std::move(page->keys));
      const Result<void> removed = co_await std::move(removing);
      if (!removed) co_return error_text(text_of(removed.error()));
    }
    is_last = page->next.empty();
    from = std::move(page->next);
  }
  std::string text;
  RespWriter(text, 2).ok();
  co_return text;
}

constexpr Command table[] = {
    {"dbsize",
     1,
     lists | no_multi | costly,
     {},
     "server",
     "1.0.0",
     "Returns the number of keys in the database.",
     dbsize},
    {"flushall",
     -1,
     removes | lists | no_multi,
     {},
     "server",
     "1.0.0",
     "Removes all keys of the tenant's space.",
     flush},
    {"flushdb",
     -1,
     removes | lists | no_multi,
     {},
     "server",
     "1.0.0",
     "Removes all keys of the tenant's space.",
     flush},
    {"keys",
     2,
     lists | no_multi,
     {},
     "generic",
     "1.0.0",
     "Returns all key names that match a pattern.",
     keys},
    {"randomkey",
     1,
     lists | no_multi,
     {},
     "generic",
     "1.0.0",
     "Returns a random key name from the database.",
     randomkey},
    {"scan",
     -2,
     lists | no_multi,
     {},
     "generic",
     "2.8.0",
     "Iterates over the key names in the database.",
     scan},
};

}  // namespace

std::uint64_t Cursors::keep(Place place) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t cursor = ++last_;
  if (ring_.size() < cursors_max) {
    ring_.push_back({.cursor = cursor, .place = std::move(place)});
  } else {
    ring_[(cursor - 1) % cursors_max] = {.cursor = cursor, .place = std::move(place)};
  }
  return cursor;
}

std::optional<Cursors::Place> Cursors::find(std::uint64_t cursor, TenantId tenant) const {
  const std::lock_guard lock(mutex_);
  if (cursor == 0) return std::nullopt;
  const std::size_t at = (cursor - 1) % cursors_max;
  if (at >= ring_.size() || ring_[at].cursor != cursor) return std::nullopt;
  if (ring_[at].place.tenant != tenant) return std::nullopt;
  return ring_[at].place;
}

std::span<const Command> keyspace_commands() noexcept {
  return table;
}

}  // namespace headrace::resp
