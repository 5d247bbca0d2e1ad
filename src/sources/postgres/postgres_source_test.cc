// Questions to a PostgreSQL database: what they answer, and what is wrong with some.
#include "sources/postgres/fixture.h"

namespace headrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using testing::UnorderedElementsAre;
using Rows = SqlQuestion::Rows;

TEST_F(PostgresSourceTest, TakesTheFieldsInTheirOrderWithAllThatTheyAre) {
  const auto source = ask(
      {.table = "users",
       .fields = {"score", "name", "photo", "price", "since", "tags", "profile", "active", "id"}});
  const Result<Fetched> ada = read(*source, "7");
  EXPECT_EQ(
      shown(ada),
      R"({"score":1.5,"name":"Ada","photo":{"$base64" : "AP8="},"price":12345678901234.50000,)"
      R"("since":"2026-01-02T02:04:05.678901+00:00","tags":["a","b \"c"],)"
      R"("profile":{"x": [1, null]},"active":true,"id":7})");
  EXPECT_EQ(ada->billed, 1u);
  EXPECT_EQ(shown(read(*source, "8")),
            R"({"score":null,"name":"Bob","photo":null,"price":null,"since":null,"tags":null,)"
            R"("profile":null,"active":true,"id":8})");
}

TEST_F(PostgresSourceTest, HowTheRoleIsSetUpDoesNotMatter) {
  run("ALTER TABLE users ADD days daterange DEFAULT '[2026-01-02,2026-01-05)'; ALTER DATABASE " +
      name_ + " SET datestyle = 'German'; ALTER DATABASE " + name_ +
      " SET timezone = 'Asia/Tokyo'; ALTER DATABASE " + name_ +
      " SET bytea_output = 'escape'; "
      "ALTER DATABASE " +
      name_ +
      " SET client_encoding = 'LATIN1'; "
      "UPDATE users SET name = U&'\\00e9\\20ac' WHERE id = 7");
  const auto source = ask({.table = "users", .fields = {"since", "name", "days"}});
  EXPECT_EQ(shown(read(*source, "7")),
            "{\"since\":\"2026-01-02T02:04:05.678901+00:00\",\"name\":\"\u00e9\u20ac\",\"days\":\"["
            "2026-01-02,2026-01-05)\"}");
}

TEST_F(PostgresSourceTest, AMissingRowIsAbsentAndBilled) {
  const auto source = ask({.table = "users", .fields = {"name"}});
  const Result<Fetched> nobody = read(*source, "9");
  EXPECT_EQ(shown(nobody), "absent");
  EXPECT_EQ(nobody->billed, 1u);
}

TEST_F(PostgresSourceTest, TablesAreNamedAsInSqlAndColumnsByTheirVeryNames) {
  run("CREATE SCHEMA shop; CREATE TABLE shop.\"Odd \"\"One\"(\"the key\" text, \"a \"\"b\" text); "
      "INSERT INTO shop.\"Odd \"\"One\" VALUES ('x', 'y')");
  const auto odd = ask({.table = "shop.\"Odd \"\"One\"", .key = "the key", .fields = {"a \"b"}});
  EXPECT_EQ(shown(read(*odd, "x")), R"({"a \"b":"y"})");
  EXPECT_EQ(shown(read(*odd, "x' OR 1=1 --")), "absent");
  EXPECT_EQ(shown(read(*ask({.table = "Users", .fields = {"name"}}), "7")), R"({"name":"Ada"})");
}

