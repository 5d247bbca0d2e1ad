// merge/membership.h: what the documents beside the fragments say: memberships and settings.
//
// Threads:   pure functions.
// Errors:    source_failed: the source has something else there.  What cannot be understood is
//            never taken for "no attribute" or "no restriction".
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/result.h"

namespace headrace::merge {

// A caller's attributes; each has a value or several.
using Attributes = std::map<std::string, std::vector<std::string>, std::less<>>;

// Those of `wanted` that {"domain":"d7","team":["a","b"]} has.  Null stands for "none".
[[nodiscard]] Result<Attributes> attributes_of(std::string_view json,
                                               const std::set<std::string, std::less<>>& wanted);

struct ScopeSettings {
  std::optional<std::int64_t> rank{};
  std::optional<std::vector<std::string>> allow{};  // Sorted.

  [[nodiscard]] bool allows(std::string_view name) const;
};

// {"rank":25,"allow":["a","b"]}; the list may be a text that is JSON, as of a database without
// lists.
[[nodiscard]] Result<ScopeSettings> settings_of(std::string_view json);

// The member `field` of the object `json`: the text of its value, or the value's own text if it is
// a string.  None: there is no such member, or it is null.
[[nodiscard]] Result<std::optional<std::string>> fragment_in(std::string_view json,
                                                             std::string_view field);

}  // namespace headrace::merge
