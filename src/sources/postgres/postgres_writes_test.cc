// Writes through a PostgreSQL source: what they do to the database, and what they refuse.
#include "kit/eventually.h"
#include "sources/postgres/fixture.h"

namespace headrace {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using Fields = std::vector<std::pair<std::string, std::string>>;
using Mode = Write::Mode;

class PostgresWriteTest : public PostgresSourceTest {
 protected:
  std::shared_ptr<Source> writable(SqlQuestion question) {
    return ask(std::move(question), {.writable = true});
  }
  Result<Written> write(Source& source, std::string entity, Fields fields, Mode mode = Mode::update,
                        Duration within = seconds(20)) {
    return wait(source.write({.entity = std::move(entity),
                              .mode = mode,
                              .fields = std::move(fields),
                              .deadline = runtime_.now() + within}));
  }
  static std::string fault_of(const Result<Written>& outcome) {
    return outcome ? "none"
                   : std::string(name_of(outcome.error().code)) + ": " + outcome.error().what;
  }
  const SqlQuestion users_{.table = "users", .fields = {"name"}};
};

TEST_F(PostgresWriteTest, AnUpdateChangesTheNamedFieldsOfOneRow) {
  const auto source = writable(users_);
  ASSERT_TRUE(source->is_writable());
  const auto outcome = write(*source, "7", {{"name", R"("Eva \"x\"")"}, {"score", "2.25"}});
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_TRUE(outcome->found);
  EXPECT_EQ(outcome->writes, 1u);
  EXPECT_THAT(outcome->changed, IsEmpty()) << "just those";
  EXPECT_EQ(run("SELECT id, name, score, active FROM users ORDER BY id"),
            "7|Eva \"x\"|2.25|t\n8|Bob|(nil)|t");
}

TEST_F(PostgresWriteTest, TheServerTurnsEachValueIntoItsColumnsType) {
  const auto source = writable(users_);
  const auto outcome = write(*source, "8",
                             {{"price", "12345678901234.56789"},
                              {"photo", R"({"$base64":"AP+/"})"},
                              {"since", R"("2026-05-06T07:08:09.123456+02:00")"},
                              {"tags", R"(["a,b", "c\"d", null])"},
                              {"profile", R"({"k": [1.50, "x"]})"},
                              {"score", "null"},
                              {"active", "false"}});
  ASSERT_TRUE(outcome) << outcome.error().what;
  EXPECT_EQ(run("SELECT price, encode(photo, 'hex'), since AT TIME ZONE 'UTC', tags[1], tags[2], "
                "tags[3] IS NULL, profile, score, active FROM users WHERE id = 8"),
            "12345678901234.56789|00ffbf|2026-05-06 05:08:09.123456|a,b|c\"d|t|"
            "{\"k\": [1.50, \"x\"]}|(nil)|f");
}

TEST_F(PostgresWriteTest, BytesByAnotherNameAreBytes) {
  run("CREATE DOMAIN picture AS bytea; CREATE TABLE albums(id int PRIMARY KEY, cover picture); "
      "INSERT INTO albums VALUES (1, NULL)");
  const auto source = writable({.table = "albums", .fields = {"cover"}});
  ASSERT_TRUE(write(*source, "1", {{"cover", R"({"$base64":"AP8="})"}}));
  EXPECT_EQ(run("SELECT encode(cover, 'hex') FROM albums"), "00ff");
  EXPECT_EQ(shown(read(*source, "1")), R"({"cover":{"$base64" : "AP8="}})");
}

TEST_F(PostgresWriteTest, WhatIsReadIsWhatWasWritten) {
  const auto source = writable(
      {.table = "users", .fields = {"price", "photo", "since", "tags", "profile", "active"}});
  const std::string before = shown(read(*source, "7"));
  ASSERT_TRUE(write(*source, "8",
                    {{"price", "12345678901234.50000"},
                     {"photo", R"({"$base64":"AP8="})"},
                     {"since", R"("2026-01-02T02:04:05.678901+00:00")"},
                     {"tags", R"(["a","b \"c"])"},
                     {"profile", R"({"x": [1, null]})"},
                     {"active", "true"}}));
  EXPECT_EQ(shown(read(*source, "8")), before);
}

TEST_F(PostgresWriteTest, AMissingRowStaysMissingUnlessItIsToBeMade) {
  const auto source = writable(users_);
  const auto missing = write(*source, "9", {{"name", R"("New")"}});
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->found);
  EXPECT_EQ(missing->writes, 0u);
  for (const char* name : {R"("New")", R"("Newer")"}) {
    const auto made = write(*source, "9", {{"name", name}}, Mode::upsert);
    ASSERT_TRUE(made) << made.error().what;
    EXPECT_EQ(made->writes, 1u);
  }
  const auto merged = write(*source, "9", {{"score", "3"}}, Mode::upsert);
  EXPECT_TRUE(merged) << "it is there, with a name: " << merged.error().what;
  EXPECT_EQ(run("SELECT id, name, active, score FROM users WHERE id = 9"), "9|Newer|t|3");
  const auto removed = write(*source, "9", {}, Mode::remove);
  ASSERT_TRUE(removed) << removed.error().what;
  EXPECT_EQ(removed->deletes, 1u);
  EXPECT_FALSE(write(*source, "9", {}, Mode::remove)->found);
  EXPECT_EQ(run("SELECT count(*) FROM users"), "2");
}

