#include "wire/http_message.h"

#include <algorithm>

namespace headrace::wire {

namespace {

char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool lists(std::string_view value, std::string_view token) noexcept {
  for (;;) {
    const std::size_t comma = value.find(',');
    if (same_token(trimmed(value.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    value.remove_prefix(comma + 1);
  }
}

}  // namespace

bool same_token(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::optional<std::string_view> header_of(const Headers& headers, std::string_view name) noexcept {
  for (const Header& header : headers) {
    if (same_token(header.name, name)) return header.value;
  }
  return std::nullopt;
}

bool header_lists(const Headers& headers, std::string_view name, std::string_view token) noexcept {
  return std::ranges::any_of(headers, [&](const Header& header) {
    return same_token(header.name, name) && lists(header.value, token);
  });
}

}  // namespace headrace::wire
