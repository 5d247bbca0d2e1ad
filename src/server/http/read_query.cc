#include "server/http/read_query.h"

#include <array>
#include <charconv>
#include <chrono>
#include <string_view>

#include "core/nearest.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

constexpr auto names = std::to_array<std::string_view>({"key", "key_b64", "refresh", "within"});
constexpr int within_ms_max = 3'600'000;

Outcome<void> take_parameter(ReadQuery& query, const std::string& name, const std::string& value) {
  const Outcome<bool> is_key = take_key(query.entity, name, value);
  if (!is_key) return std::unexpected(is_key.error());
  if (*is_key) return {};
  if (name == "refresh") {
    query.options.refresh = value == "true" || value == "1";
    if (query.options.refresh || value == "false" || value == "0") return {};
    return problem("bad-request", "refresh is true or false");
  }
  if (name == "within") {
    int ms = 0;
    const char* end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, ms);
    if (parsed.ec != std::errc() || parsed.ptr != end || ms < 1 || ms > within_ms_max) {
      return problem("bad-request", "within is a whole number of milliseconds, 1 to " +
                                        std::to_string(within_ms_max));
    }
    query.options.within = std::chrono::milliseconds(ms);
    return {};
  }
  return problem("bad-request",
                 "a read has no parameter \"" + name + "\"" + nearest_hint(name, names));
}

}  // namespace

Outcome<bool> take_key(std::optional<std::string>& into, std::string_view name,
                       const std::string& value) {
  if (name != "key" && name != "key_b64") return false;
  if (into) return problem("ambiguous-key", "name the entity once: either ?key= or ?key_b64=");
  std::string entity = value;
  if (name == "key_b64") {
    auto decoded = wire::base64url_decode(value);
    if (!decoded) return problem("bad-request", "key_b64: " + decoded.error().what);
    entity = *std::move(decoded);
  }
  if (!wire::is_utf8(entity)) return problem("bad-request", "the entity is not UTF-8");
  into = std::move(entity);
  return true;
}

Outcome<ReadQuery> read_query_of(const wire::Request& request) {
  ReadQuery query;
  const auto parameters = wire::parameters_of(request.query());
  if (!parameters) return problem("bad-request", parameters.error().what);
  for (const auto& [name, value] : *parameters) {
    if (auto taken = take_parameter(query, name, value); !taken) {
      return std::unexpected(std::move(taken.error()));
    }
  }
  if (wire::header_lists(request.headers, "cache-control", "no-cache")) {
    query.options.refresh = true;
  }
  query.only_if_cached = wire::header_lists(request.headers, "cache-control", "only-if-cached");
  return query;
}

}  // namespace headrace::http
