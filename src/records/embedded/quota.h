// embedded/quota.h: what a tenant has after an edit, and whether it may.
//
// Threads: functions of their arguments.  Errors: over_quota.  Lifetimes: values.
#pragma once

#include <vector>

#include "headrace/records.h"
#include "headrace/result.h"

namespace headrace::embedded_records {

// REQUIRES: as many records and changes as keys.
[[nodiscard]] Result<Records::Usage> usage_after(Records::Usage usage,
                                                 const std::vector<RecordKey>& keys,
                                                 const std::vector<RecordRef>& found,
                                                 const std::vector<Records::Change>& changes,
                                                 const Records::Ceiling& ceiling);

}  // namespace headrace::embedded_records
