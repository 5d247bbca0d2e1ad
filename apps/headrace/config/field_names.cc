#include "config/field_names.h"

#include <algorithm>
#include <string>
#include <vector>

namespace headrace::config {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

// The names of a path, without what only spells them.
std::vector<std::string> names_in(std::string_view path, Spelling spelling) {
  std::vector<std::string> names(1);
  bool is_quoted = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (spelling == Spelling::backticks && c == '`') {
      is_quoted = !is_quoted;
    } else if (is_quoted && c == '\\' && i + 1 < path.size()) {
      names.back() += path[++i];
    } else if (!is_quoted && c == '.') {
      names.emplace_back();
    } else {
      names.back() += c;
    }
  }
  return names;
}

}  // namespace

bool reveals(std::string_view field, std::string_view secret, Spelling spelling) {
  const std::vector<std::string> taken = names_in(lower(field), spelling);
  const std::vector<std::string> kept = names_in(lower(secret), spelling);
  const auto common = static_cast<std::ptrdiff_t>(std::min(taken.size(), kept.size()));
  return std::equal(taken.begin(), taken.begin() + common, kept.begin());
}

bool mentions(std::string_view query, std::string_view secret) {
  const std::string in = lower(query), what = lower(secret);
  if (what.empty()) return false;
  for (std::size_t at = in.find(what); at != std::string::npos; at = in.find(what, at + 1)) {
    const std::size_t end = at + what.size();
    // Only a letter goes on beside a letter: "$hash" is found in "x$hash".
    const bool goes_before = at > 0 && is_letter(in[at - 1]) && is_letter(what.front());
    const bool goes_on = end < in.size() && is_letter(in[end]) && is_letter(what.back());
    if (!goes_before && !goes_on) return true;
  }
  return false;
}

std::string_view field_of(std::string_view filter) {
  filter.remove_prefix(std::min(filter.find_first_not_of(" \t"), filter.size()));
  bool is_quoted = false;
  std::size_t size = 0;
  for (; size < filter.size(); ++size) {
    const char c = filter[size];
    if (is_quoted && c == '\\') {
      ++size;
    } else if (c == '`') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && std::string_view(" \t=!<>").contains(c)) {
      break;
    }
  }
  return filter.substr(0, size);
}

}  // namespace headrace::config