TEST_F(PostgresWriteTest, AnotherSpellingOfTheKeyIsRefused) {
  const auto source = writable(users_);
  for (const Mode mode : {Mode::update, Mode::upsert, Mode::remove}) {
    const Fields fields = mode == Mode::remove ? Fields() : Fields{{"name", R"("X")"}};
    EXPECT_THAT(fault_of(write(*source, "007", fields, mode)),
                StartsWith("invalid-argument: the row's own key is \"7\""));
  }
  for (const std::string& strange :
       {std::string("x"), std::string("7\0", 2), std::string("\xff")}) {
    EXPECT_FALSE(write(*source, strange, {{"name", R"("X")"}})->found) << strange;
    EXPECT_FALSE(write(*source, strange, {}, Mode::remove)->found) << strange;
    EXPECT_THAT(fault_of(write(*source, strange, {{"name", R"("X")"}}, Mode::upsert)),
                StartsWith("invalid-argument: the entity is no "))
        << strange;
  }
  EXPECT_EQ(run("SELECT string_agg(name, ',' ORDER BY id) FROM users"), "Ada,Bob");
}

TEST_F(PostgresWriteTest, WhatTheServerRefusesNamesTheFieldWhereItCan) {
  run("ALTER TABLE users ADD CHECK (score < 10), ADD total int GENERATED ALWAYS AS (id * 2) "
      "STORED");
  const auto source = writable(users_);
  EXPECT_THAT(fault_of(write(*source, "7", {{"name", "null"}})),
              StartsWith("invalid-argument: name: null value in column"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"score", "11"}})),
              StartsWith("invalid-argument: new row for relation \"users\" violates check"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"score", R"("many")"}})),
              StartsWith("invalid-argument: invalid input syntax for type double precision"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"nome", "1"}})),
              StartsWith("invalid-argument: nome: table \"public\".\"users\" has no such column"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"total", "1"}})),
              StartsWith("invalid-argument: total: is computed"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"id", "1"}})),
              StartsWith("invalid-argument: id: is the key"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"photo", R"("text")"}})),
              StartsWith("invalid-argument: photo: bytes are given as"));
  EXPECT_THAT(fault_of(write(*source, "7", {{"photo", R"({"$base64":"!"})"}})),
              StartsWith("invalid-argument: photo: $base64"));
  EXPECT_EQ(run("SELECT name, score FROM users WHERE id = 7"), "Ada|1.5");
  EXPECT_TRUE(write(*source, "7", {{"score", "2"}})) << "the session is as good as before";
}

