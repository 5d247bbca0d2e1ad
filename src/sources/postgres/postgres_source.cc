#include <libpq-fe.h>

#include <cassert>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "headrace/sources/postgres.h"
#include "sources/postgres/database.h"
#include "sources/postgres/question.h"

namespace headrace {

namespace {

class PostgresSource final : public Source {
 public:
  PostgresSource(std::shared_ptr<PostgresDatabase> database, postgres::Question question)
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
    postgres::Reading reading(*database_, question_, std::move(fetches));
    co_await reading;
    co_return std::move(reading.answers);
  }

  std::size_t batch_max() const noexcept override {
    return question_.batch.empty() ? 1 : postgres_batch_max;
  }

  std::vector<Dependency> dependencies() const override { return question_.reads; }

  bool is_writable() const noexcept override {
    return database_->options().writable && question_.is_writable;
  }

  Task<Result<Fetched>> fetch_for_update(Fetch fetch) override {
    if (!is_writable()) co_return not_writable();
    postgres::ReadingForUpdate reading(*database_, question_, std::move(fetch));
    co_await reading;
    co_return std::move(reading.answer);
  }

  Task<Result<Written>> write(Write write) override {
    if (!is_writable()) co_return not_writable();
    postgres::Writing writing(*database_, question_, std::move(write));
    co_await writing;
    co_return std::move(writing.outcome);
  }

 private:
  static std::unexpected<Error> not_writable() {
    return failure(Code::invalid_argument, "this PostgreSQL source cannot be written to");
  }

  const std::shared_ptr<PostgresDatabase> database_;
  const postgres::Question question_;
};

// Where the connection leads, without users and passwords; or what is wrong with it, without its
// own words, which may hold a password.
Result<std::string> identity_of(const std::string& connection) {
  using Parsed = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;
  const Parsed parsed(PQconninfoParse(connection.c_str(), nullptr), &PQconninfoFree);
  if (!parsed) {
    return failure(Code::invalid_argument,
                   "this is no connection string of PostgreSQL, as \"host=db dbname=app "
                   "user=headrace sslmode=verify-full\" is one");
  }
  const auto value = [&parsed](std::string_view keyword) {
    for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; ++one) {
      if (keyword == one->keyword && one->val != nullptr) return std::string(one->val);
    }
    return std::string();
  };
  const std::string host = value("host").empty() ? value("hostaddr") : value("host");
  const std::string port = value("port");
  const std::string name = value("dbname").empty() ? value("user") : value("dbname");
  return "postgres " + host + ":" + (port.empty() ? "5432" : port) + "/" + name;
}

}  // namespace

Result<std::shared_ptr<PostgresDatabase>> open_postgres_database(PostgresDatabaseOptions options,
                                                                 Clock& clock, Executor& executor) {
  const bool sound = !options.connection.empty() && options.sessions > 0 && options.queue_max > 0 &&
                     options.connect_within > Duration::zero();
  if (!sound) {
    return failure(Code::invalid_argument,
                   "a PostgreSQL database needs a connection, sessions and queue_max of at least "
                   "1, and connect_within of more than zero");
  }
  Result<std::string> identity = identity_of(options.connection);
  if (!identity) return std::unexpected(std::move(identity.error()));
  auto database =
      std::make_shared<PostgresDatabase>(std::move(options), *std::move(identity), clock, executor);
  if (!database->is_made()) {
    return failure(Code::source_unavailable, "no descriptor is left for a PostgreSQL database");
  }
  return database;
}

const std::string& identity_of(const PostgresDatabase& database) {
  return database.identity();
}

Result<std::shared_ptr<Source>> ask_postgres(std::shared_ptr<PostgresDatabase> database,
                                             SqlQuestion question) {
  assert(database);
  Result<postgres::Question> made = database->make_question(std::move(question));
  if (!made) return std::unexpected(std::move(made.error()));
  return std::make_shared<PostgresSource>(std::move(database), std::move(*made));
}

}  // namespace headrace
