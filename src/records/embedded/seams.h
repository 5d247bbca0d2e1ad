// embedded/seams.h: what tests replace; every other opener takes the defaults.
//
// Threads:   before_group and before_publish are called on the writer thread, after_read on a
//            reader's.
// Errors:    none.
// Lifetimes: copied into the records.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "headrace/records/embedded.h"

namespace headrace::embedded_records {

struct Seams {
  std::int64_t pages_max = 0;              // Of the file, as if its disk were full; 0: no limit.
  std::function<void()> before_group{};    // When a group has been taken from the queue.
  std::function<void()> before_publish{};  // When a group has been committed.
  std::function<void()> after_read{};      // When a record was read from the file.
};

[[nodiscard]] Result<std::unique_ptr<Records>> open(EmbeddedRecordsOptions options, Seams seams,
                                                    Executor& executor);

}  // namespace headrace::embedded_records
