#include "headrace/sources/sqlite.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "sources/sqlite/database.h"
#include "sources/sqlite/question.h"
#include "sources/sqlite/row.h"
#include "sources/sqlite/writer.h"
#include "sqlite/connection.h"

namespace headrace {

namespace {

class SqliteSource final : public Source {
 public:
  // `whole` has the fields that may be written besides.
  SqliteSource(std::shared_ptr<SqliteDatabase> database, sqlite::Question question,
               sqlite::Question whole)
      : database_(std::move(database)), question_(std::move(question)), whole_(std::move(whole)) {}

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

  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override {
    if (!is_writable()) co_return not_writable();
    std::vector<Fetch> one;
    one.push_back(std::move(fetch));
    sqlite::Read read(*database_, whole_, std::move(one));
    co_await read;
    Result<Fetched> fetched = std::move(read.answers.front());
    if (fetched && fetched->kind == Kind::value) {
      fetched->revision = sqlite::state_of(fetched->payload);
    }
    co_return fetched;
  }

  Task<Result<Written>> write(Write write) override {
    if (!is_writable()) co_return not_writable();
    sqlite::PendingWrite pending{.writer = *database_->writer(),
                                 .question = question_,
                                 .whole = whole_,
                                 .write = std::move(write)};
    co_await pending;
    co_return std::move(pending.outcome);
  }

 private:
  static std::unexpected<Error> not_writable() {
    return failure(Code::invalid_argument, "this SQLite source cannot be written to");
  }

  const std::shared_ptr<SqliteDatabase> database_;
  const sqlite::Question question_;
  const sqlite::Question whole_;
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
  SqliteQuestion all = question;
  for (const std::string& field : question.writable) {
    if (std::ranges::count(all.fields, field) == 0) all.fields.push_back(field);
  }
  Result<sqlite::Question> made = sqlite::make_question(std::move(question), *connection);
  if (!made) return std::unexpected(std::move(made.error()));
  for (Dependency& read : made->reads) read.database = database->identity();
  Result<sqlite::Question> whole = sqlite::make_question(std::move(all), *connection);
  if (!whole) return std::unexpected(std::move(whole.error()));
  return std::make_shared<SqliteSource>(std::move(database), std::move(*made), std::move(*whole));
}

}  // namespace headrace
