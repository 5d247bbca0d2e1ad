// serve/root_key.h: the operator's key of the cache service, in a file that its owner alone reads.
//
// Threads:   any.
// Errors:    invalid_argument: the file cannot be read or made, is empty, or others may read it.
// Lifetimes: values.
#pragma once

#include <string>

#include "headrace/random.h"
#include "headrace/result.h"

namespace headrace::app {

struct RootKey {
  std::string text{};
  bool is_new = false;  // The file was not there.
};

// What stands in the first line of the file.  One that is not there is made with a fresh key.
[[nodiscard]] Result<RootKey> read_or_make_root_key(const std::string& file, Random& random);

}  // namespace headrace::app
