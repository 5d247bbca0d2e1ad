// Writes through a SQLite source: what they do to the file, and what they refuse.
#include <filesystem>

#include "sources/sqlite/fixture.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

using Fields = std::vector<std::pair<std::string, std::string>>;

class SqliteWriteTest : public SqliteSourceTest {
 protected:
  std::shared_ptr<Source> writable(SqliteQuestion question, SqliteDatabaseOptions options = {}) {
    options.writable = true;
    auto source = ask_sqlite(open(options), std::move(question));
    EXPECT_TRUE(source.has_value()) << source.error().what;
    return source.value_or(nullptr);
  }
  Result<Written> write(Source& source, std::string entity, Fields fields,
                        Write::Mode mode = Write::Mode::update) {
    auto ended = pump_.wait_for(source.write({.entity = std::move(entity),
                                              .mode = mode,
                                              .fields = std::move(fields),
                                              .deadline = pump_.now() + seconds(10)}));
    return ended ? std::move(*ended) : failure(Code::closed, "no answer came");
  }
  static std::string fault_of(const Result<Written>& outcome) {
    return outcome ? "none"
                   : std::string(name_of(outcome.error().code)) + ": " + outcome.error().what;
  }
  std::string ask_file(const std::string& sql) {
    std::string text;
    sqlite3* database = nullptr;
    sqlite3_open(path_.c_str(), &database);
    sqlite3_exec(
        database, sql.c_str(),
        [](void* into, int columns, char** values, char**) {
          for (int i = 0; i < columns; ++i) {
            *static_cast<std::string*>(into) += std::string(values[i] ? values[i] : "NULL") + ";";
          }
          return 0;
        },
        &text, nullptr);
    sqlite3_close(database);
    return text;
  }
};

TEST_F(SqliteWriteTest, AnUpdateChangesTheNamedFieldsOfOneRow) {
  const auto source = writable({.table = "users", .fields = {"name", "score", "photo"}});
  ASSERT_TRUE(source->is_writable());
  const auto outcome = write(*source, "7",
                             {{"name", R"("Eva \"x\"")"},
                              {"score", "9007199254740993"},
                              {"photo", R"({"$base64":"AP8B"})"}});
  ASSERT_TRUE(outcome.has_value()) << fault_of(outcome);
  EXPECT_TRUE(outcome->found);
  EXPECT_EQ(outcome->writes, 1u);
  EXPECT_THAT(outcome->changed, IsEmpty());
  EXPECT_EQ(ask_file("SELECT name, hex(photo), secret FROM users WHERE id = 7"),
            "Eva \"x\";00FF01;s1;");
  EXPECT_EQ(ask_file("SELECT name FROM users WHERE id = 8"), "Bob;");
  ASSERT_TRUE(write(*source, "7", {{"name", "null"}}).has_value());
  EXPECT_EQ(ask_file("SELECT name FROM users WHERE id = 7"), "NULL;");
}

TEST_F(SqliteWriteTest, ValuesComeBackAsTheyWereWritten) {
  writer_.run("CREATE TABLE any(id TEXT PRIMARY KEY, v); INSERT INTO any VALUES ('a', 0)");
  const auto source = writable({.table = "any", .fields = {"v"}});
  for (const std::string json :
       {"9223372036854775807", "-1", "0.1", "1e+300", "1.0", "\"\"", "\"1\"", "null",
        R"({"$base64":"AP8="})", R"("\u0000\u001f")", "\"\xf0\x9f\x98\x80\""}) {
    ASSERT_TRUE(write(*source, "a", {{"v", json}}).has_value()) << json;
    EXPECT_EQ(shown(read(*source, "a")), "{\"v\":" + json + "}");
  }
}

TEST_F(SqliteWriteTest, WhatIsNotThereIsNotFound) {
  const auto source = writable({.table = "users", .fields = {"name"}});
  for (const auto mode : {Write::Mode::update, Write::Mode::remove}) {
    Fields fields;
    if (mode == Write::Mode::update) fields = {{"name", "\"x\""}};
    const auto outcome = write(*source, "99", fields, mode);
    ASSERT_TRUE(outcome.has_value()) << fault_of(outcome);
    EXPECT_FALSE(outcome->found);
    EXPECT_EQ(outcome->writes + outcome->deletes, 0u);
  }
  EXPECT_EQ(ask_file("SELECT count(*) FROM users"), "2;");
}

