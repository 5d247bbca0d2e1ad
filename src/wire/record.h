// wire/record.h: a record as bytes, and back.
//
// Threads:   functions of their arguments alone.
// Errors:    decode_record() returns damaged, with what is wrong, for anything that encode() did
//            not write.
// Lifetimes: the outcome owns all its parts.
#pragma once

#include <string>
#include <string_view>

#include "headrace/records.h"
#include "headrace/result.h"

namespace headrace {

[[nodiscard]] std::string encode(const Record& record);

// Safe for bytes of a stranger: never allocates more than the bytes that are there call for.
[[nodiscard]] Result<Record> decode_record(std::string_view bytes);

}  // namespace headrace