TEST_F(PostgresSourceTest, SingleAndBatchAgreeOnEveryKey) {
  run("CREATE TABLE codes(code text, short varchar(9), fixed char(4), big bigint, one uuid, "
      "at date, yes bool); "
      "INSERT INTO codes VALUES ('7', '7', '7', 7, '00000000-0000-0000-0000-000000000007', "
      "'2026-01-07', true), ('', '', '', 9223372036854775807, NULL, NULL, NULL)");
  const std::vector<std::string> entities = {"7",
                                             "007",
                                             "7.0",
                                             " 7",
                                             "8",
                                             "",
                                             "x",
                                             "7e0",
                                             "9223372036854775807",
                                             "9223372036854775808",
                                             "7 ",
                                             std::string("7\0", 2),
                                             "\xff",
                                             "\"",
                                             "\\",
                                             "{",
                                             ",",
                                             "NULL",
                                             "true",
                                             "t",
                                             "2026-01-07",
                                             "Jan 7 2026",
                                             "00000000-0000-0000-0000-000000000007",
                                             "{00000000-0000-0000-0000-000000000007}"};
  for (const char* key : {"code", "short", "fixed", "big", "one", "at", "yes"}) {
    const auto source = ask({.table = "codes", .key = key, .fields = {"code", "big"}});
    const auto batch = read_many(*source, entities);
    ASSERT_EQ(batch.size(), entities.size());
    int found = 0;
    for (std::size_t i = 0; i < entities.size(); ++i) {
      const auto single = read(*source, entities[i]);
      EXPECT_EQ(shown(batch[i]), shown(single)) << key << " [" << entities[i] << "]";
      found += shown(single).starts_with('{') ? 1 : 0;
    }
    EXPECT_GT(found, 0) << key;
  }
  const auto users = ask({.table = "users", .fields = {"name"}});
  EXPECT_EQ(shown(read(*users, "007")), R"({"name":"Ada"})");
  EXPECT_EQ(shown(read(*users, "x")), "absent");
}

TEST_F(PostgresSourceTest, BatchesOfEverySizeKeepTheirOrder) {
  run("INSERT INTO users(id, name) SELECT i, 'n' || i FROM generate_series(100, 400) AS i");
  const auto source = ask({.table = "users", .fields = {"name"}});
  EXPECT_EQ(source->batch_max(), 256u);
  for (const int size : {1, 2, 5, 255, 256}) {
    std::vector<std::string> entities;
    for (int i = 0; i < size; ++i) {
      entities.push_back(std::to_string(400 - i + (i % 3 == 0 ? 1000 : 0)));
    }
    const auto answers = read_many(*source, entities);
    ASSERT_EQ(answers.size(), entities.size());
    for (int i = 0; i < size; ++i) {
      const std::string want =
          i % 3 == 0 ? "absent" : R"({"name":"n)" + std::to_string(400 - i) + "\"}";
      ASSERT_EQ(shown(answers[static_cast<std::size_t>(i)]), want) << size << " " << i;
    }
  }
}

TEST_F(PostgresSourceTest, ABatchIsOneStatement) {
  const auto source = ask({.table = "users", .fields = {"name"}}, {.sessions = 1});
  const auto asked = [this] {
    return run("SELECT count(*) FROM pg_stat_activity WHERE datname = '" + name_ +
               "' AND application_name = 'headrace' AND query LIKE '%unnest%'");
  };
  EXPECT_EQ(shown(read(*source, "7")), R"({"name":"Ada"})");
  EXPECT_EQ(asked(), "0") << "one by itself";
  EXPECT_THAT(read_many(*source, {"7", "8", "9"}), SizeIs(3));
  EXPECT_EQ(asked(), "1") << "the session's last statement named them all";
}

TEST_F(PostgresSourceTest, ManyRowsAreAnArrayInTheQuerysOrder) {
  const auto source = ask({.query = "SELECT number, total FROM orders WHERE owner = $1 "
                                    "ORDER BY total DESC -- all of them",
                           .fields = {"total"},
                           .rows = Rows::many});
  const Result<Fetched> ada = read(*source, "7");
  EXPECT_EQ(shown(ada), R"([{"total":20},{"total":10}])");
  EXPECT_EQ(ada->billed, 2u);
  const Result<Fetched> nobody = read(*source, "9");
  EXPECT_EQ(shown(nobody), "[]");
  EXPECT_TRUE(nobody->empty);
  EXPECT_EQ(source->batch_max(), 1u);
  EXPECT_THAT(source->dependencies(), IsEmpty()) << "nobody can say";
  const auto ended = ask({.query = "SELECT name FROM users WHERE id = $1 ; ", .fields = {"name"}});
  EXPECT_EQ(shown(read(*ended, "7")), R"({"name":"Ada"})");
}

