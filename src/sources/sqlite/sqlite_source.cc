#include "headrace/sources/sqlite.h"

#include <cassert>
#include <utility>

#include "sources/sqlite/connection.h"
#include "sources/sqlite/database.h"
#include "sources/sqlite/question.h"
#include "sources/sqlite/writer.h"

namespace headrace {

namespace {

class SqliteSource final : public Source {
 public:
  SqliteSource(std::shared_ptr<SqliteDatabase> database, sqlite::Question question)
      : database_(std::move(database)), question_(std::move(question)) {}

  Task<Result<Fetched>> fetch(Fetch fetch) override {
    std::vector<Fetch> one;
    one.push_back(std::move(fetch));
    Task<std::vector<Result<Fetched>>> task = fetch_many(std::move(one));
    std::vector<Result<Fetched>> answers = co_await std::move(task);
    co_return std::move(answers.front());
  }

  Task<std::vector<Result<Fetched>>> fetch_many(std::vector<Fetch> fetches) override {
    assert(!fetches.empty() && fetches.size() <= batch_max());
    sqlite::Read read(*database_, question_, std::move(fetches));
    co_await read;
    co_return std::move(read.answers);
  }

  std::size_t batch_max() const noexcept override {
    return question_.has_batches() ? sqlite::batch_entities_max : 1;
  }

  std::vector<Dependency> dependencies() const override { return question_.reads; }

  bool is_writable() const noexcept override {
    return database_->writer() != nullptr && !question_.asked.table.empty();
  }

  Task<Result<Written>> write(Write write) override {
    if (!is_writable()) {
      co_return failure(Code::invalid_argument, "this SQLite source cannot be written to");
    }
    sqlite::PendingWrite pending{
        .writer = *database_->writer(), .question = question_, .write = std::move(write)};
    co_await pending;
    co_return std::move(pending.outcome);
  }

 private:
  const std::shared_ptr<SqliteDatabase> database_;
  const sqlite::Question question_;
};

}  // namespace

Result<std::shared_ptr<SqliteDatabase>> open_sqlite_database(SqliteDatabaseOptions options,
                                                             Clock& clock, Executor& executor) {
  const bool sound = !options.path.empty() && options.threads > 0 && options.queue_max > 0 &&
                     options.delay_min >= Duration::zero() &&
                     options.delay_max >= options.delay_min;
  if (!sound) {
    return failure(Code::invalid_argument,
                   "a SQLite database needs a path, threads and queue_max of at least 1, and "
                   "delay_min of at most delay_max");
  }
  Result<sqlite::Connection> tried = sqlite::Connection::open(options.path);
  if (!tried) return std::unexpected(std::move(tried.error()));
  if (options.writable) {
    tried = sqlite::Connection::open(options.path, sqlite::Connection::Access::write);
    if (!tried) return std::unexpected(std::move(tried.error()));
    if (sqlite3_db_readonly(tried->raw(), "main") == 1) {
      return failure(Code::source_unavailable,
                     "SQLite database \"" + options.path + "\" may not be written to by this user");
    }
  }
  return std::make_shared<SqliteDatabase>(std::move(options), clock, executor);
}

Result<std::shared_ptr<Source>> ask_sqlite(std::shared_ptr<SqliteDatabase> database,
                                           SqliteQuestion question) {
  assert(database);
  Result<sqlite::Connection> connection = sqlite::Connection::open(database->options().path);
  if (!connection) return std::unexpected(std::move(connection.error()));
  Result<sqlite::Question> made = sqlite::make_question(std::move(question), *connection);
  if (!made) return std::unexpected(std::move(made.error()));
  for (Dependency& read : made->reads) read.database = database->identity();
  return std::make_shared<SqliteSource>(std::move(database), std::move(*made));
}

}  // namespace headrace
