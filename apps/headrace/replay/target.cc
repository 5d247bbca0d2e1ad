#include "replay/target.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace headrace::replay {

namespace {

// The number after `"name":`, if there is one.  The values are flat objects that this program has
// caused itself, so that no full parser is needed on every read of a replay.
std::optional<std::uint64_t> number_in(std::string_view json, std::string_view name) {
  const std::string wanted = fmt::format("\"{}\":", name);
  const std::size_t found = json.find(wanted);
  if (found == std::string_view::npos) return std::nullopt;
  const char* at = json.data() + found + wanted.size();
  const char* end = json.data() + json.size();
  while (at != end && (*at == ' ' || *at == '"')) ++at;
  std::uint64_t number = 0;
  if (std::from_chars(at, end, number).ec != std::errc{}) return std::nullopt;
  return number;
}

}  // namespace

Seen seen_in(std::string_view json, std::uint64_t user, Origin origin) {
  const auto version = number_in(json, "version");
  const auto id = number_in(json, "id");
  // A policy of a server's own need not have the id; with it the value must be this user's.
  const bool foreign = id.has_value() && *id != user;
  return {.version = version.value_or(0),
          .origin = origin,
          .garbage = foreign || version.value_or(0) == 0};
}

std::string tag_of(std::uint64_t user) {
  return fmt::format("user:{}", user);
}
std::string entity_of(std::uint64_t user) {
  return fmt::format("{}", user);
}

}  // namespace headrace::replay
