// embedded/schema.h: the tables of records, and how a connection to them is set up.
//
// Threads:   functions of their arguments.
// Errors:    store_unavailable, with what to do, if the file cannot be used as it is.
// Lifetimes: as Database.
#pragma once

#include <cstdint>
#include <string>

#include "embedded/database.h"
#include "headrace/result.h"

namespace headrace::embedded_records {

inline constexpr std::int64_t application_id = 0x48527264;  // "HRrd".
inline constexpr std::int64_t schema_version = 1;

// The connection that writes, each commit synced; makes the tables in an empty file.
[[nodiscard]] Result<embedded::Database> open_for_writing(const std::string& path,
                                                          std::int64_t pages_max);

// One that reads, beside it.
[[nodiscard]] Result<embedded::Database> open_for_reading(const std::string& path);

}  // namespace headrace::embedded_records
