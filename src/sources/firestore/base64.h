// sources/firestore/base64.h: bytes as text: base64 with "+", "/" and padding (RFC 4648 section 4).
//
// Threads: any.  Errors: invalid_argument for anything but the one form.  Lifetimes: values.
#pragma once

#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::firestore {

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);

}  // namespace headrace::firestore
