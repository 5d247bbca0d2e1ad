// A PostgreSQL that dies, hangs, is a standby or changes its schema: what a source makes of it.
#include <atomic>
#include <fstream>
#include <thread>

#include "kit/eventually.h"
#include "kit/tcp_gate.h"
#include "sources/postgres/fixture.h"

namespace headrace {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class PostgresFaultsTest : public PostgresSourceTest {
 protected:
  // Sessions of ours that are at work.
  std::string at_work() {
    return run("SELECT count(*) FROM pg_stat_activity WHERE datname = '" + name_ +
               "' AND application_name = 'headrace' AND state = 'active'");
  }
  std::string through(const kit::TcpGate& gate) const {
    return "host=127.0.0.1 port=" + std::to_string(gate.port()) + " user=postgres dbname=" + name_;
  }
  const SqlQuestion users_{.table = "users", .fields = {"name"}};
  const SqlQuestion slow_{.query = "SELECT pg_sleep(600)::text AS slept, $1::int AS id",
                          .fields = {"slept"}};
};

TEST_F(PostgresFaultsTest, ASlowReadEndsAtItsDeadlineHereAndThere) {
  const auto source = ask(slow_, {.sessions = 1});
  const Result<Fetched> late = wait(source->fetch(fetch_of("7", milliseconds(300))));
  EXPECT_THAT(shown(late), StartsWith("timed-out: "));
  EXPECT_TRUE(eventually([&] { return at_work() == "0"; })) << "the server goes on";
}

TEST_F(PostgresFaultsTest, AReadThatNobodyWaitsForEndsHereAndThere) {
  const auto source = ask(slow_, {.sessions = 1});
  std::stop_source stop;
  Fetch fetch = fetch_of("7", std::chrono::minutes(9));
  fetch.stop = stop.get_token();
  Result<Fetched> answer;
  std::jthread reader([&] { answer = wait(source->fetch(std::move(fetch))); });
  EXPECT_TRUE(eventually([&] { return at_work() == "1"; }));
  stop.request_stop();
  reader.join();
  EXPECT_THAT(shown(answer), StartsWith("cancelled: "));
  EXPECT_TRUE(eventually([&] { return at_work() == "0"; }));
}

TEST_F(PostgresFaultsTest, ASessionThatWasEndedFromThereCostsNoRead) {
  const auto source = ask(users_, {.sessions = 1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
    run("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '" + name_ +
        "' AND application_name = 'headrace'");
  }
}

TEST_F(PostgresFaultsTest, AConnectionThatIsCutCostsNoReadAfterIt) {
  kit::TcpGate gate(server_->port());
  const auto source = ask(users_, {.connection = through(gate), .sessions = 1});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
    gate.cut();
  }
}

TEST_F(PostgresFaultsTest, AConnectionThatEndsUnderAReadCostsItNothingButTime) {
  kit::TcpGate gate(server_->port());
  const auto source = ask(users_, {.connection = through(gate), .sessions = 1});
  EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
  gate.end_after(kit::Toward::server, 1);
  EXPECT_EQ(shown(read(*source, "8")), R"({"name":"Bob"})");
}

TEST_F(PostgresFaultsTest, WhoCannotBeReachedIsSoonAskedByFew) {
  kit::TcpGate gate(server_->port());
  const auto source = ask(users_, {.connection = through(gate), .sessions = 1});
  gate.refuse();
  gate.cut();
  std::string last;
  EXPECT_TRUE(eventually([&] {
    last = shown(read(*source, "7"));
    return last.contains("it is not asked for a while");
  })) << last;
  EXPECT_THAT(last, StartsWith("source-unavailable: "));
  gate.restore();
  EXPECT_TRUE(eventually([&] { return shown(read(*source, "7")) == R"({"name":"Ada"})"; }));
}

TEST_F(PostgresFaultsTest, OneThatHangsCostsNoMoreThanTheDeadline) {
  kit::TcpGate gate(server_->port());
  const auto source = ask(users_, {.connection = through(gate), .sessions = 1});
  EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
  gate.stall(kit::Toward::client);
  EXPECT_THAT(shown(wait(source->fetch(fetch_of("7", milliseconds(300))))),
              StartsWith("timed-out: "));
  gate.restore();
  EXPECT_TRUE(eventually([&] { return shown(read(*source, "7")) == R"({"name":"Ada"})"; }));
}

TEST_F(PostgresFaultsTest, ASchemaMayChangeUnderPreparedStatements) {
  const auto source = ask({.table = "users", .fields = {"score", "name"}}, {.sessions = 1});
  EXPECT_EQ(shown(read(*source, "7")), R"({"score":1.5,"name":"Ada"})");
  run("ALTER TABLE users ALTER score TYPE text, ADD later int");
  EXPECT_EQ(shown(read(*source, "7")), R"({"score":"1.5","name":"Ada"})");
  run("ALTER TABLE users DROP score");
  EXPECT_THAT(shown(read(*source, "7")), StartsWith("source-failed: "));
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("does not exist"));
  EXPECT_EQ(shown(read(*ask(users_), "7")), R"({"name":"Ada"})");
}

