// A PostgreSQL that all tests of the program share, and in it a database for each.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/runtime.h"
#include "headrace/sources/postgres.h"
#include "headrace/sync.h"
#include "kit/postgres_client.h"
#include "kit/postgres_server.h"
#include "kit/start_or_skip.h"

namespace headrace {

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

class PostgresSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    KIT_START(found, shared_postgres->get());
    server_ = found;
    static int number = 0;
    name_ = "app" + std::to_string(++number);
    server_->query("CREATE DATABASE " + name_);
    auto client =
        kit::PostgresClient::connect(server_->port(), {{"user", "postgres"}, {"database", name_}});
    ASSERT_TRUE(client) << client.error().what;
    client_ = std::move(*client);
    run("CREATE TABLE users(id int PRIMARY KEY, name text NOT NULL, score float8, photo bytea, "
        "price numeric(20, 5), since timestamptz, tags text[], profile jsonb, "
        "active bool DEFAULT true); "
        "INSERT INTO users(id, name, score, photo, price, since, tags, profile) VALUES "
        "(7, 'Ada', 1.5, '\\x00ff', 12345678901234.50000, "
        "'2026-01-02 03:04:05.678901+01', ARRAY['a', 'b \"c'], '{\"x\": [1, null]}'), "
        "(8, 'Bob', NULL, NULL, NULL, NULL, NULL, NULL); "
        "CREATE TABLE orders(number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "owner int REFERENCES users ON DELETE CASCADE, total int); "
        "INSERT INTO orders(owner, total) VALUES (7, 10), (7, 20), (8, 30)");
  }
  void TearDown() override { runtime_.stop(); }

  // What came of it in the database; a refusal fails the test.
  std::string run(const std::string& sql) {
    auto said = client_->query(sql);
    EXPECT_TRUE(said && !said->starts_with('-')) << (said ? *said : said.error().what);
    return said.value_or("");
  }
  std::string connection() const {
    return "host=127.0.0.1 port=" + std::to_string(server_->port()) +
           " user=postgres dbname=" + name_;
  }
  std::shared_ptr<PostgresDatabase> open(PostgresDatabaseOptions options = {}) {
    if (options.connection.empty()) options.connection = connection();
    auto database = open_postgres_database(std::move(options), runtime_, runtime_);
    EXPECT_TRUE(database.has_value()) << database.error().what;
    return database.value_or(nullptr);
  }
  std::shared_ptr<Source> ask(SqlQuestion question, PostgresDatabaseOptions options = {}) {
    auto source = ask_postgres(open(std::move(options)), std::move(question));
    EXPECT_TRUE(source.has_value()) << source.error().what;
    return source.value_or(nullptr);
  }
  // What is wrong with the question.
  std::string fault(SqlQuestion question) {
    const auto source = ask_postgres(open(), std::move(question));
    if (source) return "none";
    return std::string(name_of(source.error().code)) + ": " + source.error().what;
  }
  Fetch fetch_of(std::string entity, Duration within = std::chrono::seconds(20)) const {
    return {.entity = std::move(entity), .deadline = runtime_.now() + within};
  }
  Result<Fetched> read(Source& source, std::string entity) {
    return wait(source.fetch(fetch_of(std::move(entity))));
  }
  std::vector<Result<Fetched>> read_many(Source& source, const std::vector<std::string>& entities) {
    std::vector<Fetch> fetches;
    for (const std::string& entity : entities) fetches.push_back(fetch_of(entity));
    return wait(source.fetch_many(std::move(fetches)));
  }
  // What was answered, in a word.
  static std::string shown(const Result<Fetched>& answer) {
    if (!answer) return std::string(name_of(answer.error().code)) + ": " + answer.error().what;
    return answer->kind == Kind::value ? answer->payload : std::string(name_of(answer->kind));
  }

  kit::PostgresServer* server_ = nullptr;
  std::string name_;
  std::optional<kit::PostgresClient> client_;
  Runtime runtime_{{.threads = 2}};
};

}  // namespace headrace
