// embedded/schema.h: the tables of records.
//
// Threads:   immutable.  Errors: none.  Lifetimes: constants.
#pragma once

#include <cstdint>

#include "embedded/database.h"

namespace headrace::embedded_records {

inline constexpr std::int64_t application_id = 0x48527264;  // "HRrd".
inline constexpr std::int64_t schema_version = 1;

// Each commit is synced.
extern const embedded::Schema schema;

}  // namespace headrace::embedded_records
