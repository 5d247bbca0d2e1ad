// embedded/schema.h: the tables of the store.
//
// Threads:   immutable.  Errors: none.  Lifetimes: constants.
#pragma once

#include <cstdint>

#include "embedded/database.h"

namespace headrace::embedded {

inline constexpr std::int64_t application_id = 0x48526576;  // "HRev".
inline constexpr std::int64_t schema_version = 3;

// What is synced, and when, the writer decides.
extern const Schema schema;

}  // namespace headrace::embedded
