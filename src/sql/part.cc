#include "sql/part.h"

#include <cstddef>

#include "wire/uri.h"

namespace headrace::sql {

namespace {

std::unexpected<Error> no_part(std::string_view name) {
  return failure(Code::invalid_argument, "\"" + std::string(name) +
                                             "\" is no part of a source, as `orders` and "
                                             "`progress[user_id]` are");
}

bool is_text(std::string_view text) {
  return text.find('\0') == std::string_view::npos && wire::is_utf8(text);
}

}  // namespace

std::string name_of(const Part& part) {
  return part.column.empty() ? part.table : part.table + "[" + part.column + "]";
}

Result<Part> part_of(std::string_view name) {
  std::size_t bracket = 0;
  bool quoted = false;
  while (bracket < name.size() && (quoted || name[bracket] != '[')) {
    if (name[bracket++] == '"') quoted = !quoted;
  }
  Part part{.table = std::string(name.substr(0, bracket))};
  if (bracket < name.size()) {
    if (!name.ends_with(']')) return no_part(name);
    part.column = name.substr(bracket + 1, name.size() - bracket - 2);
    if (part.column.empty()) return no_part(name);
  }
  if (quoted || !fault_of(part).empty()) return no_part(name);
  return part;
}

Error nobody_keeps(const Part& part) {
  const std::string name = name_of(part);
  return {.code = Code::invalid_argument,
          .what = "nobody keeps the revision of " + name +
                  ": run `headrace revision install` for it; `headrace revision check` says what "
                  "is missing"};
}

std::string fault_of(const Part& part) {
  if (part.table.empty()) return "a part has no table";
  if (!is_text(part.table) || !is_text(part.column) || !is_text(part.value)) {
    return "a part's name or value has a zero byte or is not UTF-8";
  }
  return "";
}

}  // namespace headrace::sql
