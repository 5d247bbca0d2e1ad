// revision/vector_text.h: what is kept of a snapshot's revisions: those of all its parts.
//
// Each text with its length before it, "4:abcd,": first one that says which parts they are of, so
// that what was kept for other parts, in the turn of a reload, is not read; then the revisions.
//
// Threads:   pure functions.
// Errors:    none of what was written by this program, or its other versions.
// Lifetimes: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headrace {

[[nodiscard]] std::string vector_text(std::string_view shape,
                                      const std::vector<std::string>& revisions);

// None if it is not of that form, or was kept for another shape.
[[nodiscard]] std::optional<std::vector<std::string>> read_vector_text(std::string_view text,
                                                                       std::string_view shape);

}  // namespace headrace
