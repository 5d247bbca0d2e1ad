// sources/http/projection.h: the wanted members of a JSON object, as the text in which they came.
//
// What a member holds is copied byte for byte, so that no number loses digits on its way through.
//
// Threads:   pure functions.
// Errors:    source_failed, with the reason and the byte at which it was seen.
// Lifetimes: nothing is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "headrace/kind.h"
#include "headrace/result.h"

namespace headrace::http {

struct Projected {
  Kind kind = Kind::value;
  std::string json{};  // If a value: an object of the fields that are there, in their order.
};

// `body` must be JSON: an object, or null.  "a.b" is member b of the object that is member a, and
// is called "a.b" in the result.  Of members of one name the last counts.
[[nodiscard]] Result<Projected> project(std::string_view body,
                                        const std::vector<std::string>& fields);

}  // namespace headrace::http