TEST_F(PostgresSourceTest, RowsHaveALimitThatIsTold) {
  const SqlQuestion many{
      .table = "orders", .key = "owner", .fields = {"total"}, .rows = Rows::many, .rows_max = 1};
  const auto source = ask(many);
  EXPECT_THAT(shown(read(*source, "7")), StartsWith("source-failed: more rows than rows_max"));
  EXPECT_EQ(shown(read(*source, "8")), R"([{"total":30}])");
  const auto both = read_many(*source, {"7", "8"});
  EXPECT_THAT(shown(both[0]), StartsWith("source-failed: more rows than rows_max"));
  EXPECT_EQ(shown(both[1]), R"([{"total":30}])");
  const auto one = ask({.table = "orders", .key = "owner", .fields = {"total"}});
  EXPECT_THAT(shown(read(*one, "7")), StartsWith("source-failed: more than one row"));
}

TEST_F(PostgresSourceTest, WhatIsWrongWithAQuestionIsToldInTheServersWords) {
  EXPECT_THAT(fault({.table = "nobody", .fields = {"a"}}),
              StartsWith("invalid-argument: there is no table nobody"));
  EXPECT_THAT(fault({.table = "users", .fields = {"nome"}}),
              HasSubstr("PostgreSQL says: column s.nome does not exist"));
  EXPECT_THAT(fault({.table = "users", .key = "ID", .fields = {"name"}}),
              HasSubstr("column s.ID does not exist"));
  EXPECT_THAT(fault({.query = "SELECT name FROM users", .fields = {"name"}}),
              HasSubstr("the query has 0 parameters; it must have one, $1"));
  EXPECT_THAT(
      fault({.query = "SELECT name FROM users WHERE id = $1 AND name = $2", .fields = {"name"}}),
      HasSubstr("has 2 parameters"));
  EXPECT_THAT(fault({.query = "SELECT name FROM users WHERE id = $1", .fields = {"score"}}),
              HasSubstr("column s.score does not exist"));
  EXPECT_THAT(
      fault({.query = "DELETE FROM users WHERE id = $1 RETURNING name", .fields = {"name"}}),
      HasSubstr("PostgreSQL says: "));
  EXPECT_THAT(fault({.table = "users", .fields = {}}), HasSubstr("no fields are named"));
  EXPECT_THAT(fault({.query = "SELECT name FROM users WHERE id = $1) AS s; DROP TABLE orders; --",
                     .fields = {"name"}}),
              HasSubstr("PostgreSQL says: "));
  EXPECT_EQ(run("SELECT count(*) FROM orders"), "3");
}

TEST_F(PostgresSourceTest, NoQuestionCanWrite) {
  run("CREATE FUNCTION grow(who int) RETURNS int LANGUAGE sql AS "
      "'UPDATE users SET score = 9 WHERE id = who RETURNING id'");
  const auto source = ask({.query = "SELECT grow($1) AS id", .fields = {"id"}});
  EXPECT_THAT(shown(read(*source, "7")), HasSubstr("read-only transaction"));
  EXPECT_EQ(run("SELECT score FROM users WHERE id = 7"), "1.5");
}

TEST_F(PostgresSourceTest, AnErrorOfTheirOwnIsNoAbsence) {
  run("CREATE VIEW strange AS SELECT id, name::int AS number FROM users");
  const auto view = ask({.table = "strange", .fields = {"number"}});
  EXPECT_THAT(shown(read(*view, "7")), StartsWith("source-failed: "));
  const auto query =
      ask({.query = "SELECT name::int AS n FROM users WHERE id = $1", .fields = {"n"}});
  EXPECT_THAT(shown(read(*query, "7")), HasSubstr("invalid input syntax for type integer"));
}