TEST_F(PostgresFaultsTest, WhoWaitsBeyondTheQueueIsRefused) {
  const auto database = open({.sessions = 1, .queue_max = 1});
  const auto slow = ask_postgres(database, slow_);
  ASSERT_TRUE(slow);
  std::stop_source stop;
  std::atomic<int> refused = 0;
  const auto reading = [&] {
    Fetch fetch = fetch_of("7", std::chrono::minutes(9));
    fetch.stop = stop.get_token();
    const std::string said = shown(wait((*slow)->fetch(std::move(fetch))));
    if (said.starts_with("refused: queue_max of postgres 127.0.0.1:")) ++refused;
  };
  std::jthread first(reading);
  EXPECT_TRUE(eventually([&] { return at_work() == "1"; }));
  std::jthread second(reading);
  std::jthread third(reading);
  // One of the two waits, and the other does not.
  EXPECT_TRUE(eventually([&] { return refused == 1; }));
  stop.request_stop();
}

TEST_F(PostgresFaultsTest, NoErrorTellsAPassword) {
  const auto unreachable = open_postgres_database(
      {.connection = "host=127.0.0.1 port=1 user=a password=hush dbname=b", .password = "hush2"},
      runtime_, runtime_);
  ASSERT_TRUE(unreachable);
  const auto source = ask_postgres(*unreachable, users_);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, Code::source_unavailable);
  EXPECT_THAT(source.error().what, HasSubstr("127.0.0.1:1"));
  EXPECT_THAT(source.error().what, Not(HasSubstr("hush")));
  const auto wrong =
      open_postgres_database({.connection = "host password=hush"}, runtime_, runtime_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().what, Not(HasSubstr("hush")));
  EXPECT_FALSE(open_postgres_database({}, runtime_, runtime_));
  EXPECT_FALSE(open_postgres_database({.connection = "host=a", .sessions = 0}, runtime_, runtime_));
}

// With a server of its own, which it makes a standby of nobody.
TEST_F(PostgresFaultsTest, AStandbyIsRefused) {
  KIT_START(server, kit::PostgresServer::start());
  const std::string connection = server->connection_string();
  server->query("CREATE TABLE users(id int PRIMARY KEY, name text)");
  const auto database = open({.connection = connection, .sessions = 1});
  const auto source = ask_postgres(database, users_);
  ASSERT_TRUE(source) << source.error().what;
  EXPECT_EQ(shown(read(**source, "7")), "absent");
  ASSERT_TRUE(server->stop());
  std::ofstream(server->process().folder().path() / "data" / "standby.signal").flush();
  ASSERT_TRUE(server->restart());
  std::string said;
  EXPECT_TRUE(eventually([&] {
    said = shown(read(**source, "7"));
    return said.contains("is a standby there, which may lag; name the primary");
  })) << said;
}

}  // namespace
}  // namespace headrace
