// wire/bus_message.h: a message of the bus as bytes, and back.
//
// Threads:   functions of their arguments alone.
// Errors:    decode_message() returns damaged for anything that encode_message() did not write, or
//            that a later version of it wrote.
// Lifetimes: the outcome owns all its parts.
#pragma once

#include <string>
#include <string_view>

#include "headrace/bus_message.h"
#include "headrace/result.h"

namespace headrace {

[[nodiscard]] std::string encode_message(const BusMessage& message);

// Safe for bytes of a stranger: never allocates more than the bytes that are there call for.
[[nodiscard]] Result<BusMessage> decode_message(std::string_view bytes);

}  // namespace headrace
