#include "kit/postgres_server.h"

#include <gmock/gmock.h>

#include <chrono>
#include <string>

#include "kit/start_or_skip.h"

namespace headrace::kit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(PostgresServer, AnswersAndTellsItsChanges) {
  KIT_START(server, PostgresServer::start({.settings = {"max_connections=7"}}));
  EXPECT_THAT(server->query("show server_version"), StartsWith("15."));
  EXPECT_EQ(server->query("show max_connections"), "7");
  EXPECT_EQ(server->query("create table t (k text primary key, v text)"), "CREATE TABLE");
  EXPECT_EQ(server->query("insert into t values ('a', 'b'), ('c', null)"), "INSERT 0 2");
  EXPECT_EQ(server->query("select * from t order by k"), "a|b\nc|(nil)");
  EXPECT_EQ(server->query("select * from t where k = 'x'"), "SELECT 0");
  EXPECT_EQ(server->query("select 1/0"), "-22012 division by zero");

  EXPECT_EQ(
      server->query("select pg_create_logical_replication_slot('s', 'test_decoding')").substr(0, 3),
      "(s,");
  EXPECT_EQ(server->query("update t set v = 'd' where k = 'a'"), "UPDATE 1");
  EXPECT_THAT(server->query("select data from pg_logical_slot_get_changes('s', null, null)"),
              HasSubstr("table public.t: UPDATE: k[text]:'a' v[text]:'d'"));
  const auto nobody =
      PostgresClient::connect(server->port(), {{"user", "nobody"}, {"database", "postgres"}});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Code::refused);
  EXPECT_THAT(nobody.error().what, StartsWith("-28000 "));
}

TEST(PostgresServer, IsFrozenKilledAndComesBack) {
  KIT_START(server, PostgresServer::start());
  EXPECT_EQ(server->query("create table t (k int)"), "CREATE TABLE");
  Result<PostgresClient> client =
      PostgresClient::connect(server->port(), {{"user", "postgres"}, {"database", "postgres"}},
                              std::chrono::milliseconds(100));
  ASSERT_TRUE(client);
  EXPECT_EQ(client->query("select 1").value_or(""), "1");
  server->freeze();
  const Result<std::string> said = client->query("insert into t values (1)");
  ASSERT_FALSE(said) << "the process of its session is not frozen";
  EXPECT_EQ(said.error().code, Code::timed_out);
  server->thaw();

  EXPECT_EQ(server->query("insert into t values (2)"), "INSERT 0 1");
  const int port = server->port();
  server->kill();
  EXPECT_EQ(server->query("select 1"), "!connect: Connection refused");
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->port(), port);
  EXPECT_EQ(server->query("select k from t where k = 2"), "2");
  EXPECT_EQ(server->stop(), 0) << "although a client is connected";
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->query("select k from t where k = 2"), "2");
}

}  // namespace
}  // namespace headrace::kit
