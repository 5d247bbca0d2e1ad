// wire/envelope.h: an envelope as bytes, and back.
//
// Threads:   functions of their arguments alone.
// Errors:    decode() returns damaged, with what is wrong, for anything that encode() did not
// write. Lifetimes: the outcome owns all its parts.
#pragma once

#include <string>
#include <string_view>

#include "headrace/envelope.h"
#include "headrace/result.h"

namespace headrace {

[[nodiscard]] std::string encode(const Envelope& envelope);

// Safe for bytes of a stranger: never allocates more than the bytes that are there call for.
[[nodiscard]] Result<Envelope> decode(std::string_view bytes);

}  // namespace headrace