// What one asks for has nothing to do with the others.
TEST_F(PostgresSourceTest, OneThatCannotBeAnsweredSpoilsNoBatch) {
  run("CREATE VIEW shares AS SELECT id, 10 / (id - 7) AS share FROM users");
  const auto source = ask({.table = "shares", .fields = {"share"}});
  const auto all = read_many(*source, {"8", "7", "x", "9"});
  EXPECT_EQ(shown(all[0]), R"({"share":10})");
  EXPECT_THAT(shown(all[1]), HasSubstr("division by zero"));
  EXPECT_THAT(shown(all[2]), StartsWith("source-failed: "));
  EXPECT_EQ(shown(all[3]), "absent");
}

TEST_F(PostgresSourceTest, NoNameOfAColumnIsInTheWay) {
  run("CREATE TABLE letters(a int, e int, n int, s int, x int, k int PRIMARY KEY); "
      "INSERT INTO letters VALUES (1, 2, 3, 4, 5, 6)");
  for (const std::vector<std::string>& fields :
       {std::vector<std::string>{"a", "e", "n", "s", "x"}, std::vector<std::string>{"a"}}) {
    const auto source = ask({.table = "letters", .key = "k", .fields = fields});
    const std::string single = shown(read(*source, "6"));
    EXPECT_THAT(single, StartsWith(R"({"a":1)"));
    EXPECT_EQ(shown(read_many(*source, {"5", "6"})[1]), single);
  }
  const auto query = ask({.query = "SELECT x, s FROM letters WHERE k = $1", .fields = {"s"}});
  EXPECT_EQ(shown(read(*query, "6")), R"({"s":4})");
}

TEST_F(PostgresSourceTest, KeysThatAreListsThemselvesAreAskedForOneByOne) {
  run("CREATE TABLE paths(path int[] PRIMARY KEY, name text); INSERT INTO paths VALUES ('{1,2}', "
      "'a')");
  const auto source = ask({.table = "paths", .key = "path", .fields = {"name"}});
  EXPECT_EQ(source->batch_max(), 1u);
  EXPECT_EQ(shown(read(*source, "{1,2}")), R"({"name":"a"})");
}

TEST_F(PostgresSourceTest, SaysWhatItsAnswersAreMadeOf) {
  run("CREATE VIEW rich AS SELECT u.id, o.total FROM users AS u JOIN orders AS o ON o.owner = u.id;"
      "CREATE VIEW richer AS SELECT id FROM rich WHERE total > 5");
  const auto users = ask({.table = "public.users", .fields = {"name", "score"}});
  const std::vector<Dependency> reads = users->dependencies();
  ASSERT_THAT(reads, SizeIs(1));
  EXPECT_THAT(reads[0].database, StartsWith("postgres 127.0.0.1:"));
  EXPECT_THAT(reads[0].database, HasSubstr(name_));
  EXPECT_EQ(reads[0].collection, "public.users");
  EXPECT_THAT(reads[0].fields, ElementsAre("name", "score", "id"));
  EXPECT_TRUE(reads[0].of_entity);
  const auto by_owner = ask({.table = "orders", .key = "owner", .fields = {"total"}});
  EXPECT_FALSE(by_owner->dependencies().at(0).of_entity);
  std::vector<std::string> tables;
  for (const Dependency& one : ask({.table = "richer", .fields = {"id"}})->dependencies()) {
    EXPECT_FALSE(one.of_entity);
    EXPECT_THAT(one.fields, IsEmpty());
    tables.push_back(one.collection);
  }
  EXPECT_THAT(tables, UnorderedElementsAre("public.users", "public.orders"));
}

TEST_F(PostgresSourceTest, ManyMoreQuestionsThanStatementsAreKept) {
  const auto database = open({.sessions = 1});
  std::vector<std::shared_ptr<Source>> sources;
  for (std::size_t i = 0; i < 600; ++i) {
    auto source = ask_postgres(database, {.table = "users", .fields = {"name"}});
    ASSERT_TRUE(source);
    sources.push_back(*source);
    ASSERT_EQ(shown(read(*sources.back(), "7")), R"({"name":"Ada"})");
  }
  EXPECT_EQ(shown(read(*sources.front(), "8")), R"({"name":"Bob"})");
}

}  // namespace
}  // namespace headrace
