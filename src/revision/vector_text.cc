#include "revision/vector_text.h"

#include <charconv>

namespace headrace {

namespace {

void add(std::string& text, std::string_view one) {
  text += std::to_string(one.size());
  text += ':';
  text += one;
  text += ',';
}

// Takes the first text away; none if there is none.
std::optional<std::string_view> take(std::string_view& text) {
  std::size_t size = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (fault != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.starts_with(':') || text.size() - 1 <= size || text[size + 1] != ',') {
    return std::nullopt;
  }
  const std::string_view one = text.substr(1, size);
  text.remove_prefix(size + 2);
  return one;
}

}  // namespace

std::string vector_text(std::string_view shape, const std::vector<std::string>& revisions) {
  std::string text;
  add(text, shape);
  for (const std::string& one : revisions) add(text, one);
  return text;
}

std::optional<std::vector<std::string>> read_vector_text(std::string_view text,
                                                         std::string_view shape) {
  if (take(text) != shape) return std::nullopt;
  std::vector<std::string> revisions;
  while (!text.empty()) {
    const auto one = take(text);
    if (!one) return std::nullopt;
    revisions.emplace_back(*one);
  }
  return revisions;
}

}  // namespace headrace
