// headrace/revision_triggers.h: what has to stand in a SQL database so that it keeps revisions.
//
// Triggers on a part's tables, a few tables of Headrace's own, and functions where the database has
// them.  All of it comes and goes in SQL that people can read before it runs.
//
// Threads:   belongs to one thread, which waits for the database.
// Errors:    source_unavailable; source_failed and invalid_argument with the database's own words:
//            there is no such table or column, it cannot have such triggers, no right to it.
// Lifetimes: arguments are borrowed for the call.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/revisions.h"

namespace headrace {

class RevisionTriggers {
 public:
  // What keeps the revision of one part, of all its values if it names a column.
  struct Kept {
    Part part{};                         // Named as the database does, without a value.
    std::vector<std::string> by{};       // Triggers, each with its table.
    std::vector<std::string> missing{};  // For people.  Empty: the revision is kept.
  };

  virtual ~RevisionTriggers() = default;

  // The parts' values do not matter, here and below.  No parts: all that were ever installed.
  [[nodiscard]] virtual Result<std::vector<Kept>> check(const std::vector<Part>& parts) = 0;

  // The SQL that makes what is missing, in one transaction.  Empty: nothing is.
  // REQUIRES: not parts.empty().
  [[nodiscard]] virtual Result<std::string> install(const std::vector<Part>& parts) = 0;

  // The SQL that removes what keeps these parts; no parts: all there is of Headrace.  Empty:
  // nothing is there.
  [[nodiscard]] virtual Result<std::string> uninstall(const std::vector<Part>& parts) = 0;

  // Runs such SQL: all of it, or none.
  [[nodiscard]] virtual Result<void> apply(const std::string& sql) = 0;
};

}  // namespace headrace
