// headrace/source.h: the port to a source, where truth lives.
//
// Threads:   every member may be called from any thread; a task ends on any thread.
// Errors:    source_unavailable (not reached), source_failed (reached, but the answer is an error
// or
//            garbage), timed_out, refused (the source's own queue is full), cancelled.  A missing
//            entity is not an error: it is Kind::absent.
// Lifetimes: arguments are taken by value.  A source must outlive its tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "headrace/kind.h"
#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

// One question to the source.
struct Fetch {
  std::string entity{};
  std::string revision{};  // Of the copy that is already held; empty if none is.
  Instant deadline{};      // After this nobody wants the answer.
  std::stop_token stop{};  // Requested when nobody waits any more.
};

// What the source said.
struct Fetched {
  Kind kind = Kind::value;
  bool unchanged = false;    // The copy of Fetch::revision still holds; `payload` is not set.
  std::string payload{};     // The value, encoded (JSON for the built-in sources).
  std::string revision{};    // The source's name for this state; may be empty.
  std::uint32_t billed = 1;  // Reads that the source charges for this answer.
};

// The source side of one policy: it knows which fields to ask for and where.
class Source {
 public:
  virtual ~Source() = default;

  [[nodiscard]] virtual Task<Result<Fetched>> fetch(Fetch fetch) = 0;

  // Answers in the order of `fetches`, each on its own.  The source must be asked as few times as
  // it can be.  REQUIRES: 0 < fetches.size() <= batch_max() and entities are distinct.
  [[nodiscard]] virtual Task<std::vector<Result<Fetched>>> fetch_many(
      std::vector<Fetch> fetches) = 0;

  // How many entities one fetch_many may name; 1 where batches save nothing.
  [[nodiscard]] virtual std::size_t batch_max() const noexcept { return 1; }
};

}  // namespace headrace
