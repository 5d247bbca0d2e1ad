// The bus on PostgreSQL: what every bus must do, and what befalls a session.  All tests share one
// server; each has a channel of its own.
#include "headrace/bus/postgres.h"

#include <unistd.h>

#include <filesystem>
#include <thread>

#include "bus/postgres/frames.h"
#include "bus/postgres/pool_fixture.h"
#include "contract/bus_contract.h"
#include "kit/postgres_server.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "kit/test_certificates.h"

namespace headrace::contract {
namespace {

using kit::eventually;
using kit::PostgresServer;
using std::chrono::milliseconds;

// Started by the first test that asks for it.
class SharedServer final : public testing::Environment {
 public:
  void TearDown() override { server_.reset(); }
  Result<PostgresServer*> get() {
    if (!server_) server_.emplace(PostgresServer::start());
    if (!*server_) return std::unexpected(server_->error());
    return (*server_)->get();
  }

 private:
  std::optional<Result<std::unique_ptr<PostgresServer>>> server_;
};

auto* const shared = static_cast<SharedServer*>(
    testing::AddGlobalTestEnvironment(std::make_unique<SharedServer>().release()));

std::string channel_of_this_test() {
  static int number = 0;
  return "Bus \"of\" test " + std::to_string(++number);
}

class PostgresBusUnderTest final : public BusUnderTest {
 public:
  explicit PostgresBusUnderTest(std::string connection) : connection_(std::move(connection)) {}
  ~PostgresBusUnderTest() override { runtime_.stop(); }
  // Who begins to listen before there is a session is told that it may have missed something.
  std::unique_ptr<Bus> join() override {
    auto opened = open_postgres_bus({.connection = connection_, .channel = channel_}, runtime_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    EXPECT_TRUE(eventually([&] { return wait((*opened)->barrier()).has_value(); }));
    return std::move(*opened);
  }

 private:
  const std::string connection_;
  const std::string channel_ = channel_of_this_test();
  Runtime runtime_{{.threads = 2}};
};

BusMaker maker() {
  return {.name = "postgres", .make = []() -> Result<std::unique_ptr<BusUnderTest>> {
            auto server = shared->get();
            if (!server) return std::unexpected(server.error());
            return std::make_unique<PostgresBusUnderTest>((*server)->connection_string());
          }};
}

INSTANTIATE_TEST_SUITE_P(Postgres, BusContract, testing::Values(maker()),
                         [](const auto& tested) { return tested.param.name; });

class PostgresBusTest : public testing::Test {
 protected:
  void SetUp() override {
    KIT_START(found, shared->get());
    server = found;
  }
  ~PostgresBusTest() override {
    for (const auto& bus : {bus_.get(), other_.get()}) {
      if (bus != nullptr) bus->close();
    }
    bus_.reset();
    other_.reset();
    runtime.stop();
  }

  PostgresBusOptions options(int port) const {
    return {
        .connection = "host=127.0.0.1 user=postgres dbname=postgres port=" + std::to_string(port),
        .channel = channel};
  }
  PostgresBusOptions options() const { return options(server->port()); }
  std::unique_ptr<Bus> open(PostgresBusOptions with) {
    auto opened = open_postgres_bus(std::move(with), runtime);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }
  void join(PostgresBusOptions with) {
    bus_ = open(std::move(with));
    ASSERT_TRUE(eventually([this] { return proves(); }));
    bus_->listen(ear);
  }
  Result<void> ask() { return wait(bus_->barrier()); }
  bool proves() { return ask().has_value(); }
  bool says(Bus& bus, std::uint64_t sequence, std::size_t bytes = 1) {
    BusMessage message{.origin = {1, 1}, .sequence = sequence};
    message.names.tags = {std::string(bytes, 'x')};
    return wait(bus.publish({std::move(message)})).has_value();
  }
  // Another instance, whose connection nothing happens to.
  Bus& other() {
    if (!other_) {
      other_ = open(options());
      EXPECT_TRUE(eventually([this] { return wait(other_->barrier()).has_value(); }));
    }
    return *other_;
  }
  // Of all who hear on this bus, and not of the kit's own.
  void end_all_sessions() {
    ASSERT_NE(server
                  ->query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                          "WHERE application_name = 'headrace'")
                  .front(),
              '-');
  }

