// A PostgreSQL that all tests of the program share, and in it a database for each.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/feeds/postgres.h"
#include "headrace/runtime.h"
#include "kit/ear_of_feed.h"
#include "kit/eventually.h"
#include "kit/postgres_client.h"
#include "kit/postgres_server.h"
#include "kit/start_or_skip.h"

namespace headrace {

using kit::Ear;

// Started by the first test that asks for it.
class SharedPostgres final : public testing::Environment {
 public:
  void TearDown() override { server_.reset(); }
  Result<kit::PostgresServer*> get() {
    if (!server_) server_.emplace(kit::PostgresServer::start());
    if (!*server_) return std::unexpected(server_->error());
    return (*server_)->get();
  }

 private:
  std::optional<Result<std::unique_ptr<kit::PostgresServer>>> server_;
};

inline SharedPostgres* const shared_postgres = static_cast<SharedPostgres*>(
    testing::AddGlobalTestEnvironment(std::make_unique<SharedPostgres>().release()));

class PostgresFeedTest : public testing::Test {
 protected:
  void SetUp() override {
    KIT_START(found, shared_postgres->get());
    server_ = found;
    set_up_database();
  }
  void TearDown() override {
    for (const auto& feed : feeds_) feed->close();
    feeds_.clear();
    runtime_.stop();
  }

  void set_up_database() {
    static int number = 0;
    name_ = "app" + std::to_string(++number);
    server_->query("CREATE DATABASE " + name_);
    client_.emplace(connect("postgres"));
    run("DO $$ BEGIN CREATE ROLE writer LOGIN; EXCEPTION WHEN OTHERS THEN END $$");
    run("CREATE TABLE users(id int PRIMARY KEY, name text, owner int, price numeric); "
        "CREATE TABLE orders(number int PRIMARY KEY, "
        "owner int REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE); "
        "GRANT ALL ON users, orders TO writer");
  }
  kit::PostgresClient connect(const std::string& user) const {
    auto client =
        kit::PostgresClient::connect(server_->port(), {{"user", user}, {"database", name_}});
    EXPECT_TRUE(client) << client.error().what;
    return std::move(*client);
  }
  // What came of it in the database; a refusal fails the test.
  static std::string run(kit::PostgresClient& client, const std::string& sql) {
    auto said = client.query(sql);
    EXPECT_TRUE(said && !said->starts_with('-')) << (said ? *said : said.error().what);
    return said.value_or("");
  }
  std::string run(const std::string& sql) { return run(*client_, sql); }

  PostgresLogin login(int port) const {
    return {.connection =
                "host=127.0.0.1 port=" + std::to_string(port) + " user=postgres dbname=" + name_};
  }
  PostgresLogin login() const { return login(server_->port()); }
  void install() {
    const Result<void> installed = install_postgres_outbox(login(), outbox_, runtime_);
    ASSERT_TRUE(installed) << installed.error().what;
  }
  std::string lack() {
    const auto lack = check_postgres_outbox(login(), outbox_, runtime_);
    return lack ? *lack : "error: " + lack.error().what;
  }
  // What is in the outbox, which is emptied: table, what was done, key, fields and values.
  std::string taken() {
    const std::string rows =
        run("SELECT tbl, op, key, fields, vals FROM headrace.outbox "
            "ORDER BY tbl, op, key, fields, vals");
    run("DELETE FROM headrace.outbox");
    return rows.starts_with("SELECT") ? "" : rows;
  }

  PostgresFeedOptions options() const {
    return {.login = login(),
            .outbox = outbox_,
            .database = "the database",
            .poll_every = std::chrono::milliseconds(20),
            .retry_after_max = std::chrono::milliseconds(200)};
  }
  Feed& follow(PostgresFeedOptions options, Ear& ear) {
    auto feed = open_postgres_feed(std::move(options), runtime_, runtime_);
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

  kit::PostgresServer* server_ = nullptr;
  std::string name_;
  std::optional<kit::PostgresClient> client_;
  PostgresOutbox outbox_{.tables = {{.table = "users", .values = {"owner"}}, {.table = "orders"}}};
  Runtime runtime_{{.threads = 2}};
  Ear ear_{runtime_};
  Ear other_{runtime_};
  std::vector<std::unique_ptr<Feed>> feeds_;
};

}  // namespace headrace
