// replay/sqlite_backend.h: a replay on a SQLite file.
//
// Threads:   as Backend.
// Errors:    as Backend; make_sqlite_backend() returns source_unavailable, invalid_argument.
// Lifetimes: `runtime` must outlive the backend and its sources.
#pragma once

#include <memory>
#include <string>

#include "headrace/runtime.h"
#include "replay/backend.h"

namespace headrace::replay {

// Of a file that SqliteDb::make() has made.
[[nodiscard]] std::unique_ptr<Backend> make_sqlite_backend(std::string path, Runtime& runtime);

}  // namespace headrace::replay