  PostgresServer* server = nullptr;
  const std::string channel = channel_of_this_test();
  Runtime runtime{{.threads = 2}};
  std::shared_ptr<Ear> ear = std::make_shared<Ear>();
  std::unique_ptr<Bus> bus_;
  std::unique_ptr<Bus> other_;
};

TEST_F(PostgresBusTest, ASessionThatIsEndedIsMadeAnewAndThatIsTold) {
  join(options());
  ASSERT_TRUE(says(*bus_, 1));
  ASSERT_TRUE(proves());
  end_all_sessions();
  EXPECT_TRUE(eventually([this] { return ear->missed_times() == 1; }));
  EXPECT_TRUE(eventually([this] { return says(*bus_, 2); }));
  EXPECT_TRUE(eventually([this] { return proves(); }));
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1, 2));
  EXPECT_EQ(ear->missed_times(), 1);
}

TEST_F(PostgresBusTest, WhoListensBeforeThereIsASessionIsToldThatItMayHaveMissedSomething) {
  kit::TcpGate gate(server->port());
  gate.refuse();
  bus_ = open(options(gate.port()));
  bus_->listen(ear);
  ASSERT_TRUE(says(other(), 1));
  const Result<void> refused = ask();
  EXPECT_THAT(refused ? "" : refused.error().what, testing::HasSubstr("127.0.0.1"));
  gate.accept();
  EXPECT_TRUE(eventually([this] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0);
    return proven;
  }));
}

TEST_F(PostgresBusTest, WhatIsSaidWhileTheConnectionIsCutIsHeardOrMissed) {
  kit::TcpGate gate(server->port());
  join(options(gate.port()));
  ASSERT_TRUE(proves());
  gate.refuse();
  gate.cut();
  ASSERT_TRUE(says(other(), 1));
  EXPECT_FALSE(proves());
  EXPECT_EQ(ear->missed_times(), 0);
  gate.accept();
  EXPECT_TRUE(eventually([this] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0);
    return proven;
  }));
}

TEST_F(PostgresBusTest, AServerThatHangsProvesNothing) {
  kit::TcpGate gate(server->port());
  PostgresBusOptions quick = options(gate.port());
  quick.answer_within = milliseconds(100);
  join(quick);
  gate.stall(kit::Toward::client);
  EXPECT_FALSE(proves());
  EXPECT_FALSE(says(*bus_, 1));
  // Nor does it keep more than it may of what waits.
  constexpr int many = 5000;
  std::atomic<int> ended = 0, refused = 0;
  for (int i = 0; i < many; ++i) {
    start(bus_->barrier(), [&](const Result<void>& done) {
      if (!done && done.error().what.contains("jobs_max")) ++refused;
      ++ended;
    });
  }
  EXPECT_TRUE(eventually([&] { return ended == many; }));
  EXPECT_GE(refused, many - 4096);
  gate.resume(kit::Toward::client);
  EXPECT_TRUE(eventually([this] { return proves(); }));
}

TEST_F(PostgresBusTest, WhatCannotBeHadIsTriedAgainAtLongerAndLongerIntervals) {
  kit::TcpGate gate(server->port());
  PostgresBusOptions nowhere = options(gate.port());
  nowhere.connection += " dbname=nowhere";
  const Instant began = runtime.now();
  bus_ = open(nowhere);
  EXPECT_THAT(ask().error().what, testing::HasSubstr("\"nowhere\" does not exist"));
  // At once, and after 50, 100 and 200 ms.
  EXPECT_TRUE(eventually([&gate] { return gate.all_connections() >= 5; }));
  EXPECT_GE(runtime.now() - began, milliseconds(350));
}

