#include "feeds/sqlite/changes.h"

#include <algorithm>
#include <utility>

#include "headrace/key.h"
#include "wire/uri.h"

namespace headrace::sqlite::feed {

namespace {

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// What stands in single quotes; none: it is no SQL literal.
std::optional<std::string> take_literal(std::string_view& text) {
  if (!take(text, '\'')) return std::nullopt;
  std::string literal;
  while (!text.empty()) {
    if (take(text, '\'') && !text.starts_with('\'')) return literal;
    literal += text.front();
    text.remove_prefix(1);
  }
  return std::nullopt;
}

std::vector<std::string> fields_of(std::string_view text) {
  std::vector<std::string> all;
  while (!text.empty()) {
    std::optional<std::string> one = take_literal(text);
    if (!one || !take(text, ' ')) return {};
    all.push_back(std::move(*one));
  }
  return all;
}

std::vector<std::pair<std::string, std::string>> values_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> all;
  while (!text.empty()) {
    std::optional<std::string> name = take_literal(text);
    if (!name || !take(text, '=')) return {};
    std::optional<std::string> value = take_literal(text);
    if (!value || !take(text, ' ')) return {};
    std::pair<std::string, std::string> one(std::move(*name), std::move(*value));
    if (std::ranges::count(all, one) == 0) all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

SourceChange change_of(OutboxRow row) {
  SourceChange change{.database = std::move(row.database),
                      .collection = std::move(row.collection),
                      .fields = fields_of(row.fields),
                      .values = values_of(row.values)};
  // Nobody can have asked for a longer one, nor for bytes that are no text.
  if (row.key && row.key->size() <= entity_bytes_max && wire::is_utf8(*row.key)) {
    change.entity = std::string(*row.key);
  }
  return change;
}

}  // namespace headrace::sqlite::feed
