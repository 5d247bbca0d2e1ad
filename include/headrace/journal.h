// headrace/journal.h: the port to a journal, where invalidations are written down that the store
// has not confirmed, so that they outlive this process.
//
// It belongs to one instance and lies where it does, on a disk of its own: it is there when the
// store cannot be reached.  It holds the store's names of keys and watermarks, no entities; and the
// revisions of floors, as their sources have named them.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    journal_unavailable when it cannot be read or written now, or is full.  A failed add
//            may have been written; that costs an invalidation more.
// Lifetimes: arguments are taken by value and belong to the task.  It must outlive its tasks.
#pragma once

#include <cstdint>
#include <vector>

#include "headrace/key.h"
#include "headrace/result.h"
#include "headrace/store.h"
#include "headrace/task.h"
#include "headrace/token.h"

namespace headrace {

class Journal {
 public:
  virtual ~Journal() = default;

  struct Record {
    std::uint64_t number = 0;  // Its own, never used again while it stands.
    // Something that stood in the journal cannot be read any more, and nobody knows what it was: it
    // may have named anything.  Then nothing else is set.  Only a journal itself makes such a one.
    bool lost = false;
    std::vector<StoreKey> keys{};
    std::vector<WatermarkId> watermarks{};
    // To be raised once more, for as long as each lasts; what has passed since does not count.
    std::vector<Store::Floor> floors{};
  };

  // Writes it down, and returns its number.  Durable once acknowledged.
  [[nodiscard]] virtual Task<Result<std::uint64_t>> add(std::vector<StoreKey> keys,
                                                        std::vector<WatermarkId> watermarks,
                                                        std::vector<Store::Floor> floors) = 0;

  // These are no longer needed.  Idempotent.
  [[nodiscard]] virtual Task<Result<void>> strike(std::vector<std::uint64_t> numbers) = 0;

  // All that stands in it, in the order of writing.
  [[nodiscard]] virtual Task<Result<std::vector<Record>>> read() = 0;

  // Ends all work of the journal's own.  Idempotent.
  virtual void close() = 0;
};

}  // namespace headrace
