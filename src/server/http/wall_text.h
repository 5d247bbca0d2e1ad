// server/http/wall_text.h: a moment of the calendar as text.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/time.h"

namespace headrace::http {

// "2026-01-01T12:00:00.123Z"; what is before the year 0 or after 9999 is the end of them.
inline void append_rfc3339(std::string& out, WallTime at) {
  using namespace std::chrono;
  constexpr WallTime first = sys_days(year(0) / 1 / 1);
  constexpr WallTime last = sys_days(year(10000) / 1 / 1) - milliseconds(1);
  at = std::clamp(at, first, last);
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> time(at - day);
  const std::size_t begin = out.size();
  out += "0000-00-00T00:00:00.000Z";
  const auto put = [&out, begin](std::size_t end, auto number) {
    std::size_t digit = begin + end;
    for (auto left = static_cast<unsigned>(number); left > 0; left /= 10) {
      out[--digit] = static_cast<char>('0' + left % 10);
    }
  };
  put(4, static_cast<int>(date.year()));
  put(7, static_cast<unsigned>(date.month()));
  put(10, static_cast<unsigned>(date.day()));
  put(13, time.hours().count());
  put(16, time.minutes().count());
  put(19, time.seconds().count());
  put(23, time.subseconds().count());
}
[[nodiscard]] inline std::string rfc3339(WallTime at) {
  std::string text;
  append_rfc3339(text, at);
  return text;
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
