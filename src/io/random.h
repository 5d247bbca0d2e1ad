// io/random.h: the kernel's randomness, drawn in portions, one per thread.
//
// Threads: any.  Errors: none; without randomness the process ends.  Lifetimes: none.
#pragma once

#include <cstdint>

#include "headrace/token.h"

namespace headrace::io {

[[nodiscard]] Token random_token();
[[nodiscard]] std::uint64_t random_bits();

}  // namespace headrace::io
