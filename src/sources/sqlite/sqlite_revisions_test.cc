// When revisions in SQLite change, and when not.
#include "sources/sqlite/revisions.h"

#include "sources/sqlite/revisions_fixture.h"

namespace headrace {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::StartsWith;

TEST_F(SqliteRevisionsTest, EveryKindOfChangeIsSeen) {
  install({"orders", "progress"});
  for (const char* change :
       {"INSERT INTO orders VALUES (7, 40)", "UPDATE orders SET total = 41 WHERE total = 40",
        "DELETE FROM orders WHERE total = 10",  // An old row.
        "INSERT OR IGNORE INTO orders VALUES (7, 50)", "REPLACE INTO orders VALUES (7, 50)",
        "UPDATE OR IGNORE orders SET total = 51", "INSERT INTO orders SELECT 7, 1",
        "BEGIN; SAVEPOINT s; DELETE FROM orders; ROLLBACK TO s; DELETE FROM orders; END",
        "INSERT INTO orders VALUES (7, 1)", "DELETE FROM orders"}) {
    EXPECT_THAT(changed_by({orders_}, change), ElementsAre(true)) << change;
  }
  EXPECT_THAT(changed_by({{.table = "progress"}}, "DELETE FROM users WHERE id = 7"),
              ElementsAre(true))
      << "by a cascade";
}

TEST_F(SqliteRevisionsTest, WhatTouchesNoRowCostsNothing) {
  install({"orders", "orders[user]"});
  const std::vector<Part> parts{orders_, {.table = "orders", .column = "user", .value = "7"}};
  for (const char* nothing :
       {"SELECT * FROM orders", "UPDATE orders SET total = 0 WHERE user = 99",
        "DELETE FROM orders WHERE user = 99", "INSERT INTO orders SELECT 7, 1 WHERE 0",
        "UPDATE users SET name = 'Eve' WHERE id = 8", "BEGIN; DELETE FROM orders; ROLLBACK",
        "BEGIN; SAVEPOINT s; DELETE FROM orders; ROLLBACK TO s; COMMIT"}) {
    EXPECT_THAT(changed_by(parts, nothing), Each(false)) << nothing;
  }
}

TEST_F(SqliteRevisionsTest, AValueChangesWithItsOwnRowsAlone) {
  install({"progress[user_id]", "progress[course]"});
  const std::vector<Part> parts{of_user("7"),
                                of_user("8"),
                                of_user("9"),
                                {.table = "progress", .column = "course", .value = "a"}};
  writer_.run("INSERT INTO users(id) VALUES (9)");
  EXPECT_THAT(changed_by(parts, "UPDATE progress SET done = 1 WHERE user_id = 7 AND course = 'b'"),
              ElementsAre(true, false, false, false));
  EXPECT_THAT(
      changed_by(parts, "UPDATE progress SET user_id = 9 WHERE user_id = 7 AND course = 'b'"),
      ElementsAre(true, false, true, false));
  EXPECT_THAT(changed_by(parts,
                         "INSERT INTO progress VALUES (8, 'b', 5), (8, 'b', 6) "
                         "ON CONFLICT DO UPDATE SET done = excluded.done"),
              ElementsAre(false, true, false, false));
  EXPECT_THAT(changed_by(parts, "INSERT INTO progress VALUES (NULL, 'c', 1)"), Each(false));
  EXPECT_THAT(changed_by(parts, "INSERT OR IGNORE INTO progress VALUES (8, 'a', 9)"), Each(false));
  EXPECT_THAT(changed_by(parts, "DELETE FROM users WHERE id = 9"),
              ElementsAre(false, false, true, false));
  EXPECT_THAT(changed_by(parts, "DELETE FROM progress"), ElementsAre(true, true, false, true));
}

// With and without the triggers for DELETE that SQLite leaves out.
TEST_F(SqliteRevisionsTest, ARowThatIsReplacedLeavesItsValue) {
  writer_.run(R"(
    CREATE TABLE seats(id INTEGER PRIMARY KEY, place TEXT UNIQUE COLLATE NOCASE, tag TEXT
      NOT NULL DEFAULT 'none', who INTEGER, twice TEXT AS (place || place), UNIQUE (tag, who));
    CREATE UNIQUE INDEX early ON seats(who) WHERE id < 10;
    CREATE UNIQUE INDEX twice ON seats(twice);
    CREATE TABLE plain(rowid TEXT, who INTEGER);
    CREATE TABLE keyed(a TEXT, b INTEGER, who INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID;)");
  install({"seats[who]", "plain[who]", "keyed[who]"});
  const std::string fill =
      "DELETE FROM seats; DELETE FROM plain; DELETE FROM keyed; INSERT INTO seats(id, place, tag, "
      "who) VALUES (1, 'a', 'x', 7), (20, 'b', 'y', 8); INSERT INTO plain(oid, who) VALUES "
      "(1, 7), (2, 8); INSERT INTO keyed VALUES ('a', 1, 7), ('b', 2, 8)";
  const auto seven = [](const char* table) {
    return Part{.table = table, .column = "who", .value = "7"};
  };
  for (const char* recursive : {"0", "1"}) {
    writer_.run("PRAGMA recursive_triggers = " + std::string(recursive));
    for (const auto& [table, change] : std::initializer_list<std::pair<const char*, const char*>>{
             {"seats", "REPLACE INTO seats(id, who) VALUES (1, 9)"},
             {"seats", "REPLACE INTO seats(id, place, who) VALUES (30, 'A', 9)"},
             {"seats", "INSERT OR REPLACE INTO seats(tag, who) SELECT 'z', 9 UNION SELECT 'x', 7"},
             {"seats", "UPDATE OR REPLACE seats SET id = 1 WHERE id = 20"},
             {"seats", "UPDATE OR REPLACE seats SET place = 'a' WHERE id = 20"},
             {"plain", "REPLACE INTO plain(oid, who) VALUES (1, 9)"},
             {"keyed", "REPLACE INTO keyed VALUES ('a', 1, 9)"},
             {"keyed", "UPDATE OR REPLACE keyed SET a = 'a', b = 1 WHERE who = 8"},
             {"keyed", "UPDATE keyed SET a = 'c', who = 9 WHERE who = 7"}}) {
      writer_.run(fill);
      EXPECT_THAT(changed_by({seven(table)}, change), ElementsAre(true)) << change;
    }
    EXPECT_THAT(changed_by({seven("plain")}, "INSERT INTO plain(who) VALUES (9)"),
                ElementsAre(false));
  }
}

// REPLACE puts the default where NULL may not be, and that may be in another row's way.
TEST_F(SqliteRevisionsTest, ADefaultThatReplacesIsSeen) {
  writer_.run(
      "CREATE TABLE a(k TEXT NOT NULL DEFAULT 'none' UNIQUE, who INTEGER); "
      "INSERT INTO a VALUES ('none', 7)");
  install({"a[who]"});
  EXPECT_THAT(changed_by({{.table = "a", .column = "who", .value = "7"}},
                         "REPLACE INTO a VALUES (NULL, 9)"),
              ElementsAre(true));
}

TEST_F(SqliteRevisionsTest, AnotherSpellingIsTheSameValue) {
  writer_.run("CREATE TABLE odd(number INTEGER, name VARCHAR(9), price DECIMAL)");
  install({"odd[number]", "odd[name]", "odd[price]"});
  const std::vector<Part> parts{{.table = "ODD", .column = "Number", .value = "007"},
                                {.table = "odd", .column = "number", .value = "7.0"},
                                {.table = "odd", .column = "number", .value = "x"},
                                {.table = "odd", .column = "number", .value = "0"},
                                {.table = "odd", .column = "name", .value = "007"},
                                {.table = "odd", .column = "name", .value = "7"},
                                {.table = "odd", .column = "price", .value = "1.50"}};
  EXPECT_THAT(changed_by(parts, "INSERT INTO odd VALUES ('7', 7, 1.5)"),
              ElementsAre(true, true, false, false, false, true, true));
  EXPECT_THAT(changed_by(parts, "INSERT INTO odd VALUES ('x', '007', 2)"),
              ElementsAre(false, false, true, false, true, false, false));
  for (const Part& part : parts) {
    const auto one = read({part});
    ASSERT_TRUE(one);
    const bool is_own = part.value == "0" || part.column == "name";
    EXPECT_EQ(one->front().own_spelling, is_own) << part.column << "=" << part.value;
  }
}

TEST_F(SqliteRevisionsTest, HeadracesOwnWritesAreSeen) {
  install({"users"});
  const auto database = open({.threads = 1, .writable = true});
  const auto source =
      ask_sqlite(database, {.table = "users", .fields = {"name"}, .writable = {"name"}});
  ASSERT_TRUE(source) << source.error().what;
  revisions_ = revisions_of(database);
  const std::string before = revision({.table = "users"});
  const auto written =
      pump_.wait_for((*source)->write({.entity = "7",
                                       .fields = {{"name", "\"Eve\""}},
                                       .deadline = pump_.now() + std::chrono::seconds(10)}));
  ASSERT_TRUE(written && *written) << (*written).error().what;
  EXPECT_NE(revision({.table = "users"}), before);
}

TEST_F(SqliteRevisionsTest, WhereNobodyKeepsThemThatIsSaid) {
  const auto nobody = StartsWith("invalid-argument: nobody keeps the revision of orders: run");
  EXPECT_THAT(revision(orders_), nobody);
  install({"users", "progress[user_id]"});
  EXPECT_THAT(revision(orders_), nobody);
  EXPECT_THAT(revision({.table = "progress", .column = "course", .value = "a"}),
              StartsWith("invalid-argument: nobody keeps the revision of progress[course]"));
  EXPECT_THAT(revision({.table = "nowhere"}), StartsWith("invalid-argument: nobody keeps"));
  EXPECT_THAT(revision({.table = ""}), StartsWith("invalid-argument: a part has no table"));
  install({"orders"});
  const std::string kept = revision(orders_);
  writer_.run("DROP TRIGGER \"headrace DELETE orders\"");
  EXPECT_THAT(revision(orders_), nobody);
  install({"orders"});
  EXPECT_NE(revision(orders_), kept) << "nobody knows what happened meanwhile";
  writer_.run("ALTER TABLE orders RENAME TO bills; CREATE TABLE orders(user INTEGER)");
  EXPECT_THAT(revision(orders_), nobody) << "it is another table";
  // A new unique key may replace rows of which the triggers know nothing.
  EXPECT_FALSE(revision(of_user("7")).starts_with("invalid"));
  writer_.run("CREATE UNIQUE INDEX more ON progress(done, course) WHERE done > 5");
  EXPECT_THAT(revision(of_user("7")), StartsWith("invalid-argument: nobody keeps"));
  install({"progress[user_id]"});
  EXPECT_FALSE(revision(of_user("7")).starts_with("invalid"));
}

TEST_F(SqliteRevisionsTest, AChangedSchemaIsAnotherRevision) {
  install({"orders"});
  EXPECT_THAT(changed_by({orders_}, "ALTER TABLE orders DROP COLUMN total"), ElementsAre(true));
  EXPECT_THAT(changed_by({orders_}, "ALTER TABLE orders ADD COLUMN total DEFAULT 5"),
              ElementsAre(true));
}

// Unless somebody commits something, a read asks the file only whether somebody has.
TEST_F(SqliteRevisionsTest, AnUnchangedFileCostsOneLook) {
  install({"orders", "progress[user_id]"});
  auto connection = sqlite::Connection::open(path_);
  ASSERT_TRUE(connection);
  sqlite::RevisionReader reader;
  std::size_t statements = 0;
  sqlite3_trace_v2(
      connection->raw(), SQLITE_TRACE_STMT,
      [](unsigned, void* count, void*, void*) { return ++*static_cast<std::size_t*>(count), 0; },
      &statements);
  const auto cost = [&](const std::vector<Part>& parts) {
    statements = 0;
    EXPECT_TRUE(reader.read(parts, *connection));
    return statements;
  };
  const std::vector<Part> parts{orders_, of_user("7")};
  EXPECT_GT(cost(parts), 3u);
  EXPECT_EQ(cost(parts), 1u);
  EXPECT_GT(cost({of_user("8")}), 1u) << "one that was not read before";
  EXPECT_EQ(cost({of_user("8"), of_user("7"), orders_}), 1u);
  writer_.run("UPDATE users SET name = 'x'");
  EXPECT_GT(cost(parts), 1u) << "it may have been any of them";
  EXPECT_EQ(cost(parts), 1u);
}

TEST_F(SqliteRevisionsTest, WhatIsRememberedHoldsUntilACommit) {
  install({"orders", "progress[user_id]"});
  const std::string before = revision(orders_);
  writer_.run("BEGIN IMMEDIATE; INSERT INTO orders VALUES (9, 9)");
  EXPECT_EQ(revision(orders_), before) << "not yet";
  writer_.run("COMMIT");
  const std::string after = revision(orders_);
  EXPECT_NE(after, before);
  EXPECT_EQ(revision(of_user("7")), revision(of_user("7")));
  writer_.run("UPDATE users SET name = 'x'");
  EXPECT_EQ(revision(orders_), after);
  std::vector<Part> many;
  for (std::size_t i = 0; i < Revisions::parts_max; ++i) many.push_back(of_user(std::to_string(i)));
  const auto all = read(many);
  ASSERT_TRUE(all);
  writer_.run("DELETE FROM progress WHERE user_id = 8");
  const auto now = read(many);
  ASSERT_TRUE(now);
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ((*now)[i] != (*all)[i], i == 8) << i;
}

TEST_F(SqliteRevisionsTest, TheDeadlineHolds) {
  install({"orders"});
  EXPECT_TRUE(read({orders_}));
  const auto late = read({orders_}, Duration::zero());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out);
}

}  // namespace
}  // namespace headrace
