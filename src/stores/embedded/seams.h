// embedded/seams.h: what tests replace; every other opener takes the defaults.
//
// Threads:   the functions are called on the writer thread.
// Errors:    none.
// Lifetimes: copied into the store.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "headrace/stores/embedded.h"

namespace headrace::embedded {

struct Seams {
  std::optional<std::int64_t> boot{};  // Which boot this is; else this machine's.
  std::int64_t pages_max = 0;          // Of the file, as if its disk were full; 0: no limit.
  Duration sweep_every = std::chrono::seconds(5);
  std::function<void()> before_group{};   // When a group has been taken from the queue.
  std::function<void()> before_commit{};  // When a group has been carried out.
};

[[nodiscard]] Result<std::unique_ptr<Store>> open(EmbeddedStoreOptions options, Seams seams,
                                                  Clock& clock, Executor& executor, Random& random);

}  // namespace headrace::embedded
