#include "stores/valkey/beside.h"

#include <charconv>
#include <optional>

#include "stores/valkey/names.h"

namespace headrace::valkey {

namespace {

constexpr std::size_t ends_digits = 16;
constexpr std::size_t size_digits = 4;
constexpr std::size_t head_bytes = 1 + ends_digits + size_digits;

std::string digits(std::int64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::string entry(char kind, std::int64_t ends_ms, std::string_view text) {
  std::string made(1, kind);
  made += digits(ends_ms, ends_digits);
  made += digits(static_cast<std::int64_t>(text.size()), size_digits);
  return made.append(text);
}

}  // namespace

std::string guard_entry(const Token& guard, std::int64_t ends_ms) {
  return entry('G', ends_ms, bytes_of(guard));
}

std::string floor_entry(std::string_view revision, std::int64_t ends_ms) {
  return entry('F', ends_ms, revision);
}

std::string milliseconds(std::int64_t ms) {
  return digits(ms, ends_digits);
}

Beside read_beside(std::string_view bytes, std::int64_t now_ms) {
  Beside beside;
  while (!bytes.empty()) {
    const auto ends = number(bytes.substr(std::min<std::size_t>(1, bytes.size()), ends_digits));
    const auto size = bytes.size() < head_bytes
                          ? std::nullopt
                          : number(bytes.substr(1 + ends_digits, size_digits));
    if (!ends || !size || bytes.size() - head_bytes < static_cast<std::size_t>(*size)) {
      beside.guarded = true;  // Nobody knows what it was: nothing is kept while it is there.
      break;
    }
    const char kind = bytes.front();
    const std::string_view text = bytes.substr(head_bytes, static_cast<std::size_t>(*size));
    bytes.remove_prefix(head_bytes + text.size());
    if (*ends <= now_ms) continue;
    if (kind == 'F') {
      beside.floors.emplace_back(text);
    } else {
      beside.guarded = true;
      ++beside.guards;
    }
  }
  return beside;
}

}  // namespace headrace::valkey
