#include "server/http/key_list_routes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/hash.h"
#include "core/nearest.h"
#include "server/http/json_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr std::size_t limit_default = 100;
constexpr std::size_t mark_bytes = 8;

struct Listing {
  std::string prefix{};
  std::size_t limit = limit_default;
  std::optional<std::string> cursor{};
};

// What a cursor begins with: the list that it belongs to, and where it goes on.
std::string mark_of(const RecordKey& prefix, std::string_view next) {
  const std::uint64_t hash = hash64(next, hash64(prefix.bytes()));
  std::string mark;
  for (std::size_t i = 0; i < mark_bytes; ++i) mark.push_back(static_cast<char>(hash >> (8 * i)));
  return mark;
}

std::string cursor_of(const RecordKey& prefix, std::string_view next) {
  return wire::base64url_encode(mark_of(prefix, next).append(next));
}

Outcome<std::string> next_in(const RecordKey& prefix, const std::string& cursor) {
  const auto bytes = wire::base64url_decode(cursor);
  if (bytes && bytes->size() > mark_bytes) {
    std::string next = bytes->substr(mark_bytes);
    if (bytes->starts_with(mark_of(prefix, next))) return next;
  }
  return problem("bad-cursor", "this cursor was not given for this list");
}

Outcome<void> take(Listing& listing, const std::string& name, const std::string& value,
                   std::size_t limit_max) {
  if (name == "prefix") {
    listing.prefix = value;
  } else if (name == "prefix_b64") {
    auto decoded = wire::base64url_decode(value);
    if (!decoded) return problem("bad-request", "prefix_b64: " + decoded.error().what);
    listing.prefix = *std::move(decoded);
  } else if (name == "cursor") {
    listing.cursor = value;
  } else if (name == "limit") {
    const char* end = value.data() + value.size();
    const auto [stopped, error] = std::from_chars(value.data(), end, listing.limit);
    if (error != std::errc() || stopped != end || listing.limit < 1 || listing.limit > limit_max) {
      return problem("bad-request", "limit is from 1 to " + std::to_string(limit_max));
    }
  } else {
    constexpr std::array<std::string_view, 4> names = {"prefix", "prefix_b64", "cursor", "limit"};
    return problem("bad-request",
                   "a list has no parameter \"" + name + "\"" + nearest_hint(name, names));
  }
  return {};
}

Outcome<Listing> listing_of(const Call& call, std::size_t limit_max) {
  const auto parameters = wire::parameters_of(call.request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  Listing listing;
  for (const auto& [name, value] : *parameters) {
    if (const auto taken = take(listing, name, value, limit_max); !taken) {
      return std::unexpected(taken.error());
    }
  }
  if (listing.prefix.size() > RecordKey::key_bytes_max) {
    return problem("bad-request",
                   "a prefix has at most " + std::to_string(RecordKey::key_bytes_max) + " bytes");
  }
  // Who may name some keys alone sees no others.
  const std::string& own = call.who->key_prefix;
  if (own.starts_with(listing.prefix)) listing.prefix = own;
  if (listing.prefix.starts_with(own)) return listing;
  return problem("insufficient-scope",
                 "this API key is for keys that begin with \"" + own + "\" alone");
}

// A key that is no text stands in base64.
void append_key(std::string& out, std::string_view key) {
  if (wire::is_utf8(key)) {
    append_json_string(out, key);
  } else {
    JsonObject(out).text("key_b64", wire::base64url_encode(key));
  }
}

Answered answered(const RecordKey& prefix, const Records::Page& page) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  {
    JsonArray keys(json.member("keys"));
    for (const RecordKey& key : page.keys) {
      if (key.bytes().starts_with(prefix.bytes())) append_key(keys.next(), key.key());
    }
  }
  if (page.next.empty()) {
    json.member("cursor") += "null";
  } else {
    json.text("cursor", cursor_of(prefix, page.next));
  }
  return answered;
}

}  // namespace

void KeyListRoutes::add_to(Router& router) {
  router.add({"GET", "/v1/keys/{ns}", Route::kv_list, "keys; ?prefix= ?limit= ?cursor=",
              [this](Call call) { return list(std::move(call)); }});
}

Task<Outcome<Answered>> KeyListRoutes::list(Call call) {
  if (const auto may = check_scopes(*call.who, {Scope::kv_list}); !may) {
    co_return std::unexpected(may.error());
  }
  if (const auto named = check_namespace(call.captures[0]); !named) {
    co_return std::unexpected(named.error());
  }
  const Outcome<Listing> listing = listing_of(call, limits_.page_keys_max);
  if (!listing) co_return std::unexpected(listing.error());
  const RecordKey prefix(call.who->tenant, call.captures[0], listing->prefix);
  std::string from;
  if (listing->cursor) {
    Outcome<std::string> next = next_in(prefix, *listing->cursor);
    if (!next) co_return std::unexpected(std::move(next.error()));
    from = *std::move(next);
  }
  auto listed = access_.keyspace().list(prefix, std::move(from), listing->limit);
  const auto page = co_await std::move(listed);
  if (!page) co_return std::unexpected(problem_of_records(page.error()));

  co_return answered(prefix, *page);
}

}  // namespace headrace::http
