#include "server/resp/glob.h"

#include <utility>

namespace headrace::resp {

namespace {

// A class at the front of `pattern`, without its "[": takes it away, and says whether `c` is in it.
// As in Redis a class that does not end, ends with the pattern.
bool take_class(std::string_view& pattern, char c) noexcept {
  const bool is_not = pattern.starts_with('^');
  if (is_not) pattern.remove_prefix(1);
  const auto byte = [](char each) { return static_cast<unsigned char>(each); };
  bool is_in = false;
  while (!pattern.empty() && pattern.front() != ']') {
    if (pattern.front() == '\\' && pattern.size() >= 2) {
      is_in = is_in || pattern[1] == c;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      auto [low, high] = std::pair(byte(pattern[0]), byte(pattern[2]));
      if (low > high) std::swap(low, high);
      is_in = is_in || (byte(c) >= low && byte(c) <= high);
      pattern.remove_prefix(3);
    } else {
      is_in = is_in || pattern.front() == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty()) pattern.remove_prefix(1);
  return is_in != is_not;
}

// Takes what matches one byte from the front of `pattern`, and says whether `c` is matched.
bool take_one(std::string_view& pattern, char c) noexcept {
  const char front = pattern.front();
  pattern.remove_prefix(1);
  if (front == '?') return true;
  if (front == '[') return take_class(pattern, c);
  if (front != '\\' || pattern.empty()) return front == c;
  const char escaped = pattern.front();
  pattern.remove_prefix(1);
  return escaped == c;
}

}  // namespace

// When what is behind a star fails, that star alone takes one byte more: those before it need not
// be tried again, for what they let match can only begin later.
bool glob_match(std::string_view pattern, std::string_view text) {
  std::string_view behind_star;
  std::string_view star_text;
  bool has_star = false;
  for (std::size_t steps = 0; steps < glob_steps_max; ++steps) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      has_star = true;
      behind_star = pattern;
      star_text = text;
      continue;
    }
    if (text.empty() && pattern.empty()) return true;
    if (!text.empty() && !pattern.empty() && take_one(pattern, text.front())) {
      text.remove_prefix(1);
      continue;
    }
    if (!has_star || star_text.empty()) return false;
    star_text.remove_prefix(1);
    text = star_text;
    pattern = behind_star;
  }
  return false;
}

std::string_view literal_prefix(std::string_view pattern) noexcept {
  return pattern.substr(0, pattern.find_first_of("*?[\\"));
}

}  // namespace headrace::resp