TEST_F(PostgresWriteTest, OnlyATableWithAUniqueKeyIsWritable) {
  run("CREATE VIEW names AS SELECT id, name FROM users");
  EXPECT_FALSE(writable({.table = "names", .fields = {"name"}})->is_writable());
  EXPECT_FALSE(writable({.table = "orders", .key = "owner", .fields = {"total"}})->is_writable());
  run("CREATE TABLE heirs() INHERITS (users)");
  EXPECT_FALSE(writable(users_)->is_writable()) << "a key may be in more than one";
  run("DROP TABLE heirs; CREATE TABLE alone(id int PRIMARY KEY)");
  EXPECT_TRUE(writable({.table = "alone", .fields = {"id"}})->is_writable());
  EXPECT_FALSE(ask(users_)->is_writable()) << "the database was not opened for it";
  EXPECT_THAT(fault({.table = "names", .fields = {"name"}, .writable = {"name"}}),
              HasSubstr("writable: names is no table"));
  EXPECT_THAT(
      fault({.table = "orders", .key = "owner", .fields = {"total"}, .writable = {"total"}}),
      HasSubstr("has no unique index on \"owner\" alone"));
  EXPECT_THAT(fault({.table = "users", .fields = {"name"}, .writable = {"nome"}}),
              HasSubstr("writable: column \"nome\" is not in table users"));
  EXPECT_THAT(fault({.table = "users", .fields = {"name"}, .writable = {"id"}}),
              HasSubstr("writable: column \"id\" is the key"));
  EXPECT_THAT(fault({.query = "SELECT name FROM users WHERE id = $1",
                     .fields = {"name"},
                     .writable = {"name"}}),
              HasSubstr("a query cannot be written to"));
}

TEST_F(PostgresWriteTest, SaysWhatElseChanges) {
  const auto source = writable(users_);
  EXPECT_THAT(write(*source, "8", {{"score", "1"}})->changed, IsEmpty());
  const std::vector<Dependency> removed = write(*source, "8", {}, Mode::remove)->changed;
  ASSERT_THAT(removed, SizeIs(2));
  EXPECT_EQ(removed[0].collection, "public.users");
  EXPECT_TRUE(removed[0].of_entity);
  EXPECT_EQ(removed[1].collection, "public.orders") << "its rows went along";
  EXPECT_FALSE(removed[1].of_entity);
  EXPECT_EQ(removed[1].database, removed[0].database);
  EXPECT_EQ(run("SELECT count(*) FROM orders WHERE owner = 8"), "0");

  run("ALTER TABLE users ADD twice float8 GENERATED ALWAYS AS (score * 2) STORED");
  const std::vector<Dependency> computed = write(*writable(users_), "7", {{"score", "3"}})->changed;
  ASSERT_THAT(computed, SizeIs(1));
  EXPECT_THAT(computed[0].fields, IsEmpty()) << "any column may have changed";
  EXPECT_TRUE(computed[0].of_entity);
}

TEST_F(PostgresWriteTest, AChangeThatWaitsEndsAtItsDeadline) {
  const auto source = writable(users_);
  auto other =
      kit::PostgresClient::connect(server_->port(), {{"user", "postgres"}, {"database", name_}});
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->query("BEGIN; UPDATE users SET score = 5 WHERE id = 7"));
  EXPECT_THAT(
      fault_of(write(*source, "7", {{"name", R"("Late")"}}, Mode::update, milliseconds(300))),
      StartsWith("timed-out: the PostgreSQL write was broken off at its deadline"));
  // The server has given it up: nothing waits for the lock any more, and nothing comes after it.
  EXPECT_TRUE(
      eventually([&] { return run("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0"; }));
  ASSERT_TRUE(other->query("COMMIT"));
  EXPECT_EQ(run("SELECT name, score FROM users WHERE id = 7"), "Ada|5");
  EXPECT_TRUE(write(*source, "7", {{"name", R"("Eva")"}}));
}

TEST_F(PostgresWriteTest, ASessionThatWasEndedFromThereIsReplacedBeforeAWrite) {
  const auto source = ask(users_, {.sessions = 1, .writable = true});
  for (int i = 0; i < 3; ++i) {
    const auto outcome = write(*source, "7", {{"score", std::to_string(i)}});
    ASSERT_TRUE(outcome) << outcome.error().what;
    run("SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE datname = '" + name_ +
        "' AND application_name = 'headrace'");
  }
  EXPECT_EQ(run("SELECT score FROM users WHERE id = 7"), "2");
}

}  // namespace
}  // namespace headrace