TEST_F(SqliteWriteTest, UpsertAndRemove) {
  const auto source = writable({.table = "users", .fields = {"name"}});
  for (const std::string entity : {"9", "7"}) {
    const auto made = write(*source, entity, {{"name", "\"new\""}}, Write::Mode::upsert);
    ASSERT_TRUE(made.has_value()) << fault_of(made);
    EXPECT_TRUE(made->found);
    EXPECT_EQ(shown(read(*source, entity)), R"({"name":"new"})");
  }
  EXPECT_EQ(ask_file("SELECT secret FROM users WHERE id = 7"), "s1;");  // Merged.
  const auto gone = write(*source, "9", {}, Write::Mode::remove);
  ASSERT_TRUE(gone.has_value()) << fault_of(gone);
  EXPECT_EQ(gone->deletes, 1u);
  EXPECT_EQ(shown(read(*source, "9")), "absent");
}

TEST_F(SqliteWriteTest, AConstraintIsTheCallersFault) {
  writer_.run(R"(
    CREATE TABLE strict(id INTEGER PRIMARY KEY, age INTEGER NOT NULL CHECK (age < 200),
                        mail TEXT UNIQUE ON CONFLICT REPLACE) STRICT;
    INSERT INTO strict VALUES (1, 30, 'a'), (2, 40, 'b'))");
  const auto source = writable({.table = "strict", .fields = {"age"}});
  EXPECT_EQ(fault_of(write(*source, "1", {{"age", "null"}})),
            "invalid-argument: age: NOT NULL constraint failed: strict.age");
  EXPECT_THAT(fault_of(write(*source, "1", {{"age", "\"old\""}})),
              HasSubstr("invalid-argument: age: cannot store TEXT value"));
  EXPECT_THAT(fault_of(write(*source, "1", {{"age", "300"}})),
              HasSubstr("invalid-argument: CHECK constraint failed"));
  // The table would let the other row go: a write through Headrace does not.
  EXPECT_EQ(fault_of(write(*source, "1", {{"mail", "\"b\""}})),
            "invalid-argument: mail: UNIQUE constraint failed: strict.mail");
  EXPECT_THAT(fault_of(write(*source, "x", {{"age", "1"}}, Write::Mode::upsert)),
              HasSubstr("invalid-argument: datatype mismatch"));
  EXPECT_EQ(fault_of(write(*source, "1", {{"age", "[1]"}})).substr(0, 21), "invalid-argument: age");
  EXPECT_THAT(fault_of(write(*source, "1", {{"agee", "1"}})), HasSubstr("no such column"));
  EXPECT_EQ(ask_file("SELECT id, age, mail FROM strict"), "1;30;a;2;40;b;");
}

TEST_F(SqliteWriteTest, OneWriteIsOneRowUnderItsOwnName) {
  const auto users = writable({.table = "users", .fields = {"name"}});
  EXPECT_THAT(fault_of(write(*users, "007", {{"name", "\"x\""}})),
              HasSubstr("invalid-argument: the row's own key is \"7\""));
  EXPECT_THAT(fault_of(write(*users, "009", {{"name", "\"x\""}}, Write::Mode::upsert)),
              HasSubstr("the row's own key is \"9\""));
  EXPECT_THAT(fault_of(write(*users, "007", {}, Write::Mode::remove)),
              HasSubstr("the row's own key is \"7\""));
  const auto orders = writable({.table = "orders", .key = "user", .fields = {"total"}});
  EXPECT_THAT(fault_of(write(*orders, "7", {{"total", "1"}})), HasSubstr("more than one row"));
  EXPECT_EQ(ask_file("SELECT count(*), min(name) FROM users"), "2;Ada;");
  EXPECT_EQ(ask_file("SELECT sum(total) FROM orders"), "60;");
}

