#include "server/http/kv_query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <span>
#include <utility>

#include "core/nearest.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto names =
    std::to_array<std::string_view>({"key", "key_b64", "ttl", "expires_at", "idle", "keep_ttl"});
constexpr std::size_t key_names = 2;
// The year 5138: what is later is no moment but an accident.
constexpr double expires_at_max = 1e11;

std::optional<double> number_of(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

Outcome<Duration> duration_of(const std::string& name, const std::string& value, Duration max) {
  const auto number = number_of(value);
  if (const auto duration = number ? seconds_of(*number, max) : std::nullopt) return *duration;
  return problem("bad-request",
                 name + " is a number of seconds, more than 0 and at most " +
                     std::to_string(std::chrono::floor<seconds>(max).count()) +
                     (name == "ttl" ? ", or none; 0 does not remove: send DELETE" : ""));
}

// What the parameters say, before it is known whether it fits together.
struct Parts {
  std::optional<std::optional<Duration>> ttl{};  // Null inside: none.
  std::optional<WallTime> expires_at{};
  std::optional<Duration> idle{};
  bool keep = false;
};

Outcome<void> take(Parts& parts, const std::string& name, const std::string& value,
                   const KvLimits& limits) {
  if (name == "keep_ttl") {
    parts.keep = value == "1" || value == "true";
    if (parts.keep || value == "0" || value == "false") return {};
    return problem("bad-request", "keep_ttl is 1 or 0");
  }
  if (name == "expires_at") {
    const auto number = number_of(value);
    if (!number || *number < 0 || *number > expires_at_max) {
      return problem("bad-request", "expires_at is a moment, in seconds since 1970");
    }
    parts.expires_at = WallTime(milliseconds(std::llround(*number * 1000)));
    return {};
  }
  if (name == "ttl" && value == "none") {
    parts.ttl.emplace();
    return {};
  }
  const Outcome<Duration> duration = duration_of(name, value, limits.ttl_max);
  if (!duration) return std::unexpected(duration.error());
  if (name == "ttl") parts.ttl.emplace(*duration);
  if (name == "idle") parts.idle = *duration;
  return {};
}

Outcome<std::optional<Lifetime>> lifetime_of(const Parts& parts, const KvLimits& limits) {
  const bool named = parts.ttl || parts.expires_at || parts.idle;
  if (parts.ttl && parts.expires_at) {
    return problem("bad-request", "name the end once: by ttl or by expires_at");
  }
  if (parts.keep && named) {
    return problem("bad-request", "keep_ttl keeps the end as it is; name no other");
  }
  if (!named && !parts.keep) return std::nullopt;
  Lifetime lifetime = parts.keep ? default_lifetime(limits) : Lifetime();
  lifetime.keep = parts.keep;
  if (parts.ttl) lifetime.ttl = *parts.ttl;
  if (parts.expires_at) {
    lifetime.ends = *parts.expires_at;
    lifetime.ttl = limits.ttl_max;
  }
  if (parts.idle) lifetime.idle = *parts.idle;
  return lifetime;
}

Outcome<bool> take_key_bytes(KvQuery& query, const std::string& name, const std::string& value) {
  if (name != "key" && name != "key_b64") return false;
  if (query.key) return problem("ambiguous-key", "name the key once: by ?key= or by ?key_b64=");
  if (name == "key") {
    query.key = value;
    return true;
  }
  auto decoded = wire::base64url_decode(value);
  if (!decoded) return problem("bad-request", "key_b64: " + decoded.error().what);
  query.key = *std::move(decoded);
  return true;
}

}  // namespace

std::optional<Duration> seconds_of(double seconds, Duration max) noexcept {
  const double most = std::chrono::duration<double>(max).count();
  if (!(seconds > 0) || seconds > most) return std::nullopt;
  const auto ms = milliseconds(std::llround(seconds * 1000));
  if (ms < milliseconds(1)) return std::nullopt;
  return Duration(ms);
}

Outcome<KvQuery> kv_query_of(std::string_view query, Takes takes, const KvLimits& limits) {
  const auto parameters = wire::parameters_of(query);
  if (!parameters) return problem("bad-request", parameters.error().what);
  KvQuery result;
  Parts parts;
  const std::size_t known_count = takes == Takes::key ? key_names : names.size();
  const auto known = std::span<const std::string_view>(names).first(known_count);
  for (const auto& [name, value] : *parameters) {
    if (std::ranges::find(known, name) == known.end()) {
      return problem("bad-request",
                     "this route has no parameter \"" + name + "\"" + nearest_hint(name, known));
    }
    const Outcome<bool> is_key = take_key_bytes(result, name, value);
    if (!is_key) return std::unexpected(is_key.error());
    if (*is_key) continue;
    if (const Outcome<void> taken = take(parts, name, value, limits); !taken) {
      return std::unexpected(taken.error());
    }
  }
  Outcome<std::optional<Lifetime>> lifetime = lifetime_of(parts, limits);
  if (!lifetime) return std::unexpected(std::move(lifetime.error()));
  result.lifetime = *std::move(lifetime);
  return result;
}

}  // namespace headrace::http
