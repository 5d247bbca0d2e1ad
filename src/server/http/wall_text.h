// server/http/wall_text.h: a moment of the calendar as text.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/time.h"

namespace headrace::http {

// "2026-01-01T12:00:00.123Z"
[[nodiscard]] inline std::string rfc3339(WallTime at) {
  const auto ms = at.time_since_epoch().count();
  const std::time_t whole = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(ms % 1000));
  return std::string(text, size) + fraction;
}

// "Thu, 01 Jan 2026 12:00:00 GMT"
[[nodiscard]] inline std::string http_date(WallTime at) {
  const std::time_t whole = static_cast<std::time_t>(at.time_since_epoch().count() / 1000);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[40];
  return {text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

// The moment that rfc3339() writes; fractions of a second and "Z" may be left out, other zones are
// not read.  Null: it is none.
[[nodiscard]] inline std::optional<WallTime> parse_rfc3339(const std::string& text) {
  std::tm parts{};
  const char* const rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  std::string_view tail(rest);
  int ms = 0;
  if (tail.starts_with('.')) {
    tail.remove_prefix(1);
    for (int digit = 100; !tail.empty() && tail[0] >= '0' && tail[0] <= '9'; digit /= 10) {
      ms += digit * (tail[0] - '0');
      tail.remove_prefix(1);
    }
  }
  if (!tail.empty() && tail != "Z") return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&parts)) + std::chrono::milliseconds(ms));
}

}  // namespace headrace::http
