// What is installed, what is said to be lacking of it, and what is refused.
#include "feeds/decoding/fixture.h"

namespace headrace {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

class InstallationTest : public DecodingTest {
 protected:
  std::string refusal() {
    const Result<void> installed = install_postgres_decoding(login(), decoding_, runtime_);
    return installed ? "" : installed.error().what;
  }
  std::string count(const std::string& of) { return run("SELECT count(*) FROM " + of); }
  std::string own_slots() {
    return count("pg_replication_slots WHERE database = current_database()");
  }
  std::string identity(const std::string& table) {
    return run("SELECT relreplident FROM pg_class WHERE oid = '" + table + "'::regclass");
  }
  void set_tables(std::vector<PostgresOutboxTable> tables) { decoding_.tables = std::move(tables); }
};

TEST_F(InstallationTest, MakesWhatIsLackingAndNothingTwice) {
  EXPECT_EQ(lack(), "feed headrace is not installed; install the feed");
  install();
  EXPECT_EQ(lack(), "");
  const std::string first = slot();
  EXPECT_THAT(first, MatchesRegex("headrace_headrace_[0-9a-f]+"));
  EXPECT_EQ(identity("users"), "f") << "old values are told";
  EXPECT_EQ(identity("orders"), "d") << "its primary key is enough";
  install();
  EXPECT_EQ(slot(), first);
  set_tables({{.table = "users"}});
  EXPECT_EQ(lack(), "") << "that more is published is no lack";
  set_tables({{.table = "users", .values = {"owner"}}, {.table = "orders", .values = {"owner"}}});
  EXPECT_THAT(lack(), HasSubstr("public.orders writes to the log of old rows is not enough"));
  install();
  EXPECT_EQ(lack(), "");
  EXPECT_NE(slot(), first);
  EXPECT_EQ(own_slots(), "1");
  EXPECT_EQ(count("pg_publication"), "1");
}

TEST_F(InstallationTest, ThePrintedSqlInstallsAllOfItStatementByStatement) {
  const auto sql = postgres_decoding_sql(login(), decoding_, runtime_);
  ASSERT_TRUE(sql) << sql.error().what;
  EXPECT_THAT(*sql, HasSubstr("ALTER TABLE ONLY public.users REPLICA IDENTITY FULL"));
  EXPECT_EQ(own_slots(), "0") << "nothing is done";
  // As psql sends them: what is in one transaction in one, and the slot by itself.
  const std::size_t end = sql->rfind("SELECT pg_create");
  const std::size_t timeout = sql->rfind("SET statement_timeout");
  run(sql->substr(0, timeout));
  EXPECT_THAT(lack(), MatchesRegex("the slot .* is gone; install the feed again"));
  run(sql->substr(end));
  EXPECT_EQ(lack(), "");
}

// What was left by one that died is taken away, and not taken for whole.
TEST_F(InstallationTest, HalfAnInstallationIsLackingAndReplaced) {
  install();
  const std::string first = slot();
  run("SELECT pg_drop_replication_slot('" + first + "')");
  EXPECT_EQ(lack(), "the slot " + first + " is gone; install the feed again");
  install();
  EXPECT_EQ(lack(), "");
  run("DELETE FROM headrace.decoding_feeds");
  EXPECT_THAT(lack(), HasSubstr("is not installed"));
  install();
  EXPECT_EQ(lack(), "");
  EXPECT_EQ(own_slots(), "1");
  EXPECT_EQ(count("pg_publication"), "1");
}

TEST_F(InstallationTest, APublicationThatWasChangedIsLacking) {
  install();
  run("ALTER PUBLICATION " + slot() + " DROP TABLE users");
  EXPECT_THAT(lack(), HasSubstr("does not have all of public.users"));
  install();
  EXPECT_EQ(lack(), "");
  run("ALTER PUBLICATION " + slot() + " SET (publish = 'insert')");
  EXPECT_THAT(lack(), HasSubstr("is not as it should be"));
  install();
  run("ALTER PUBLICATION " + slot() + " SET TABLE orders, users WHERE (id > 3)");
  EXPECT_THAT(lack(), HasSubstr("does not have all of public.users"));
  install();
  run("ALTER PUBLICATION " + slot() + " SET TABLE orders, users (id)");
  EXPECT_THAT(lack(), HasSubstr("does not have all of public.users"));
  install();
  // One of the same name, that somebody else has made.
  const std::string own = slot();
  run("DROP PUBLICATION " + own);
  EXPECT_EQ(lack(), "the publication " + own + " is gone; install the feed again");
  run("CREATE PUBLICATION " + own + " FOR TABLE orders, users");
  EXPECT_THAT(lack(), HasSubstr("is not as it should be"));
}

// An update of a published table without an identity would be refused to the writer.
TEST_F(InstallationTest, WritersAreNeverRefused) {
  run("CREATE TABLE plain(a int, b int); INSERT INTO plain VALUES (1, 1); "
      "CREATE TABLE late(id int PRIMARY KEY DEFERRABLE, b int); INSERT INTO late VALUES (1, 1); "
      "CREATE TABLE none(id int PRIMARY KEY, b int); INSERT INTO none VALUES (1, 1); "
      "ALTER TABLE none REPLICA IDENTITY NOTHING; "
      "CREATE TABLE parts(id int PRIMARY KEY, b int) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); "
      "INSERT INTO parts VALUES (1, 1); ALTER TABLE low REPLICA IDENTITY NOTHING");
  set_tables({{.table = "plain"}, {.table = "late"}, {.table = "none"}, {.table = "parts"}});
  install();
  for (const std::string table : {"plain", "late", "none", "low"}) {
    EXPECT_EQ(identity(table), "f") << table;
  }
  EXPECT_EQ(identity("parts"), "d");
  for (const std::string table : {"plain", "late", "none", "parts", "low"}) {
    run("UPDATE " + table + " SET b = 2");
    run("DELETE FROM " + table);
  }
  EXPECT_EQ(lack(), "");
  run("ALTER TABLE low REPLICA IDENTITY NOTHING");
  EXPECT_THAT(lack(), HasSubstr("public.low writes to the log of old rows is not enough"));
}

TEST_F(InstallationTest, WhatCannotBeToldByDecodingIsRefused) {
  run("CREATE UNLOGGED TABLE quick(id int PRIMARY KEY); "
      "CREATE TABLE child() INHERITS (users); "
      "CREATE TABLE parts(id int PRIMARY KEY) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE odd(id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, "
      "yes bool, code char(5))");
  set_tables({{.table = "quick"}});
  EXPECT_THAT(refusal(), HasSubstr("public.quick is unlogged"));
  set_tables({{.table = "users"}});
  EXPECT_THAT(refusal(), HasSubstr("public.child inherits from public.users"));
  set_tables({{.table = "parts"}, {.table = "low"}});
  EXPECT_THAT(refusal(), HasSubstr("public.low is a part of public.parts"));
  set_tables({{.table = "odd", .values = {"twice"}}});
  EXPECT_THAT(refusal(), HasSubstr("column \"twice\" of public.odd is generated"));
  for (const std::string column : {"yes", "code"}) {
    set_tables({{.table = "odd", .values = {column}}});
    EXPECT_THAT(refusal(), HasSubstr("\"" + column + "\" of public.odd is of a type"));
  }
  set_tables({{.table = "nothing"}});
  EXPECT_THAT(refusal(), HasSubstr("there is no table nothing"));
  EXPECT_THAT(lack(), HasSubstr("there is no table nothing"));
  EXPECT_EQ(own_slots(), "0");
  EXPECT_EQ(count("pg_publication"), "0");
}

TEST_F(InstallationTest, NamesAreOddAndFeedsKnowNothingOfEachOther) {
  run("CREATE SCHEMA \"O'dd $$\"; CREATE TABLE \"O'dd $$\".\"T\"\"able %s\"(\"I d\" int PRIMARY "
      "KEY)");
  install();
  const std::string first = slot();
  decoding_.name = "another_1";
  set_tables({{.table = "\"O'dd $$\".\"T\"\"able %s\"", .values = {"I d"}}});
  install();
  EXPECT_EQ(lack(), "");
  EXPECT_EQ(own_slots(), "2");
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "another_1", runtime_));
  EXPECT_EQ(slot(), first);
  EXPECT_EQ(own_slots(), "1");
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_));
  EXPECT_EQ(own_slots(), "0");
  EXPECT_EQ(count("pg_publication"), "0");
  EXPECT_EQ(run("SELECT to_regclass('headrace.decoding_feeds') IS NULL"), "t");
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_)) << "it is gone already";
}

