// server/http/kv_text.h: a record's value as an HTTP response: as its bytes, or in the JSON
// envelope of /cache.
//
// Threads:   functions of their arguments.
// Errors:    none.
// Lifetimes: arguments are only read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "headrace/records.h"
#include "headrace/time.h"
#include "server/http/answer_text.h"
#include "server/http/version_tag.h"

namespace headrace::http {

// Whether the value can be shown in that form: a map in none, bytes that are no text in no JSON.
[[nodiscard]] bool can_show(const Record& record, Form form) noexcept;

// Appends the whole response and returns its status: 200, or 304.  REQUIRES: can_show().
int append_value(std::string& out, std::string_view key, const Record& record, WallTime now,
                 Form form, const Asking& asking);
// 404, with its problem.
int append_no_entry(std::string& out, const Asking& asking);

// The value as JSON: as it is if it is some, else in quotes.  REQUIRES: can_show(envelope).
void append_json_value(std::string& out, const Record& record);
// How long it has yet to live after an access now; REQUIRES: it ends at all.
[[nodiscard]] Duration left_of(const Record& record, WallTime now) noexcept;
// Whole seconds, rounded up.
[[nodiscard]] std::int64_t seconds_left(const Record& record, WallTime now) noexcept;

}  // namespace headrace::http
