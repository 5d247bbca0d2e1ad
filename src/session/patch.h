// session/patch.h: what a client wants to change of a session's fields: a merge patch.
//
// As RFC 7396 says: an object merges into an object member by member, null deletes, and whatever
// else replaces.  Two members of the patch are no fields but operators: "$incr" adds whole numbers
// to fields ({"n":1}), "$append" adds elements to the lists that they are ({"list":["x"]}); a
// field that is not there counts as 0, or as an empty list.  They come after the merge.  Numbers
// are never parsed, but for those that are added.
//
// Threads:   pure.
// Errors:    invalid_argument: not JSON, not an object, an operator that is none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "session/form.h"

namespace headrace::session {

inline constexpr std::size_t patch_depth_max = 64;  // Objects and lists in one another.

struct Patch {
  Fields merges{};  // Names and what is laid over them.
  std::vector<std::pair<std::string, std::int64_t>> adds{};
  Fields appends{};  // Names and lists.
};

// The members of an object as fields; those named as an operator are refused.
[[nodiscard]] Result<Fields> fields_of(std::string_view json);
[[nodiscard]] Result<Patch> patch_of(std::string_view json);

enum class Patched : std::uint8_t { done, wrong_type, out_of_range };
// Unless done the fields are in no state to be kept.
[[nodiscard]] Patched apply_patch(const Patch& patch, Fields& fields);

// One text laid over another.  REQUIRES: both are JSON.
[[nodiscard]] std::string merged(std::string_view below, std::string_view above);

}  // namespace headrace::session
