// A PostgreSQL that all tests of the program share, in it a database for each, and a listener that
// notes what it is told and answers when the test lets it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "headrace/feeds/postgres.h"
#include "headrace/runtime.h"
#include "io/wakeup.h"
#include "kit/eventually.h"
#include "kit/postgres_client.h"
#include "kit/postgres_server.h"
#include "kit/start_or_skip.h"

namespace headrace {

// "public.users 7 name,score owner=1 owner=2"; "*" for any entity, "-" for any field.
inline std::string shown(const SourceChange& change) {
  std::string text = change.collection + " " + change.entity.value_or("*") + " ";
  for (const std::string& field : change.fields) text += (text.ends_with(' ') ? "" : ",") + field;
  if (change.fields.empty()) text += "-";
  for (const auto& [name, value] : change.values) {
    text += " ";
    text += name;
    text += "=";
    text += value;
  }
  return text;
}

class Ear final : public FeedListener {
 public:
  explicit Ear(Runtime& runtime) : runtime_(runtime) {}

  Task<Result<void>> changed(std::vector<SourceChange> changes) override {
    std::shared_ptr<io::Wakeup> held = hear(changes);
    if (held) (void)co_await held->waiting();
    co_return answer(std::move(changes));
  }
  Task<Result<void>> lost(std::string database) override {
    EXPECT_EQ(database, "the database");
    std::shared_ptr<io::Wakeup> held = hear({});
    if (held) (void)co_await held->waiting();
    const std::scoped_lock lock(mutex_);
    if (fails_) co_return failure(Code::store_unavailable, "told to fail");
    ++losses_;
    co_return Result<void>();
  }
  void proved(Instant at) override {
    const std::scoped_lock lock(mutex_);
    EXPECT_GE(at, proved_) << "proofs grow";
    proved_ = at;
  }

  // From now on calls are not answered until release(), as long as hold() is true.
  void hold() {
    const std::scoped_lock lock(mutex_);
    holds_ = true;
  }
  void release() {
    const std::scoped_lock lock(mutex_);
    holds_ = false;
    for (const auto& held : std::exchange(held_, {})) held->wake(io::Wakeup::By::grant);
  }
  void fail(bool fails) {
    const std::scoped_lock lock(mutex_);
    fails_ = fails;
  }
  // All that it was told, each as often as it was; and what it has acknowledged.
  std::vector<std::string> told() const {
    const std::scoped_lock lock(mutex_);
    return told_;
  }
  std::vector<std::string> acknowledged() const {
    const std::scoped_lock lock(mutex_);
    return acknowledged_;
  }
  std::size_t largest_batch() const {
    const std::scoped_lock lock(mutex_);
    return largest_batch_;
  }
  bool is_held() const {
    const std::scoped_lock lock(mutex_);
    return !held_.empty();
  }
  int losses() const {
    const std::scoped_lock lock(mutex_);
    return losses_;
  }
  Instant proved_at() const {
    const std::scoped_lock lock(mutex_);
    return proved_;
  }

 private:
  std::shared_ptr<io::Wakeup> hear(const std::vector<SourceChange>& changes) {
    const std::scoped_lock lock(mutex_);
    for (const SourceChange& change : changes) {
      EXPECT_EQ(change.database, "the database");
      told_.push_back(shown(change));
    }
    largest_batch_ = std::max(largest_batch_, changes.size());
    if (!holds_) return nullptr;
    held_.push_back(std::make_shared<io::Wakeup>(runtime_));
    return held_.back();
  }
  Result<void> answer(std::vector<SourceChange> changes) {
    const std::scoped_lock lock(mutex_);
    if (fails_) return failure(Code::store_unavailable, "told to fail");
    for (const SourceChange& change : changes) acknowledged_.push_back(shown(change));
    return {};
  }

  Runtime& runtime_;
  mutable std::mutex mutex_;
  bool holds_ = false;
  bool fails_ = false;
  std::vector<std::shared_ptr<io::Wakeup>> held_;
  std::vector<std::string> told_;
  std::vector<std::string> acknowledged_;
  std::size_t largest_batch_ = 0;
  int losses_ = 0;
  Instant proved_{};
};

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
