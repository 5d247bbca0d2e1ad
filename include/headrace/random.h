// headrace/random.h: the port through which chance comes in.
//
// Threads:   every member may be called from any thread.
// Errors:    none; a machine without randomness cannot run Headrace.
// Lifetimes: must outlive whatever borrows it.
#pragma once

#include <cstdint>

#include "headrace/token.h"

namespace headrace {

class Random {
 public:
  virtual ~Random() = default;

  // A fresh token, never zero, that nobody can guess and that no other instance will draw.
  [[nodiscard]] virtual Token token() = 0;

  // Uniform over all 64-bit numbers; for jitter, not for secrets.
  [[nodiscard]] virtual std::uint64_t bits() = 0;
};

}  // namespace headrace
