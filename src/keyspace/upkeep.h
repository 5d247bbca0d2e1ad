// keyspace/upkeep.h: what a keyspace does by itself: it writes accesses down and removes what has
// expired.
//
// Threads:   any member from any thread.
// Errors:    those of Records; what was not done is done next time.
// Lifetimes: borrows its arguments, which must outlive its tasks, as it must itself.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "headrace/clock.h"
#include "headrace/keyspace.h"
#include "headrace/records.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "keyspace/accesses.h"

namespace headrace {

class Upkeep {
 public:
  Upkeep(const KeyspaceOptions& options, Records& records, const Clock& clock, Accesses& accesses)
      : options_(options), records_(records), clock_(clock), accesses_(accesses) {}

  // How many there were.
  [[nodiscard]] Task<Result<std::size_t>> write_accesses();
  // Removes expired records, and no others, until none is left; how many it was.
  [[nodiscard]] Task<Result<std::size_t>> sweep();

 private:
  // What becomes of a record, looked at in the step in which it is changed: who wrote in between
  // keeps what they wrote.
  using Judge = std::function<Records::Change(const RecordKey&, const RecordRef&)>;
  // Returns how many it changed.
  [[nodiscard]] Task<Result<std::size_t>> edit_all(std::vector<RecordKey> keys, Judge judge);
  [[nodiscard]] Task<Result<std::size_t>> edit(std::vector<RecordKey> keys, Judge judge);

  const KeyspaceOptions options_;
  Records& records_;
  const Clock& clock_;
  Accesses& accesses_;
};

}  // namespace headrace
