// replay/sqlite_file.h: an act's own database, from the application's side.
//
// Threads:   any member may be called from any thread; one statement runs at a time.
// Errors:    source_unavailable, with SQLite's own words.
// Lifetimes: closes its connection when destroyed.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "headrace/result.h"
#include "replay/catalog.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headrace::replay {

class SqliteFile {
  struct Close {
    void operator()(sqlite3* database) const noexcept;
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using Database = std::unique_ptr<sqlite3, Close>;
  using Prepared = std::unique_ptr<sqlite3_stmt, Close>;

 public:
  // For make() alone.
  explicit SqliteFile(Database database) : database_(std::move(database)) {}

  // Makes the file and runs `sql`, which makes its tables.  A file that is there is refused.
  static Result<std::unique_ptr<SqliteFile>> make(const std::string& path, const std::string& sql);

  // All of it in one transaction, or nothing.
  [[nodiscard]] Result<void> run(const std::string& sql);
  struct Statement {
    std::string sql{};  // Kept prepared; say the same text for the same statement.
    std::vector<Value> values{};
  };
  [[nodiscard]] Result<void> run(const std::vector<Statement>& statements);

  // For what an application should not do.
  void switch_triggers_off();

 private:
  [[nodiscard]] Result<void> execute(const std::string& sql);
  [[nodiscard]] Result<void> step(const Statement& statement);
  [[nodiscard]] std::unexpected<Error> fault() const;

  std::mutex mutex_;
  Database database_;
  std::unordered_map<std::string, Prepared> prepared_;
};

}  // namespace headrace::replay
