// embedded/schema.h: the tables, and how a connection to them is set up.
//
// Threads:   functions of their arguments.
// Errors:    damaged if the file is no store of this version and should be set aside;
//            store_unavailable if it cannot be used, or is the database of another program.
// Lifetimes: as Database.
#pragma once

#include <cstdint>
#include <string>

#include "embedded/database.h"
#include "headrace/result.h"

namespace headrace::embedded {

inline constexpr std::int64_t application_id = 0x48526576;  // "HRev".
inline constexpr std::int64_t schema_version = 3;

// The connection that writes; makes the tables in an empty file.
[[nodiscard]] Result<Database> open_for_writing(const std::string& path, std::int64_t pages_max);

// One that reads, beside it.
[[nodiscard]] Result<Database> open_for_reading(const std::string& path);

}  // namespace headrace::embedded
