// A PostgreSQL that all tests of the program share, and in it a database for each.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/feeds/decoding.h"
#include "headrace/runtime.h"
#include "kit/ear_of_feed.h"
#include "kit/eventually.h"
#include "kit/postgres_client.h"
#include "kit/postgres_server.h"
#include "kit/start_or_skip.h"

namespace headrace {

using kit::Ear;
using kit::eventually;

// Started by the first test that asks for it.
class SharedPostgres final : public testing::Environment {
 public:
  void TearDown() override { server_.reset(); }
  Result<kit::PostgresServer*> get() {
    if (!server_) {
      server_.emplace(kit::PostgresServer::start(
          {.settings = {"max_replication_slots=100", "max_wal_senders=20",
                        "max_prepared_transactions=5"}}));
    }
    if (!*server_) return std::unexpected(server_->error());
    return (*server_)->get();
  }

 private:
  std::optional<Result<std::unique_ptr<kit::PostgresServer>>> server_;
};

inline SharedPostgres* const shared_postgres = static_cast<SharedPostgres*>(
    testing::AddGlobalTestEnvironment(std::make_unique<SharedPostgres>().release()));

class DecodingTest : public testing::Test {
 protected:
  void SetUp() override {
    KIT_START(found, shared_postgres->get());
    server_ = found;
    set_up_database();
  }
  // A slot that nobody reads holds the others' log back, and their dead rows.
  void TearDown() override {
    for (const auto& feed : feeds_) feed->close();
    feeds_.clear();
    if (client_) {
      EXPECT_TRUE(eventually([this] {
        return server_->query(
                   "SELECT count(pg_drop_replication_slot(slot_name)) "
                   "FROM pg_replication_slots WHERE NOT active") == "0";
      }));
    }
    runtime_.stop();
  }

  void set_up_database() {
    static int number = 0;
    name_ = "app" + std::to_string(++number);
    server_->query("CREATE DATABASE " + name_);
    client_.emplace(connect("postgres"));
    run("CREATE TABLE users(id int PRIMARY KEY, name text, owner int, price numeric); "
        "CREATE TABLE orders(number int PRIMARY KEY, "
        "owner int REFERENCES users ON DELETE CASCADE ON UPDATE CASCADE)");
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
  std::string slot() { return run("SELECT slot FROM headrace.decoding_feeds"); }

  PostgresLogin login(int port, const std::string& user = "postgres") const {
    return {.connection = "host=127.0.0.1 port=" + std::to_string(port) + " user=" + user +
                          " dbname=" + name_};
  }
  PostgresLogin login() const { return login(server_->port()); }
  void install() {
    const Result<void> installed = install_postgres_decoding(login(), decoding_, runtime_);
    ASSERT_TRUE(installed) << installed.error().what;
  }
  std::string lack() {
    const auto lack = check_postgres_decoding(login(), decoding_, runtime_);
    return lack ? *lack : "error: " + lack.error().what;
  }

  PostgresDecodingOptions options() const {
    return {.login = login(),
            .decoding = decoding_,
            .database = "the database",
            .poll_every = std::chrono::milliseconds(20),
            .retry_after_max = std::chrono::milliseconds(200)};
  }
  Feed& follow(PostgresDecodingOptions options, Ear& ear) {
    auto feed = open_postgres_decoding(std::move(options), runtime_, runtime_);
    EXPECT_TRUE(feed) << feed.error().what;
    feeds_.push_back(std::move(*feed));
    feeds_.back()->begin(ear);
    return *feeds_.back();
  }
  // Once all that is there now is acknowledged.
  bool is_proved(const Ear& ear) {
    const Instant now = runtime_.now();
    return eventually([&] { return ear.proved_at() >= now; });
  }
  // One that has told of the loss which comes first.
  Feed& follow_from_now(PostgresDecodingOptions options) {
    Feed& feed = follow(std::move(options), ear_);
    EXPECT_TRUE(is_proved(ear_)) << feed.health().trouble;
    EXPECT_EQ(ear_.losses(), 1);
    return feed;
  }
  Feed& follow_from_now() { return follow_from_now(options()); }
  bool is_told(const Ear& ear, const std::string& change) {
    return eventually([&] { return std::ranges::count(ear.told(), change) > 0; });
  }
  bool is_acknowledged(const std::string& change) {
    return eventually([&] { return std::ranges::count(ear_.acknowledged(), change) > 0; });
  }
  bool has_lost(int times) {
    return eventually([&] { return ear_.losses() == times; });
  }
  bool is_troubled(const Feed& feed, const std::string& words) {
    return eventually([&] { return feed.health().trouble.contains(words); });
  }
  bool is_well(const Feed& feed) {
    return eventually([&] { return feed.health().trouble.empty(); });
  }
  // For what must not happen meanwhile.
  void let_pass(Duration duration) {
    const Instant until = runtime_.now() + duration;
    EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  }

  kit::PostgresServer* server_ = nullptr;
  std::string name_;
  std::optional<kit::PostgresClient> client_;
  PostgresDecoding decoding_{
      .tables = {{.table = "users", .values = {"owner"}}, {.table = "orders"}}};
  Runtime runtime_{{.threads = 2}};
  Ear ear_{runtime_};
  Ear other_{runtime_};
  std::vector<std::unique_ptr<Feed>> feeds_;
};

}  // namespace headrace