TEST_F(InstallationTest, ASlotThatIsInUseIsLetGoOfByItsFeed) {
  install();
  const std::string first = slot();
  const Feed& feed = follow_from_now();
  run("ALTER PUBLICATION " + first + " DROP TABLE users");
  install();
  EXPECT_NE(slot(), first);
  EXPECT_EQ(own_slots(), "1");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(feed.health().trouble, "");
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_));
  EXPECT_EQ(own_slots(), "0");
}

TEST_F(InstallationTest, ATableThatIsInUseIsNotWaitedFor) {
  kit::PostgresClient late = connect("postgres");
  run(late, "BEGIN; INSERT INTO users VALUES (1)");
  const auto installed = install_postgres_decoding(login(), decoding_, runtime_);
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, Code::refused);
  EXPECT_THAT(installed.error().what, HasSubstr("nothing was changed"));
  EXPECT_EQ(identity("users"), "d");
}

TEST_F(InstallationTest, AServerThatDoesNotDecodeIsTold) {
  KIT_START(started, kit::PostgresServer::start({.settings = {"wal_level=replica"}}));
  PostgresDecoding decoding{.tables = {{.table = "t"}}};
  started->query("CREATE TABLE t(id int PRIMARY KEY)");
  const PostgresLogin login{.connection = started->connection_string()};
  const auto installed = install_postgres_decoding(login, decoding, runtime_);
  ASSERT_FALSE(installed);
  EXPECT_THAT(installed.error().what, HasSubstr("wal_level is replica: set it to logical"));
  EXPECT_EQ(started->query("SELECT to_regnamespace('headrace') IS NULL"), "t");
}

TEST_F(InstallationTest, NamesThatCannotBeSlotsAreRefused) {
  for (const std::string name : {"", "Upper", "a-b", "a b", "1234567890123456789012345"}) {
    decoding_.name = name;
    EXPECT_THAT(refusal(), HasSubstr("lower-case letters")) << name;
    EXPECT_FALSE(uninstall_postgres_decoding(login(), name, runtime_));
  }
}

}  // namespace
}  // namespace headrace
