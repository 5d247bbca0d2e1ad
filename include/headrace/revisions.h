// headrace/revisions.h: the port to the revisions of a source's parts.
//
// A part is a table, or those of its rows that have one value in one column.  Its revision is a
// text that is another one after every commit that changed any of it, whoever made the change and
// in whatever order commits show; and the same one as long as nothing has changed.  Texts are
// compared for equality only: they have no order, and one that is gone never comes back.
//
// So what was read after its parts' revisions were read holds for as long as those are the same.
//
// Threads:   any member may be called from any thread; a task ends on any thread.
// Errors:    source_unavailable, source_failed, timed_out, refused; invalid_argument: nobody keeps
//            the revision of a part, which the text names.
// Lifetimes: arguments are taken by value.  It must outlive its tasks.
#pragma once

#include <compare>
#include <cstddef>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/task.h"
#include "headrace/time.h"

namespace headrace {

struct Part {
  std::string table{};
  std::string column{};  // Empty: all of the table.
  std::string value{};   // That the column has, as text.

  friend auto operator<=>(const Part&, const Part&) = default;
};

struct PartRevision {
  std::string text{};
  // Part::value is how the source itself spells that value, where it tells of changes.  False if it
  // is found, but by another spelling, as 7 by "007"; or if nobody can tell.
  bool own_spelling = true;

  friend bool operator==(const PartRevision&, const PartRevision&) = default;
};
using PartRevisions = std::vector<PartRevision>;

class Revisions {
 public:
  static constexpr std::size_t parts_max = 256;  // In one question.

  virtual ~Revisions() = default;

  // The revision of each part, in the order of `parts`, as they all were at one moment after the
  // call.  Never empty.  One small read of the source; it may cost less where nothing has changed.
  // REQUIRES: 0 < parts.size() <= parts_max.
  [[nodiscard]] virtual Task<Result<PartRevisions>> read(std::vector<Part> parts,
                                                         Instant deadline) = 0;
};

}  // namespace headrace
