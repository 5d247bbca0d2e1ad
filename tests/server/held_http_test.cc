// Where a change holds, over HTTP: what a guarded write does in the store and to others, and what
// an invalidation says where there is a bus.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <future>
#include <memory>
#include <string>

#include "headrace/engine.h"
#include "headrace/runtime.h"
#include "headrace/sources/sqlite.h"
#include "headrace/stores/embedded.h"
#include "headrace/sync.h"
#include "kit/folder.h"
#include "kit/plain_bus.h"
#include "server/http/client_fixture.h"
#include "server/http/server.h"

namespace headrace {
namespace {

// One instance: an engine and its server.
class Instance {
 public:
  Instance(Runtime& runtime, Engine::Limits limits, Store* store, Bus* bus)
      : engine_(
            limits,
            {.clock = runtime, .executor = runtime, .random = runtime, .store = store, .bus = bus}),
        server_(
            HttpServer::make({.listen = "tcp://127.0.0.1:0"}, runtime, engine_, nullptr).value()) {}
  ~Instance() {
    server_->drain();
    server_.reset();
    wait(engine_.close());
  }
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void define(Policy policy, std::shared_ptr<Source> source) {
    auto codec = std::make_shared<const ValueCodec>(bytes_codec());
    const auto defined = engine_.define(std::move(policy), codec, std::move(source));
    ASSERT_TRUE(defined) << defined.error().what;
  }
  [[nodiscard]] wire::Response send(std::string method, std::string target, std::string body) {
    http::Client client(server_->address().port);
    return client.send_json(std::move(method), std::move(target), std::move(body));
  }
  [[nodiscard]] wire::Response get(std::string target) {
    http::Client client(server_->address().port);
    return client.get(std::move(target));
  }

 private:
  Engine engine_;
  std::unique_ptr<HttpServer> server_;
};

// A linearizable policy of a SQLite table, and two instances that share its store.
class GuardedHttpTest : public testing::Test {
 protected:
  GuardedHttpTest() {
    EXPECT_EQ(sqlite3_open(path_.c_str(), &database_), SQLITE_OK);
    // The writer that is kept waiting looks at the lock now and then: a COMMIT may meet it there.
    EXPECT_EQ(sqlite3_busy_timeout(database_, 20'000), SQLITE_OK);
    run("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
    run("INSERT INTO users VALUES (1, 'old')");
    auto opened = open_sqlite_database({.path = path_, .writable = true}, runtime_, runtime_);
    EXPECT_TRUE(opened) << opened.error().what;
    const auto source =
        ask_sqlite(*opened, {.table = "users", .fields = {"name"}, .writable = {"name"}});
    EXPECT_TRUE(source) << source.error().what;
    for (Instance* one : {&writer_, &reader_}) {
      one->define(
          {.name = "users", .fields = {"name"}, .writable = {"name"}, .level = Level::linearizable},
          *source);
    }
  }
  ~GuardedHttpTest() override { sqlite3_close(database_); }

  void run(const char* sql) {
    EXPECT_EQ(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
  }
  static std::string status_of(const wire::Response& response) {
    return std::string(response.header("cache-status").value_or("none"));
  }

  kit::TemporaryFolder folder_;
  std::string path_ = folder_.file("source.sqlite");
  sqlite3* database_ = nullptr;
  Runtime runtime_{{.threads = 2}};
  std::unique_ptr<Store> store_ =
      open_embedded_store({.path = folder_.file("store.sqlite")}, runtime_, runtime_, runtime_)
          .value();
  Instance writer_{runtime_, {}, store_.get(), nullptr};
  Instance reader_{runtime_, {}, store_.get(), nullptr};
};

TEST_F(GuardedHttpTest, AWriteIsGuardedUntilItHasEnded) {
  EXPECT_EQ(reader_.get("/v1/read/users/1").body, R"({"name":"old"})");
  run("BEGIN IMMEDIATE");  // The source cannot make the change yet.
  auto writing = std::async(std::launch::async, [this] {
    return writer_.send("PATCH", "/v1/source/users/1", R"({"name":"new"})");
  });
  const std::string guarded = "headrace; fwd=bypass; detail=guarded";
  EXPECT_TRUE(
      http::eventually([&] { return status_of(reader_.get("/v1/read/users/1")) == guarded; }));
  const wire::Response meanwhile = reader_.get("/v1/read/users/1");
  EXPECT_EQ(meanwhile.body, R"({"name":"old"})");
  EXPECT_EQ(status_of(meanwhile), guarded) << "what was read under the guard has been kept";
  EXPECT_EQ(store_->usage().guards, 1u);
  run("COMMIT");
  const wire::Response written = writing.get();
  EXPECT_EQ(written.status, 200) << written.body;
  EXPECT_TRUE(written.body.contains(R"("held":"everywhere")")) << written.body;
  EXPECT_EQ(store_->usage().guards, 0u);
  EXPECT_EQ(reader_.get("/v1/read/users/1").body, R"({"name":"new"})");
  EXPECT_TRUE(status_of(reader_.get("/v1/read/users/1")).contains("hit"));
}

TEST_F(GuardedHttpTest, WhereNoGuardCanStandNothingIsChanged) {
  store_->close();
  const wire::Response refused = writer_.send("PATCH", "/v1/source/users/1", R"({"name":"new"})");
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_TRUE(refused.body.contains(R"("code":"store-unavailable")")) << refused.body;
  EXPECT_TRUE(refused.header("retry-after").has_value());
  EXPECT_EQ(reader_.get("/v1/read/users/1").body, R"({"name":"old"})");
}

TEST(HeldHttp, WithABusAnInvalidationIsSoonOrWaits) {
  constexpr auto bound = std::chrono::milliseconds(100);
  Runtime runtime{{.threads = 1}};
  kit::BusServer server;
  kit::PlainBus bus(server);
  Instance instance(runtime, {.bus_bound = bound}, nullptr, &bus);
  const auto invalidate = [&instance](std::string wait) {
    return instance.send("POST", "/v1/invalidate", R"({"tags":["a"])" + wait + "}");
  };
  for (const char* wait : {"", R"(,"wait":"confirmed")"}) {
    const wire::Response soon = invalidate(wait);
    EXPECT_EQ(soon.status, 200);
    EXPECT_TRUE(soon.body.starts_with(R"({"held":"soon")")) << soon.body;
  }
  const auto began = std::chrono::steady_clock::now();
  const wire::Response waited = invalidate(R"(,"wait":"everywhere")");
  EXPECT_EQ(waited.status, 200);
  EXPECT_EQ(waited.body, R"({"held":"everywhere"})");
  EXPECT_GE(std::chrono::steady_clock::now() - began, bound);
}

}  // namespace
}  // namespace headrace
