#include "sql/question.h"

#include <algorithm>

#include "wire/uri.h"

namespace headrace::sql {

std::string quoted(std::string_view identifier) {
  std::string text = "\"";
  for (const char c : identifier) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + "\"";
}

std::string fault_of(const SqlQuestion& asked) {
  if (asked.fields.empty()) return "no fields are named; say which columns to take";
  if (asked.table.empty() == asked.query.empty()) return "name a table or a query, and not both";
  if (asked.query.empty() && asked.key.empty()) return "the key column has no name";
  if (asked.rows_max == 0) return "rows_max must be more than zero";
  const auto has_nul = [](std::string_view text) {
    return text.find('\0') != std::string_view::npos;
  };
  if (has_nul(asked.table) || has_nul(asked.key) || has_nul(asked.query) ||
      std::ranges::any_of(asked.fields, has_nul)) {
    return "a name or the query contains a zero byte";
  }
  if (!std::ranges::all_of(asked.fields, wire::is_utf8)) return "a field's name is not UTF-8";
  return "";
}

}  // namespace headrace::sql