// A standby that never confirms keeps a commit from being seen, and its notifications with it, and
// all that come after them.
TEST_F(PostgresBusTest, WhatIsNotVisibleYetHoldsTheBarrierBack) {
  PostgresBusOptions quick = options();
  quick.answer_within = milliseconds(200);
  join(quick);
  const auto payload =
      postgres::portions_of({BusMessage{.origin = {2, 2}, .sequence = 1}}).front().payloads.front();
  const auto held_back = [this] {
    return server->query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  };
  std::atomic<bool> released = false;
  ASSERT_EQ(server->query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'"), "ALTER SYSTEM");
  ASSERT_EQ(server->query("SELECT pg_reload_conf()"), "t");
  // It takes effect some time later; and who has only notified waits for nobody.
  const std::string writes = "SELECT pg_logical_emit_message(true, 'a', 'b')";
  std::thread first([&] {
    auto client = server->connect();
    while (client && !released) ASSERT_TRUE(client->query(writes));
  });
  EXPECT_TRUE(eventually([&] { return held_back() == "1"; }));
  std::thread writer([&] {
    auto client = server->connect();
    ASSERT_TRUE(client.has_value());
    EXPECT_TRUE(client->query(writes + ", pg_notify('" + channel + "', '" + payload + "')"));
  });
  EXPECT_TRUE(eventually([&] { return held_back() == "2"; }));
  EXPECT_FALSE(proves());
  EXPECT_THAT(ear->of({2, 2}), testing::IsEmpty());
  released = true;
  server->query("ALTER SYSTEM RESET synchronous_standby_names");
  server->query("SELECT pg_reload_conf()");
  first.join();
  writer.join();
  EXPECT_TRUE(eventually([this] { return proves(); }));
  EXPECT_TRUE(!ear->of({2, 2}).empty() || ear->missed_times() > 0);
}

TEST_F(PostgresBusTest, BehindAProxyThatPoolsTransactionsItProvesNothingAndSaysWhy) {
  postgres::TransactionPool pool(server->port());
  PostgresBusOptions pooled = options(pool.port());
  pooled.connection += " sslmode=disable gssencmode=disable";
  pooled.answer_within = milliseconds(200);
  bus_ = open(pooled);
  bus_->listen(ear);
  EXPECT_TRUE(eventually([this] {
    const Result<void> asked = ask();
    EXPECT_FALSE(asked);
    return !asked && asked.error().what.contains("proxy that pools transactions");
  }));
  EXPECT_THAT(ear->of({1, 1}), testing::IsEmpty());
  EXPECT_TRUE(eventually([this] { return ear->missed_times() > 1; })) << "it is tried anew";
  bus_->close();
}

TEST_F(PostgresBusTest, LargeMessagesComeWholeAndWhatIsTooLargeIsToldAsMissed) {
  join(options());
  const std::vector<std::size_t> sizes = {6'000, 100'000, 1'000'000};
  for (std::size_t i = 0; i < sizes.size(); ++i) ASSERT_TRUE(says(other(), i + 1, sizes[i]));
  ASSERT_TRUE(says(*bus_, 4));
  ASSERT_TRUE(proves());
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(ear->missed_times(), 0);
  EXPECT_EQ(ear->all().at(2).names.tags.at(0).size(), 1'000'000u);
  ASSERT_TRUE(says(other(), 5, postgres_message_bytes_max));
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->missed_times(), 1);
}

TEST_F(PostgresBusTest, WhatCannotBeReadMayHaveBeenAnInvalidation) {
  join(options());
  server->query("SELECT pg_notify('" + channel + "', 'garbage')");
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->missed_times(), 1);
}

