// sqlite/connection.h: one connection and its statements, freed by themselves.
//
// Threads:   a connection belongs to one thread at a time.
// Errors:    source_unavailable (no file, no database, locked), invalid_argument (a constraint that
//            a write breaks), source_failed (anything else).
// Lifetimes: statements must be gone before their connection.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <string_view>

#include "headrace/result.h"

namespace headrace::sqlite {

struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

class Connection {
 public:
  enum class Access : unsigned char { read, write };
  [[nodiscard]] static Result<Connection> open(const std::string& path,
                                               Access access = Access::read);

  // Compiles the first statement of `sql`, and says what stands behind it.
  [[nodiscard]] Result<Statement> prepare(std::string_view sql, std::string_view* tail = nullptr);

  // Runs statements that answer nothing.
  [[nodiscard]] Result<void> run(const char* sql);

  // What SQLite says went wrong last, as an error of ours.
  [[nodiscard]] Error last_error() const;

  // Whether the last fault was the file's, so that only opening it again can help.
  [[nodiscard]] bool is_broken() const noexcept;

  [[nodiscard]] sqlite3* raw() const noexcept { return database_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
  };

  explicit Connection(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::unique_ptr<sqlite3, Close> database_;
};

}  // namespace headrace::sqlite
