// io/digest.h: SHA-256, for texts that are told from each other by their digests alone.
//
// Threads:   a pure function.
// Errors:    none.
// Lifetimes: nothing is kept.
#pragma once

#include <string>
#include <string_view>

namespace headrace::io {

// In 64 hexadecimal digits.
[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace headrace::io
