// server/http/json_members.h: the members of a JSON object, and the elements of an array, each
// value as it was written.
//
// A number that is parsed and written again may have lost digits; what goes to a source must not.
//
// Threads:   pure.
// Errors:    none: see REQUIRES.
// Lifetimes: values.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::http {

// Names, decoded, and values, raw, in their order; a name that stands twice comes twice.
// REQUIRES: `json` is an object that a JSON parser has accepted.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> members_of(std::string_view json);

// Raw, in their order.  REQUIRES: `json` is an array that a JSON parser has accepted.
[[nodiscard]] std::vector<std::string> elements_of(std::string_view json);

}  // namespace headrace::http
