// replay/source_db.h: the SQLite database that a replay reads from and writes to.
//
// One table, users, whose rows count their own versions.  Readers come through Headrace's SQLite
// source; this is the application's own, writing side.
//
// Threads:   one SourceDb belongs to one thread at a time; several may be open on one file.
// Errors:    returned: source_unavailable with SQLite's own words.
// Lifetimes: closes its connection when destroyed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headrace::replay {

inline constexpr char users_table[] = "users";

class SourceDb {
 public:
  using Progress = std::function<void(std::uint64_t done, std::uint64_t all)>;

  // Makes the file with `users` rows, numbered from 0, in version 1.  Replaces nothing: a file that
  // is there already is refused.
  static Result<void> make(const std::string& path, std::uint64_t users, const Progress& progress);

  // Opens a file that make() has made, to write.
  static Result<SourceDb> open(const std::string& path);

  // How many rows make() made.
  Result<std::uint64_t> users();
  // Every row whose version is not 1 or that was created since, with its version.
  Result<std::vector<std::pair<std::uint64_t, std::uint64_t>>> changed();

  // Commits `version` of this user's row in a transaction of its own: a change of the row that has
  // the version before, or, for version 1, its creation.
  Result<void> write(std::uint64_t user, std::uint64_t version);

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using Database = std::unique_ptr<sqlite3, Close>;
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;

  explicit SourceDb(Database database) : database_(std::move(database)) {}
  static Result<Database> connect(const std::string& path, int flags);
  static Result<void> run(sqlite3* database, const char* sql);
  static Result<Statement> prepare(sqlite3* database, const char* sql);
  static Result<void> fill(sqlite3* database, std::uint64_t users, const Progress& progress);
  static void bind_row(sqlite3_stmt* statement, std::uint64_t user);
  Result<void> step(sqlite3_stmt* statement);

  Database database_;
  Statement update_{};
  Statement insert_{};
};

}  // namespace headrace::replay
