// embedded/database.h: one SQLite connection and its prepared statements, owned.
//
// Threads:   one at a time for a connection and its statements.
// Errors:    damaged if SQLite says that the file is corrupt or no database, or if it is of another
//            version; else store_unavailable, with what to do if it is another program's.
// Lifetimes: statements must not outlive their database; bound blobs must outlive the step.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "headrace/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headrace::embedded {

class Statement {
 public:
  Statement() = default;

  // Positions count from 1.  A blob is not copied.
  Statement& bind(int at, std::int64_t number);
  Statement& bind(int at, std::string_view blob);

  // Moves to the next row; false, and ready to be bound again, if there is none or it failed.
  [[nodiscard]] Result<bool> step();
  // Steps to the end.
  [[nodiscard]] Result<void> run();
  void reset() noexcept;

  // Of the present row; columns count from 0.  A blob is valid until the next step or reset.
  [[nodiscard]] std::int64_t number(int column) const noexcept;
  [[nodiscard]] std::string_view blob(int column) const noexcept;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  int bound_ = 0;  // The first error that a bind() met.
};

// Resets a statement at the end of a scope, so that no row is left open.
class OpenRow {
 public:
  explicit OpenRow(Statement& statement) : statement_(statement) {}
  ~OpenRow() { statement_.reset(); }
  OpenRow(const OpenRow&) = delete;
  OpenRow& operator=(const OpenRow&) = delete;

 private:
  Statement& statement_;
};

// What a file holds, and how it is written.
struct Schema {
  std::int64_t application_id;  // Tells our kinds of files from each other, and from others'.
  std::int64_t version;
  std::string_view tables;       // What makes them.
  std::string_view synchronous;  // As the pragma of that name takes it.
};

class Database {
 public:
  Database() = default;

  // Opens the file, or makes it.
  [[nodiscard]] static Result<Database> open(const std::string& path);
  // The connection that writes; makes the tables in an empty file.  No more than `pages_max` pages,
  // unless that is 0.
  [[nodiscard]] static Result<Database> open_for_writing(const std::string& path,
                                                         const Schema& schema,
                                                         std::int64_t pages_max);
  // One that reads, beside it.
  [[nodiscard]] static Result<Database> open_for_reading(const std::string& path);

  [[nodiscard]] Result<Statement> prepare(std::string_view sql);
  // Runs statements that give no rows, or whose rows nobody wants.
  [[nodiscard]] Result<void> run(const std::string& sql);
  // The first column of the first row of `sql`; 0 if it has none.
  [[nodiscard]] Result<std::int64_t> number(std::string_view sql);
  // Leaves the open transaction, if there is one, without its changes.
  void roll_back() noexcept;
  // Copies what the log holds into the file; with `restart` waits for readers, so that it is
  // reused.
  enum class Checkpoint : std::uint8_t { passive, restart };
  void checkpoint(Checkpoint how) noexcept;
  [[nodiscard]] sqlite3* handle() const noexcept { return connection_.get(); }

 private:
  // Whether the file is of this kind and version (true) or has nothing in it yet (false).
  [[nodiscard]] Result<bool> is_of(const Schema& schema);
  // Has changes written to a log beside the file, so that readers and the writer do not wait for
  // each other.
  [[nodiscard]] Result<void> use_log();
  [[nodiscard]] Result<void> create(const Schema& schema);

  struct Close {
    void operator()(sqlite3* connection) const noexcept;
  };

  std::unique_ptr<sqlite3, Close> connection_;
};

}  // namespace headrace::embedded
