// memcached/memcached_store.h: the store under a clock of one's own, for tests.
//
// Threads:   as headrace/stores/memcached.h.
// Errors:    the same.
// Lifetimes: borrows the clock too.
#pragma once

#include <memory>

#include "headrace/clock.h"
#include "headrace/stores/memcached.h"

namespace headrace::memcached {

// `clock` tells how long things take; time-outs are the runtime's.
[[nodiscard]] Result<std::unique_ptr<Store>> open(MemcachedStoreOptions options, Runtime& runtime,
                                                  Clock& clock);

}  // namespace headrace::memcached
