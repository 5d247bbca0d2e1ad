// firestore/json_tree.h: JSON as a tree whose numbers are still text.
//
// Whether a number is an integer or a double is told by how it is written, and a double is read to
// its last bit; Boost's own values know neither.
//
// Threads:   any.
// Errors:    invalid_argument for what is no JSON, too deep, or an object with one name twice.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"

namespace headrace::firestore {

// Maps and arrays inside each other, with the objects that spell out a type.  Firestore allows 20
// maps, and arrays only inside maps.
inline constexpr std::size_t json_depth_max = 100;

struct JsonTree {
  enum class Is : std::uint8_t { null, boolean, number, string, array, object };
  Is is = Is::null;
  bool truth = false;
  std::string text{};                // Of a number as it is written, or of a string.
  std::vector<JsonTree> items{};     // Of an array, or the values of an object ...
  std::vector<std::string> names{};  // ... whose names these are.
};

[[nodiscard]] Result<JsonTree> parse_json(std::string_view json);

}  // namespace headrace::firestore
