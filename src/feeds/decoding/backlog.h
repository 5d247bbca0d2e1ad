// feeds/decoding/backlog.h: what was committed and is not acknowledged, in the order of the log.
//
// Only what can be read is told, and nothing before what stands in front of it in the log: so how
// far all is acknowledged is one place.
//
// Threads:   belongs to one thread.
// Errors:    none.
// Lifetimes: owns what was put in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "feeds/decoding/assembly.h"
#include "feeds/decoding/pgoutput.h"
#include "feeds/decoding/snapshot.h"
#include "headrace/feed.h"

namespace headrace::postgres::decoding {

class Backlog {
 public:
  // REQUIRES: it comes after all that were added before.
  void add(Transaction transaction);

  // The changes that are next, at most `most` of them; none: what is in front cannot be read yet.
  [[nodiscard]] std::vector<SourceChange> next(const Snapshot& snapshot, std::size_t most) const;
  // So many of them, from the front, are done with.  Returns when the last of the transactions of
  // which nothing is left was committed, and when the first of them was; none: there is none.
  struct Done {
    std::int64_t first = 0;
    std::int64_t last = 0;
  };
  std::optional<Done> acknowledged(std::size_t changes);

  [[nodiscard]] bool is_empty() const noexcept { return waiting_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }  // In changes.
  [[nodiscard]] bool shows_front(const Snapshot& snapshot) const {
    return !is_empty() && snapshot.shows(waiting_.front().number);
  }
  // All that was committed before it is acknowledged.  `heard`: how far the stream has come.
  [[nodiscard]] LogPlace position(LogPlace heard) const {
    return is_empty() ? heard : waiting_.front().commit;
  }

 private:
  std::vector<Transaction> waiting_;
  std::size_t done_of_front_ = 0;  // Changes.
  std::size_t size_ = 0;
};

}  // namespace headrace::postgres::decoding
