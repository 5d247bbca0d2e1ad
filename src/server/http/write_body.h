// server/http/write_body.h: what the bodies of writes say.
//
// Threads:   any.
// Errors:    faults of the body, each with its pointer.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/source.h"
#include "server/http/json_body.h"

namespace headrace::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

// The fields of one write and their new values, raw: a number must reach the source digit for
// digit.
[[nodiscard]] Fields fields_of(std::string_view raw, const std::string& pointer, JsonBody& body);

// {"writes":[{"entity":"1","fields":{...}},{"entity":"2","create":true,"fields":{...}},
//            {"entity":"3","remove":true}]}, each with "expected" too.
// REQUIRES: `raw` is the text of `body`.
[[nodiscard]] std::vector<Write> writes_of(std::string_view raw, std::size_t writes_max,
                                           JsonBody& body);

// RFC 6901: the name as one step of a pointer.
[[nodiscard]] std::string pointer_to(std::string_view name);

// What an error of a write means.  Where it begins with a field's name it points at that.
[[nodiscard]] Problem problem_of_write(const Error& error, const Fields& fields,
                                       const std::string& pointer);

}  // namespace headrace::http
