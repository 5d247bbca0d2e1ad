// A database file with a few tables, who writes to it, and feeds that follow.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "headrace/feeds/sqlite.h"
#include "headrace/runtime.h"
#include "kit/ear_of_feed.h"
#include "kit/eventually.h"
#include "kit/folder.h"

namespace headrace {

using kit::Ear;

// A connection of anybody's.
class Writer {
 public:
  explicit Writer(const std::string& path) {
    sqlite3_open(path.c_str(), &database_);
    sqlite3_busy_timeout(database_, 10'000);
  }
  ~Writer() { sqlite3_close(database_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  [[nodiscard]] sqlite3* raw() const { return database_; }

  // What came of it: "a|b\nc|d", NULL as "(nil)"; or its fault behind a "-".
  std::string ask(const std::string& sql) {
    std::string rows;
    char* fault = nullptr;
    const auto add = [](void* to, int count, char** texts, char**) {
      std::string& all = *static_cast<std::string*>(to);
      if (!all.empty()) all += '\n';
      for (int i = 0; i < count; ++i) {
        if (i > 0) all += '|';
        all += texts[i] == nullptr ? "(nil)" : texts[i];
      }
      return 0;
    };
    sqlite3_exec(database_, sql.c_str(), add, &rows, &fault);
    if (fault != nullptr) rows = "-" + std::string(fault);
    sqlite3_free(fault);
    return rows;
  }
  // A refusal fails the test.
  std::string run(const std::string& sql) {
    std::string rows = ask(sql);
    EXPECT_FALSE(rows.starts_with('-')) << rows << "\n" << sql;
    return rows;
  }

 private:
  sqlite3* database_ = nullptr;
};

class SqliteFeedTest : public testing::Test {
 protected:
  SqliteFeedTest() {
    run("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = 1;"
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, owner INTEGER, price);"
        "CREATE TABLE orders(number INTEGER PRIMARY KEY, "
        "owner INTEGER REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE);");
  }
  void TearDown() override {
    for (const auto& feed : feeds_) feed->close();
    feeds_.clear();
    runtime_.stop();
  }

  std::string run(const std::string& sql) { return writer_.run(sql); }
  void install() {
    const Result<void> installed = install_sqlite_outbox(path_, outbox_);
    ASSERT_TRUE(installed) << installed.error().what;
  }
  std::string lack() {
    const auto lack = check_sqlite_outbox(path_, outbox_);
    return lack ? *lack : "error: " + lack.error().what;
  }
  // What is in the outbox, which is emptied: table, what was done, key, fields and values.
  std::string taken() {
    const std::string rows =
        run("SELECT tbl, op, key, fields, vals FROM headrace_outbox_headrace ORDER BY id");
    run("DELETE FROM headrace_outbox_headrace");
    return rows;
  }

  SqliteFeedOptions options() const {
    return {.path = path_,
            .outbox = outbox_,
            .database = "the database",
            .retry_after_max = std::chrono::milliseconds(200)};
  }
  SqliteFeed& follow(SqliteFeedOptions options, Ear& ear) {
    auto feed = open_sqlite_feed(std::move(options), runtime_, runtime_);
    EXPECT_TRUE(feed) << feed.error().what;
    feeds_.push_back(std::move(*feed));
    feeds_.back()->begin(ear);
    return *feeds_.back();
  }
  // Once all that is there now is acknowledged.
  bool is_proved(const Ear& ear) {
    const Instant now = runtime_.now();
    return kit::eventually([&] { return ear.proved_at() >= now; });
  }

  kit::TemporaryFolder folder_;
  const std::string path_ = folder_.file("app.db");
  Writer writer_{path_};
  SqliteOutbox outbox_{.tables = {{.table = "users", .values = {"owner"}}, {.table = "orders"}}};
  Runtime runtime_{{.threads = 2}};
  Ear ear_{runtime_};
  Ear other_{runtime_};
  std::vector<std::unique_ptr<SqliteFeed>> feeds_;
};

}  // namespace headrace
