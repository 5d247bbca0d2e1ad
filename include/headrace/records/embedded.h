// headrace/records/embedded.h: records in one file of this machine, for one process, or in memory.
//
// They live in SQLite, behind a memory that is exact: what peek() says is what was acknowledged
// last.  All edits are carried out by one thread, in their order, and committed in groups.  Without
// a path they live in memory alone and end with the process.
//
// Threads:   as Records.  One thread of its own for edits, none without a path; reads run on the
//            calling thread.
// Errors:    open_embedded_records() returns store_unavailable if the file cannot be used: no
//            permission, another process holds it, it is the database of another program, or it is
//            damaged.  A damaged file is left as it is: nobody else has what is in it.
// Lifetimes: borrows the executor, which must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "headrace/executor.h"
#include "headrace/records.h"
#include "headrace/result.h"

namespace headrace {

struct EmbeddedRecordsOptions {
  // What an acknowledged edit outlives.
  enum class Durability : std::uint8_t {
    process,  // Kill, crash: it was handed to the system.
    power,    // Also a loss of power: it was synced, once for each group.
  };

  std::string path{};  // Of the file, whose folder must exist; empty: in memory alone.
  // Of what memory holds in front of the file; without a path, of all that is kept.
  std::size_t memory_bytes_max = 128 << 20;
  std::size_t queue_max = 16384;  // Edits waiting for their turn; more are refused.
  std::size_t group_max = 1024;   // Edits in one transaction.
  std::size_t readers_max = 4;    // Read connections.
  Durability durability = Durability::process;
  std::function<void(std::string)> notice{};  // Told, in a sentence, of anything odd.
};

[[nodiscard]] Result<std::unique_ptr<Records>> open_embedded_records(EmbeddedRecordsOptions options,
                                                                     Executor& executor);

}  // namespace headrace
