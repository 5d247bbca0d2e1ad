// sources/sqlite/revisions.h: reads revisions over one connection, and remembers them.
//
// As long as nobody has committed anything to the file, which SQLite tells of cheaply, they are the
// same as when they were read last.
//
// Threads:   belongs to the connection's thread.
// Errors:    invalid_argument: nobody keeps one; else the connection's.
// Lifetimes: must be gone, or forget(), before its connection is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "headrace/revisions.h"
#include "sources/sqlite/keeping.h"
#include "sqlite/connection.h"

namespace headrace::sqlite {

class RevisionReader {
 public:
  static constexpr std::size_t parts_remembered_max = 4096;
  static constexpr std::size_t keepings_remembered_max = 256;

  // REQUIRES: the same connection each time, which never writes.
  [[nodiscard]] Result<PartRevisions> read(const std::vector<Part>& parts, Connection& connection);
  void forget();

 private:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] static Result<std::int64_t> number(const Statement& statement,
                                                   Connection& connection);
  [[nodiscard]] bool recall(const std::vector<Part>& parts, PartRevisions& all) const;
  [[nodiscard]] Result<PartRevisions> read_anew(const std::vector<Part>& parts,
                                                Connection& connection);
  // Whose triggers are all there.
  [[nodiscard]] Result<const Keeping*> kept(const Part& part, Connection& connection);
  [[nodiscard]] Result<PartRevision> read_one(const Part& part, Connection& connection);

  Statement data_version_;
  Statement schema_version_;
  Statement find_;
  std::int64_t data_ = 0;  // The version of what is remembered.
  std::int64_t schema_ = 0;
  std::map<Part, PartRevision> remembered_;
  std::map<Part, Keeping> keepings_;  // By the part without its value.
};

}  // namespace headrace::sqlite
