// io/digest.h: SHA-256, for texts that are told from each other by their digests alone, and with a
// key, for those whose digests nobody else shall be able to make.
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
// The same for HMAC-SHA-256 (RFC 2104).
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

}  // namespace headrace::io
