// server/resp/connection.h: what is allowed in the names that clients give themselves.
//
// Threads:   any.
// Errors:    none.
// Lifetimes: views.
#pragma once

#include <string_view>

namespace headrace::resp {

inline constexpr std::string_view bad_client_name =
    "ERR Client names cannot contain spaces, newlines or special characters.";

// Visible ASCII.
[[nodiscard]] bool is_plain_name(std::string_view name) noexcept;

}  // namespace headrace::resp
