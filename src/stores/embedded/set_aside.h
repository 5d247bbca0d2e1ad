// embedded/set_aside.h: the files around the database: the mark of damage, the old ones.
//
// Threads:   as the file system.
// Errors:    store_unavailable, with the path and what to do.
// Lifetimes: values.
#pragma once

#include <string>

#include "headrace/result.h"
#include "headrace/time.h"

namespace headrace::embedded {

// A file `<path>.suspect` says that SQLite found the database corrupt while it was in use.
void mark_suspect(const std::string& path) noexcept;
[[nodiscard]] bool is_suspect(const std::string& path) noexcept;

// Renames the database and its logs to `<path>.damaged-<utc time>...` and returns that name.
[[nodiscard]] Result<std::string> set_aside(const std::string& path, WallTime now);

}  // namespace headrace::embedded
