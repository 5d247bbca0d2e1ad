// sources/sqlite/field_value.h: a field's JSON as a value of SQLite's: row_json.h, read backwards.
//
// Numbers are taken as they are written.  Whole ones become INTEGER, or are refused if 64 bits do
// not hold them; those with a point or an exponent become REAL, the nearest double.
//
// Threads:   pure functions.
// Errors:    invalid_argument, with what is wrong, to stand behind the field's name.
// Lifetimes: values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "headrace/result.h"

namespace headrace::sqlite {

struct Blob {
  std::string bytes{};
};
using FieldValue = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

// `json` is one JSON value.
[[nodiscard]] Result<FieldValue> field_value_of(std::string_view json);

// Binds a value, which must outlive the statement's run.
void bind_value(sqlite3_stmt* statement, int parameter, const FieldValue& value);

}  // namespace headrace::sqlite
