// headrace/kind.h: the three things an answer can be.  An error is none of them.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstdint>
#include <string_view>

namespace headrace {

enum class Kind : std::uint8_t {
  value,   // The source has a value, which may be 0, false, "" or {}.
  null,    // The source has the entity and says null.
  absent,  // The source says that there is no such entity.
};

[[nodiscard]] std::string_view name_of(Kind kind) noexcept;

}  // namespace headrace
