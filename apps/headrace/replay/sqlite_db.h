// replay/sqlite_db.h: a SQLite database as the source of a replay, from the application's side.
//
// One table for each collection, and `made`, which says what it was made with.  Readers come
// through Headrace's SQLite source; this is the writing side.
//
// Threads:   as SourceDb; several may be open on one file.
// Errors:    as SourceDb.
// Lifetimes: closes its connection when destroyed.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "headrace/result.h"
#include "replay/backend.h"

struct sqlite3;
struct sqlite3_stmt;

namespace headrace::replay {

// The column that is the entity's number: "id" of a document, "owner" of a list's documents.
[[nodiscard]] std::string_view key_column(Collection collection);

class SqliteDb final : public SourceDb {
  struct Close {
    void operator()(sqlite3* database) const noexcept;
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  using Database = std::unique_ptr<sqlite3, Close>;
  using Statement = std::unique_ptr<sqlite3_stmt, Close>;

 public:
  // For open() alone.
  explicit SqliteDb(Database database) : database_(std::move(database)) {}

  // Makes the file with all entities of these collections as they are at the start.  Replaces
  // nothing: a file that is there already is refused.
  static Result<void> make(const std::string& path, const Population& population,
                           const std::vector<Collection>& collections,
                           const MakeProgress& progress);
  // Opens a file that make() has made, to write.
  static Result<std::unique_ptr<SqliteDb>> open(const std::string& path);

  Result<Population> population() override { return population_; }
  Result<std::vector<Standing>> changed(const std::vector<Collection>& collections) override;
  std::expected<Change::Kind, WriteFault> write(Entity entity, std::uint64_t version) override;

 private:
  struct Statements {
    Statement insert{};
    Statement update{};
    Statement remove{};
  };

  static Result<Database> connect(const std::string& path, int flags);
  static Result<void> run(sqlite3* database, const std::string& sql);
  static Result<Statement> prepare(sqlite3* database, const std::string& sql);
  static Result<void> fill(sqlite3* database, const Population& population,
                           const std::vector<Collection>& collections,
                           const MakeProgress& progress);
  static void bind(sqlite3_stmt* statement, const std::vector<Value>& values);
  Result<void> read_population();
  Result<Statements*> statements_of(Collection collection);
  Result<void> changed_in(Collection collection, std::vector<Standing>& standings);
  Result<void> step(sqlite3_stmt* statement);

  Database database_;
  Population population_{};
  std::array<Statements, collection_count> statements_{};  // Prepared when first needed.
};

}  // namespace headrace::replay