TEST_F(SqliteWriteTest, WhatTriggersAndComputedColumnsChangeIsSaid) {
  writer_.run(R"(
    CREATE TABLE docs(id INTEGER PRIMARY KEY, text TEXT, size AS (length(text)));
    CREATE TABLE log(text TEXT);
    CREATE TABLE plain(id INTEGER PRIMARY KEY, text TEXT);
    CREATE TRIGGER noted AFTER UPDATE ON plain BEGIN INSERT INTO log VALUES (new.text); END;
    INSERT INTO docs(id, text) VALUES (1, 'a'); INSERT INTO plain VALUES (1, 'a');)");
  const auto docs = writable({.table = "docs", .fields = {"size"}});
  const auto computed = write(*docs, "1", {{"text", "\"abc\""}});
  ASSERT_TRUE(computed.has_value()) << fault_of(computed);
  ASSERT_THAT(computed->changed, SizeIs(1));
  EXPECT_EQ(computed->changed[0].collection, "docs");
  EXPECT_THAT(computed->changed[0].fields, IsEmpty());
  EXPECT_TRUE(computed->changed[0].of_entity);

  const auto plain = writable({.table = "plain", .fields = {"text"}});
  const auto noted = write(*plain, "1", {{"text", "\"b\""}});
  ASSERT_TRUE(noted.has_value()) << fault_of(noted);
  ASSERT_THAT(noted->changed, SizeIs(2));
  EXPECT_THAT(noted->changed[0].fields, ElementsAre("text"));
  EXPECT_EQ(noted->changed[1].collection, "log");
  EXPECT_FALSE(noted->changed[1].of_entity);
  EXPECT_EQ(noted->changed[1].database, plain->dependencies().front().database);
  EXPECT_EQ(ask_file("SELECT text FROM log"), "b;");
}

TEST_F(SqliteWriteTest, DependenciesSayWhetherAnEntityNamesARow) {
  const auto database = open();
  const auto of = [&](SqliteQuestion question) {
    return ask_sqlite(database, std::move(question)).value()->dependencies();
  };
  const auto users = of({.table = "USERS", .fields = {"name"}});
  ASSERT_THAT(users, SizeIs(1));
  // One file is one database, however often and by whatever name it is opened.
  const auto again =
      open_sqlite_database({.path = folder_.file("./app.db"), .threads = 1}, pump_, pump_);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(ask_sqlite(*again, {.table = "users", .fields = {"name"}})
                .value()
                ->dependencies()[0]
                .database,
            users[0].database);
  std::filesystem::copy_file(path_, folder_.file("other.db"),
                             std::filesystem::copy_options::overwrite_existing);
  const auto copy = open_sqlite_database({.path = folder_.file("other.db")}, pump_, pump_);
  EXPECT_NE(
      ask_sqlite(*copy, {.table = "users", .fields = {"name"}}).value()->dependencies()[0].database,
      users[0].database);
  EXPECT_EQ(users[0].collection, "users");
  EXPECT_THAT(users[0].fields, testing::UnorderedElementsAre("name", "id"));
  EXPECT_TRUE(users[0].of_entity);
  // By another column, or without a primary key, only all rows can be meant.
  EXPECT_FALSE(of({.table = "users", .key = "name", .fields = {"score"}})[0].of_entity);
  EXPECT_FALSE(of({.table = "codes", .key = "code", .fields = {"meaning"}})[0].of_entity);
  const auto query = of({.query = "SELECT count(*) AS n FROM orders JOIN users ON id = user "
                                  "WHERE name = ?",
                         .fields = {"n"}});
  ASSERT_THAT(query, SizeIs(2));
  EXPECT_FALSE(query[0].of_entity || query[1].of_entity);
  writer_.run("CREATE VIEW seen AS SELECT id, name FROM users");
  for (const Dependency& one : of({.table = "seen", .fields = {"name"}})) {
    EXPECT_FALSE(one.of_entity);
  }
}

