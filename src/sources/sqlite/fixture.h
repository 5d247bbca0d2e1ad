// A database file with a few tables, and the means to ask it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "headrace/sources/sqlite.h"
#include "kit/folder.h"
#include "kit/pump.h"

namespace headrace {

// A connection that may write, as the application behind the cache has.
class Writer {
 public:
  explicit Writer(const std::string& path) { sqlite3_open(path.c_str(), &database_); }
  ~Writer() { sqlite3_close(database_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void run(const std::string& sql) {
    char* fault = nullptr;
    sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, &fault);
    EXPECT_EQ(fault, nullptr) << fault;
    sqlite3_free(fault);
  }

 private:
  sqlite3* database_ = nullptr;
};

class SqliteSourceTest : public testing::Test {
 protected:
  SqliteSourceTest() {
    writer_.run(R"(
      CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, score REAL, photo BLOB, secret TEXT);
      INSERT INTO users VALUES (7, 'Ada', 1.5, x'00ff', 's1');
      INSERT INTO users VALUES (8, 'Bob', NULL, NULL, 's2');
      CREATE TABLE codes(code TEXT, meaning TEXT);
      INSERT INTO codes VALUES ('7', 'seven'), ('007', 'Bond'), ('', 'nothing');
      CREATE TABLE loose(k, v); INSERT INTO loose VALUES (7, 'number'), ('7', 'text');
      CREATE TABLE orders(user INTEGER, total INTEGER);
      INSERT INTO orders VALUES (7, 10), (7, 20), (8, 30);
      CREATE TABLE "odd ""one"(id TEXT, "a ""b" TEXT);
      INSERT INTO "odd ""one" VALUES ('x', 'y');)");
  }

  std::shared_ptr<SqliteDatabase> open(SqliteDatabaseOptions options = {}) {
    options.path = path_;
    auto database = open_sqlite_database(options, pump_, pump_);
    EXPECT_TRUE(database.has_value()) << database.error().what;
    return database.value_or(nullptr);
  }
  std::shared_ptr<Source> ask(SqliteQuestion question) {
    auto source = ask_sqlite(open(), std::move(question));
    EXPECT_TRUE(source.has_value()) << source.error().what;
    return source.value_or(nullptr);
  }
  Fetch fetch_of(std::string entity) const {
    return {.entity = std::move(entity), .deadline = pump_.now() + std::chrono::seconds(10)};
  }
  Result<Fetched> read(Source& source, std::string entity) {
    auto answer = pump_.wait_for(source.fetch(fetch_of(std::move(entity))));
    return answer ? std::move(*answer) : failure(Code::closed, "no answer came");
  }
  std::vector<Result<Fetched>> read_many(Source& source, const std::vector<std::string>& entities) {
    std::vector<Fetch> fetches;
    for (const std::string& entity : entities) fetches.push_back(fetch_of(entity));
    return pump_.wait_for(source.fetch_many(std::move(fetches)))
        .value_or(std::vector<Result<Fetched>>());
  }
  // What was answered, in a word.
  static std::string shown(const Result<Fetched>& answer) {
    if (!answer) return std::string(name_of(answer.error().code)) + ": " + answer.error().what;
    return answer->kind == Kind::value ? answer->payload : std::string(name_of(answer->kind));
  }

  kit::TemporaryFolder folder_;
  const std::string path_ = folder_.file("app.db");
  Writer writer_{path_};
  kit::Pump pump_;
};

}  // namespace headrace
