// server/http/wall_text.h: a moment of the calendar as text.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstdio>
#include <ctime>
#include <string>

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

}  // namespace headrace::http