TEST_F(SqliteWriteTest, WhatCannotBeWrittenIsToldWhenItIsAsked) {
  writer_.run("CREATE VIEW seen AS SELECT id, name FROM users");
  const auto fault = [&](SqliteQuestion question) {
    auto asked = ask_sqlite(open({.writable = true}), std::move(question));
    return asked ? std::string("none") : asked.error().what;
  };
  EXPECT_EQ(fault({.table = "users", .fields = {"name"}, .writable = {"secret"}}), "none");
  EXPECT_THAT(fault({.table = "users", .fields = {"name"}, .writable = {"nmae"}}),
              HasSubstr("writable: column \"nmae\" is not in table \"users\""));
  EXPECT_THAT(fault({.table = "users", .fields = {"name"}, .writable = {"ID"}}),
              HasSubstr("is the key"));
  EXPECT_THAT(fault({.table = "seen", .fields = {"name"}, .writable = {"name"}}),
              HasSubstr("is no table"));
  EXPECT_THAT(fault({.query = "SELECT name FROM users WHERE id = ?",
                     .fields = {"name"},
                     .writable = {"name"}}),
              HasSubstr("a query cannot be written to"));
}

TEST_F(SqliteWriteTest, WithoutLeaveNothingIsWritten) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  EXPECT_FALSE(source->is_writable());
  EXPECT_THAT(fault_of(write(*source, "7", {{"name", "\"x\""}})), HasSubstr("cannot be written"));
  EXPECT_EQ(ask_file("SELECT name FROM users WHERE id = 7"), "Ada;");
}

TEST_F(SqliteWriteTest, ALockedFileAndALateWriteChangeNothing) {
  const auto source = writable({.table = "users", .fields = {"name"}});
  writer_.run("BEGIN IMMEDIATE");
  EXPECT_THAT(fault_of(write(*source, "7", {{"name", "\"x\""}})), HasSubstr("source-unavailable"));
  writer_.run("ROLLBACK");
  EXPECT_THAT(fault_of(*pump_.wait_for(source->write(
                  {.entity = "7", .fields = {{"name", "\"x\""}}, .deadline = pump_.now()}))),
              HasSubstr("timed-out: the SQLite write did not begin"));
  EXPECT_EQ(ask_file("SELECT name FROM users WHERE id = 7"), "Ada;");
  EXPECT_TRUE(write(*source, "7", {{"name", "\"x\""}}).has_value());
}

TEST_F(SqliteWriteTest, ARunningWriteIsRolledBackAtItsDeadline) {
  writer_.run(R"(
    CREATE TRIGGER endless AFTER UPDATE ON users BEGIN
      UPDATE codes SET meaning = (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n)
                                  SELECT count(*) FROM n); END)");
  const auto source = writable({.table = "users", .fields = {"name"}});
  std::optional<Result<Written>> outcome;
  start(source->write(
            {.entity = "7", .fields = {{"name", "\"x\""}}, .deadline = pump_.now() + seconds(5)}),
        [&outcome](Result<Written> ended) { outcome = std::move(ended); });
  const std::uint64_t begin = pump_.readings();
  ASSERT_TRUE(pump_.run_until([&] { return pump_.readings() > begin + 10; }));
  pump_.advance(seconds(5));
  ASSERT_TRUE(pump_.run_until([&] { return outcome.has_value(); }));
  EXPECT_THAT(fault_of(*outcome), HasSubstr("timed-out: the SQLite write was broken off"));
  EXPECT_EQ(ask_file("SELECT name FROM users WHERE id = 7"), "Ada;");
}

TEST_F(SqliteWriteTest, AFullQueueRefusesAndSaysWhich) {
  const auto source = writable({.table = "users", .fields = {"name"}}, {.queue_max = 1});
  writer_.run("BEGIN IMMEDIATE");  // The thread waits for it.
  std::vector<std::string> ended;
  for (int i = 0; i < 3; ++i) {
    start(
        source->write(
            {.entity = "7", .fields = {{"name", "\"x\""}}, .deadline = pump_.now() + seconds(10)}),
        [&ended](const Result<Written>& outcome) { ended.push_back(fault_of(outcome)); });
  }
  ASSERT_GE(ended.size(), 1u);
  EXPECT_THAT(ended.back(), HasSubstr("refused: queue_max"));
  writer_.run("ROLLBACK");
  EXPECT_TRUE(pump_.run_until([&ended] { return ended.size() == 3; }));
}

}  // namespace
}  // namespace headrace