// Speaks with `role`, whom the server lets in by password alone, and only over TLS.
class PostgresSecretsTest : public PostgresBusTest {
 protected:
  void SetUp() override {
    PostgresBusTest::SetUp();
    if (IsSkipped()) return;
    const std::filesystem::path data = server->process().folder().path() / "data";
    struct stat owner{};
    ASSERT_EQ(::stat(data.c_str(), &owner), 0);
    for (const std::string& file : {certificates.server_file, certificates.server_key_file}) {
      const auto to = data / std::filesystem::path(file).filename();
      std::filesystem::copy_file(file, to, std::filesystem::copy_options::overwrite_existing);
      std::filesystem::permissions(to, std::filesystem::perms::owner_read);
      ASSERT_EQ(::chown(to.c_str(), owner.st_uid, owner.st_gid), 0);
      server->query(
          "ALTER SYSTEM SET " +
          std::string(file == certificates.server_file ? "ssl_cert_file" : "ssl_key_file") +
          " = '" + to.string() + "'");
    }
    std::ofstream(data / "pg_hba.conf") << "hostssl all secretive 127.0.0.1/32 scram-sha-256\n"
                                           "host all postgres 127.0.0.1/32 trust\n";
    server->query("DROP ROLE IF EXISTS secretive");
    ASSERT_EQ(server->query("CREATE ROLE secretive LOGIN PASSWORD 'hush hush'"), "CREATE ROLE");
    server->query("ALTER SYSTEM SET ssl = on");
    server->query("SELECT pg_reload_conf()");
    ASSERT_TRUE(eventually([this] { return server->query("SHOW ssl") == "on"; }));
  }
  PostgresBusOptions with_password(std::string password) {
    return {.connection =
                "host=localhost hostaddr=127.0.0.1 user=secretive dbname=postgres "
                "sslmode=verify-full sslrootcert=" +
                certificates.authority_file + " port=" + std::to_string(server->port()),
            .password = std::move(password),
            .channel = channel};
  }

  kit::TemporaryFolder folder;
  kit::TestCertificates certificates{folder};
};

TEST_F(PostgresSecretsTest, ItSpeaksOverTlsWithAPasswordWhichNoErrorTells) {
  bus_ = open(with_password("wrong hush"));
  std::string what;
  EXPECT_TRUE(eventually([&] {
    const Result<void> asked = ask();
    what = asked ? "" : asked.error().what;
    return what.contains("password");
  })) << what;
  EXPECT_THAT(what, testing::Not(testing::HasSubstr("hush")));
  bus_->close();
  join(with_password("hush hush"));
  EXPECT_EQ(server->query("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                          "WHERE usename = 'secretive'"),
            "t");
  for (std::uint64_t i = 1; i <= 30; ++i) ASSERT_TRUE(says(*bus_, i, i % 3 == 0 ? 90'000 : 3'000));
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->of({1, 1}).size(), 30u);
  EXPECT_EQ(ear->missed_times(), 0);
}

TEST(PostgresBus, AConnectionThatCannotBeReadIsToldAtOnceAndWithoutItsPassword) {
  Runtime runtime{{.threads = 1}};
  const auto what = [&runtime](PostgresBusOptions options) {
    const auto opened = open_postgres_bus(std::move(options), runtime);
    return opened ? std::string() : opened.error().what;
  };
  EXPECT_THAT(what({.connection = "hst=db"}), testing::HasSubstr("hst"));
  for (const char* const text : {"host=db password=hush hush", "postgres://me:hush@[db/app"}) {
    EXPECT_THAT(what({.connection = text}),
                testing::AllOf(testing::HasSubstr("no connection"),
                               testing::Not(testing::HasSubstr("hush"))));
  }
  EXPECT_THAT(what({.channel = std::string(64, 'x')}), testing::HasSubstr("channel"));
  EXPECT_THAT(what({.channel = ""}), testing::HasSubstr("channel"));
  runtime.stop();
}

}  // namespace
}  // namespace headrace::contract
