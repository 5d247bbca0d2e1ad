// sources/sqlite/row_json.h: columns of a row as JSON text.
//
// INTEGER becomes a number, REAL a number with a point or an exponent that reads back to the same
// double, TEXT a string, NULL null, and BLOB {"$base64":"..."}.
//
// Threads:   pure functions.
// Errors:    false for what JSON cannot say: text that is not UTF-8, an infinite number.
// Lifetimes: nothing is kept.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

namespace headrace::sqlite {

// Appends `text` quoted.  REQUIRES: it is UTF-8.
void append_json_string(std::string& json, std::string_view text);

// Appends one column's value; `json` is undefined if that fails.
[[nodiscard]] bool append_json_column(std::string& json, sqlite3_stmt* row, int column);

}  // namespace headrace::sqlite
