// headrace/stores/embedded.h: the store in one file of this machine, for one process.
//
// Envelopes, watermarks, write guards and floors live in SQLite; leases live in memory, for losing
// one may only cost a miss.  A publish and an unguard survive a crash of the process.  A put, an
// invalidation, a renewal, a guard and a floor survive a loss of power as well, once acknowledged.
// A guard or a floor that was set before the machine booted again gets its whole time anew at the
// next opening: only the calendar tells how much had passed, and that may have been set.
//
// Threads:   as Store.  One writer thread of its own; reads run on the calling thread.
// Errors:    open_embedded_store() returns store_unavailable if the file cannot be used at all: no
//            permission, another process holds it, or it is the database of another program.  A
//            damaged file is set aside under a name that `notice` tells, and an empty one takes its
//            place.
// Lifetimes: borrows clock, executor and random, which must outlive it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/random.h"
#include "headrace/result.h"
#include "headrace/store.h"

namespace headrace {

struct EmbeddedStoreOptions {
  std::string path{};                         // Of the database file; its folder must exist.
  std::size_t bytes_max = 1ull << 30;         // Of keys and payloads; the oldest entries go first.
  std::size_t leases_max = 65536;             // More are not granted: the fill is then not kept.
  std::size_t watermarks_max = 1 << 20;       // The oldest go first; what hung on them is a miss.
  std::size_t guards_max = 65536;             // Write guards, each key's by itself.
  std::size_t floors_max = 65536;             // Those that end first go; see Store::raise_floors.
  std::size_t queue_max = 16384;              // Writes waiting for the writer; more are refused.
  std::size_t group_max = 1024;               // Writes in one transaction.
  std::size_t readers_max = 4;                // Read connections.
  std::function<void(std::string)> notice{};  // Told, in a sentence, of anything odd.
};

[[nodiscard]] Result<std::unique_ptr<Store>> open_embedded_store(EmbeddedStoreOptions options,
                                                                 Clock& clock, Executor& executor,
                                                                 Random& random);

}  // namespace headrace
