// revision/section_text.h: what is kept of a section: its JSON, and when it was built.
//
// {"generated_at":1767225600000,"value":...}, in milliseconds of the calendar: JSON itself, so that
// whoever meets it elsewhere can read it.
//
// Threads:   pure functions.
// Errors:    none of what was written by this program, or its other versions.
// Lifetimes: views are of the text that they were given.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "headrace/time.h"

namespace headrace {

[[nodiscard]] std::string section_text(WallTime generated_at, std::string_view json);

struct SectionText {
  WallTime generated_at{};
  std::string_view json{};
};
// None if it is not of that form.
[[nodiscard]] std::optional<SectionText> read_section_text(std::string_view text);

}  // namespace headrace
