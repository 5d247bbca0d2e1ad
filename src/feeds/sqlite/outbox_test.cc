// What the triggers write, whoever changes something and however.
#include "feeds/sqlite/fixture.h"

namespace headrace {
namespace {

using testing::HasSubstr;

class SqliteOutboxTest : public SqliteFeedTest {
 protected:
  SqliteOutboxTest() { install(); }
  // A table of the test's own, which alone is told of.
  void watch(const std::string& sql, const std::string& table,
             std::vector<std::string> values = {}) {
    run(sql);
    outbox_.tables = {{.table = table, .values = std::move(values)}};
    install();
  }
};

TEST_F(SqliteOutboxTest, AnybodysSqlIsToldWithWhatChanged) {
  run("INSERT INTO users VALUES (7, 'Ada', 1, 1.5), (8, 'Bob', NULL, 1)");
  EXPECT_EQ(taken(),
            "users|insert|7|(nil)|'owner'='1' \n"
            "users|insert|8|(nil)|");
  run("UPDATE users SET name = name || '!', owner = 2");
  EXPECT_EQ(taken(),
            "users|update|7|'name' 'owner' |'owner'='1' 'owner'='2' \n"
            "users|update|8|'name' 'owner' |'owner'='2' ");
  run("DELETE FROM users WHERE id = 8");
  EXPECT_EQ(taken(), "users|delete|8|(nil)|'owner'='2' ");
}

TEST_F(SqliteOutboxTest, AnUpdateThatLeavesARowAsAReaderSeesItTellsNothing) {
  run("INSERT INTO users VALUES (7, 'Ada', 1, 1), (8, 'Bob', 1, 1)");
  taken();
  run("UPDATE users SET name = 'x' WHERE id = 9; DELETE FROM users WHERE id = 9");
  run("UPDATE users SET name = name, owner = 1.0");
  EXPECT_EQ(taken(), "");
  // Equal, and not the same.
  run("UPDATE users SET price = 1.0 WHERE id = 7");
  EXPECT_EQ(taken(), "users|update|7|'price' |'owner'='1' 'owner'='1' ");
  watch("CREATE TABLE loose(id INTEGER PRIMARY KEY, a TEXT COLLATE NOCASE, b TEXT COLLATE RTRIM)",
        "loose");
  run("INSERT INTO loose VALUES (1, 'a', 'b'); UPDATE loose SET a = 'A', b = 'b '");
  EXPECT_THAT(taken(), HasSubstr("loose|update|1|'a' 'b' |(nil)"));
}

TEST_F(SqliteOutboxTest, WhatIsRolledBackIsNotTold) {
  run("BEGIN; INSERT INTO users(id) VALUES (7); ROLLBACK");
  run("BEGIN; SAVEPOINT s; INSERT INTO users(id) VALUES (7); ROLLBACK TO s; "
      "INSERT INTO users(id) VALUES (8); COMMIT");
  EXPECT_THAT(writer_.ask("INSERT INTO users(id) VALUES (9), (8)"), HasSubstr("UNIQUE"));
  EXPECT_EQ(run("SELECT id FROM headrace_outbox_headrace"), "1") << "numbers go with it";
  EXPECT_EQ(taken(), "users|insert|8|(nil)|");
}

TEST_F(SqliteOutboxTest, AKeyThatChangesTellsBoth) {
  run("INSERT INTO users VALUES (3, 'c', 1, 1)");
  taken();
  run("UPDATE users SET id = 9, owner = 2");
  EXPECT_EQ(taken(),
            "users|update|3|(nil)|'owner'='1' 'owner'='2' \n"
            "users|update|9|(nil)|'owner'='2' ");
  watch("CREATE TABLE names(name TEXT COLLATE NOCASE PRIMARY KEY)", "names");
  run("INSERT INTO names VALUES ('ada'); UPDATE names SET name = 'Ada'");
  EXPECT_EQ(taken(),
            "names|insert|ada|(nil)|(nil)\n"
            "names|update|ada|(nil)|(nil)\n"
            "names|update|Ada|(nil)|(nil)");
}

TEST_F(SqliteOutboxTest, ReplaceTellsTheRowsThatItRemoves) {
  run("CREATE UNIQUE INDEX by_name ON users(name COLLATE NOCASE)");
  install();
  run("INSERT INTO users VALUES (1, 'ada', 1, 1), (2, 'bob', 2, 2), (3, 'kim', 3, 3)");
  taken();
  // By the key: what the row had is told with what it has.
  run("REPLACE INTO users VALUES (1, 'ada', 5, 1)");
  EXPECT_EQ(taken(),
            "users|replace|1|(nil)|'owner'='1' \n"
            "users|insert|1|(nil)|'owner'='5' ");
  // By another unique key, and both at once.
  run("REPLACE INTO users VALUES (4, 'BOB', 2, 2)");
  EXPECT_EQ(taken(),
            "users|replace|2|(nil)|'owner'='2' \n"
            "users|insert|4|(nil)|'owner'='2' ");
  run("INSERT OR REPLACE INTO users VALUES (1, 'kim', 5, 1)");
  EXPECT_EQ(taken(),
            "users|replace|3|(nil)|'owner'='3' \n"
            "users|insert|1|(nil)|'owner'='5' ");
  run("UPDATE OR REPLACE users SET name = 'kim' WHERE id = 4");
  EXPECT_EQ(taken(),
            "users|replace|1|(nil)|'owner'='5' \n"
            "users|update|4|'name' |'owner'='2' 'owner'='2' ");
  EXPECT_EQ(run("SELECT id FROM users"), "4");
  run("UPDATE OR REPLACE users SET id = 5 WHERE id = 4");
  EXPECT_EQ(taken(),
            "users|update|4|(nil)|'owner'='2' 'owner'='2' \n"
            "users|update|5|(nil)|'owner'='2' ");
  // Without a rowid, and a unique constraint that fills in what is NULL.
  watch("CREATE TABLE t(k TEXT PRIMARY KEY, v NOT NULL DEFAULT 'x' UNIQUE) WITHOUT ROWID", "t",
        {"v"});
  run("REPLACE INTO t VALUES ('a', NULL); REPLACE INTO t VALUES ('b', NULL)");
  run("REPLACE INTO t VALUES ('b', 'y')");
  EXPECT_EQ(taken(),
            "t|insert|a|(nil)|'v'='x' \n"
            "t|replace|a|(nil)|'v'='x' \n"
            "t|insert|b|(nil)|'v'='x' \n"
            "t|replace|b|(nil)|'v'='x' \n"
            "t|insert|b|(nil)|'v'='y' ");
}

TEST_F(SqliteOutboxTest, UpsertsIgnoredOnesAndCascadesAreTold) {
  run("INSERT INTO users VALUES (7, 'Ada', 1, 1)");
  taken();
  run("INSERT INTO users VALUES (7, 'Eve', 1, 1), (8, 'Bob', 1, 1) "
      "ON CONFLICT (id) DO UPDATE SET name = excluded.name");
  EXPECT_EQ(taken(),
            "users|update|7|'name' |'owner'='1' 'owner'='1' \n"
            "users|insert|8|(nil)|'owner'='1' ");
  run("INSERT OR IGNORE INTO users VALUES (7, 'Kim', 1, 1)");
  EXPECT_EQ(taken(), "") << "nothing was replaced";
  run("INSERT INTO orders VALUES (1, 8), (2, 8)");
  taken();
  run("UPDATE users SET id = 80 WHERE id = 8");
  EXPECT_THAT(taken(), HasSubstr("orders|update|1|'owner' |(nil)\norders|update|2|'owner' |(nil)"));
  run("DELETE FROM users WHERE id = 80");
  EXPECT_THAT(taken(), HasSubstr("orders|delete|1|(nil)|(nil)\norders|delete|2|(nil)|(nil)"));
}

// An application's trigger is under way when it changes the row once more.
TEST_F(SqliteOutboxTest, WhatTriggersOfOthersChangeIsTold) {
  run("CREATE TRIGGER own AFTER UPDATE OF name ON users BEGIN "
      "UPDATE users SET price = 9 WHERE id = NEW.id; END");
  install();
  run("INSERT INTO users VALUES (7, 'Ada', 1, 1)");
  taken();
  run("UPDATE users SET name = 'Eve'");
  const std::string told = taken();
  EXPECT_THAT(told, HasSubstr("users|update|7|'name' |"));
  EXPECT_THAT(told, HasSubstr("users|update|7|'price' |"));
}

TEST_F(SqliteOutboxTest, TablesWithoutOneKeyTellThatSomethingChanged) {
  run("CREATE TABLE pairs(a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; CREATE TABLE heap(x, y); "
      "CREATE TABLE odd(id INTEGER PRIMARY KEY, x TEXT); "
      "CREATE UNIQUE INDEX lower_x ON odd(lower(x))");
  outbox_.tables = {{.table = "pairs"}, {.table = "heap"}, {.table = "odd"}};
  install();
  run("INSERT INTO pairs VALUES (1, 2); INSERT INTO heap VALUES ('{}', 0.1); "
      "INSERT INTO odd VALUES (1, 'a'); REPLACE INTO odd VALUES (2, 'A')");
  EXPECT_EQ(taken(),
            "pairs|insert|(nil)|(nil)|(nil)\n"
            "heap|insert|(nil)|(nil)|(nil)\n"
            "odd|insert|(nil)|(nil)|(nil)\n"
            "odd|insert|(nil)|(nil)|(nil)");
  run("UPDATE pairs SET a = a; UPDATE heap SET y = y");
  EXPECT_EQ(taken(), "");
  run("UPDATE heap SET y = 0.2; DELETE FROM pairs");
  EXPECT_EQ(taken(), "heap|update|(nil)|(nil)|(nil)\npairs|delete|(nil)|(nil)|(nil)");
}

TEST_F(SqliteOutboxTest, KeysOfEveryTypeAreToldAsTexts) {
  watch("CREATE TABLE t(k TEXT PRIMARY KEY, v) WITHOUT ROWID", "t");
  run("INSERT INTO t VALUES ('', 1), ('it''s', 1)");
  EXPECT_EQ(taken(), "t|insert||(nil)|(nil)\nt|insert|it's|(nil)|(nil)");
  watch("CREATE TABLE b(k BLOB PRIMARY KEY, v)", "b");
  run("INSERT INTO b VALUES (x'41', 1), (NULL, 1), (7, 1)");
  EXPECT_EQ(taken(), "b|insert|A|(nil)|(nil)\nb|insert|(nil)|(nil)|(nil)\nb|insert|7|(nil)|(nil)");
  run("UPDATE b SET v = 2 WHERE k IS NULL");
  EXPECT_EQ(taken(), "b|update|(nil)|'v' |(nil)");
}

// With recursive triggers SQLite itself tells of what REPLACE removes: then it is told twice.
TEST_F(SqliteOutboxTest, RecursiveTriggersTellNothingLess) {
  run("PRAGMA recursive_triggers = 1; INSERT INTO users VALUES (1, 'ada', 1, 1)");
  taken();
  run("REPLACE INTO users VALUES (1, 'ada', 2, 1)");
  EXPECT_EQ(taken(),
            "users|replace|1|(nil)|'owner'='1' \n"
            "users|delete|1|(nil)|'owner'='1' \n"
            "users|insert|1|(nil)|'owner'='2' ");
}

TEST_F(SqliteOutboxTest, AFileThatIsAttachedElsewhereIsToldOf) {
  Writer other(folder_.file("other.db"));
  other.run("CREATE TABLE users(id); ATTACH '" + path_ +
            "' AS app; "
            "INSERT INTO app.users VALUES (7, 'Ada', 1, 1); INSERT INTO users VALUES (9)");
  EXPECT_EQ(taken(), "users|insert|7|(nil)|'owner'='1' ");
}

TEST_F(SqliteOutboxTest, ValuesThatNobodyCanNameAreLeftOut) {
  outbox_.tables = {{.table = "users", .values = {"name", "OWNER"}}};
  install();
  run("INSERT INTO users VALUES (1, replace(hex(zeroblob(512)), '0', 'x') || 'y', 1, 0)");
  EXPECT_EQ(taken(), "users|insert|1|(nil)|'OWNER'='1' ");
  run("INSERT INTO users VALUES (2, replace(hex(zeroblob(512)), '0', 'x'), 1, 0)");
  EXPECT_EQ(taken(), "users|insert|2|(nil)|'name'='" + std::string(1024, 'x') + "' 'OWNER'='1' ");
  run("INSERT INTO users VALUES (3, 'a' || char(0) || 'b', 1, 0)");
  EXPECT_EQ(taken(), "users|insert|3|(nil)|(nil)") << "of which quote() would tell a part";
  run("INSERT INTO users VALUES (4, 'it''s', 1, 0)");
  EXPECT_EQ(taken(), "users|insert|4|(nil)|'name'='it''s' 'OWNER'='1' ");
}

TEST_F(SqliteOutboxTest, OddNamesAndComputedColumnsAreTakenAsTheyAre) {
  outbox_.name = "od-d_1";
  watch(
      "CREATE TABLE \"ta \"\"b'le\"(\"ke'y\" TEXT PRIMARY KEY, \"v\"\"al ue\" TEXT, "
      "twice AS (\"v\"\"al ue\" || '!'), old, new, rowid)",
      "ta \"b'le", {"v\"al ue", "twice"});
  run("INSERT INTO \"ta \"\"b'le\"(\"ke'y\", \"v\"\"al ue\") VALUES ('k''', 'v')");
  run("UPDATE \"ta \"\"b'le\" SET \"v\"\"al ue\" = 'w'");
  EXPECT_EQ(run("SELECT tbl, key, fields, vals FROM \"headrace_outbox_od-d_1\""),
            "ta \"b'le|k'|(nil)|'v\"al ue'='v' 'twice'='v!' \n"
            "ta \"b'le|k'|'v\"al ue' 'twice' |'v\"al ue'='v' 'v\"al ue'='w' 'twice'='v!' "
            "'twice'='w!' ");
  EXPECT_EQ(lack(), "");
}

TEST_F(SqliteOutboxTest, ManyColumnsAreNotTooDeepForSqlite) {
  std::string columns;
  for (int i = 0; i < 900; ++i) columns += ", c" + std::to_string(i);
  watch("CREATE TABLE wide(id INTEGER PRIMARY KEY" + columns + ")", "wide");
  run("INSERT INTO wide(id) VALUES (1); UPDATE wide SET c0 = 1, c899 = 2");
  EXPECT_THAT(taken(), HasSubstr("wide|update|1|'c0' 'c899' |"));
}

TEST_F(SqliteOutboxTest, OtherEncodingsAreToldAlike) {
  const std::string path = folder_.file("wide.db");
  Writer wide(path);
  wide.run("PRAGMA encoding = 'UTF-16'; CREATE TABLE t(id TEXT PRIMARY KEY, v TEXT)");
  ASSERT_TRUE(install_sqlite_outbox(path, {.tables = {{.table = "t", .values = {"v"}}}}));
  wide.run("INSERT INTO t VALUES ('\u00e4', '\u00f6')");
  EXPECT_EQ(wide.run("SELECT key, vals FROM headrace_outbox_headrace"), "\u00e4|'v'='\u00f6' ");
}

TEST_F(SqliteOutboxTest, AnApplicationsOwnNumbersAreItsOwn) {
  run("INSERT INTO users VALUES (70, 'Ada', 1, 1), (71, 'Bob', 1, 1)");
  EXPECT_EQ(sqlite3_last_insert_rowid(writer_.raw()), 71);
  run("UPDATE users SET name = 'x'");
  EXPECT_EQ(sqlite3_changes(writer_.raw()), 2);
}

TEST_F(SqliteOutboxTest, WhatIsLackingIsSaid) {
  EXPECT_EQ(lack(), "");
  run("DROP TRIGGER \"headrace_outbox_headrace users update\"");
  EXPECT_EQ(lack(),
            "the trigger \"headrace_outbox_headrace users update\" is not there, or not as table "
            "users wants it; install the outbox again");
  install();
  EXPECT_EQ(lack(), "");
  run("ALTER TABLE users ADD later");
  EXPECT_THAT(lack(), HasSubstr("users update\" is not there, or not as table users wants it"));
  install();
  EXPECT_EQ(lack(), "");
  run("UPDATE headrace_feeds SET feed = 'x'");
  EXPECT_THAT(lack(), HasSubstr("feed headrace is not in headrace_feeds; install"));
  install();
  run("DROP TABLE headrace_outbox_headrace");
  EXPECT_THAT(lack(), HasSubstr("the table headrace_outbox_headrace is not there; install"));
  install();
  EXPECT_EQ(lack(), "");
  outbox_.tables.push_back({.table = "nowhere"});
  EXPECT_EQ(lack(), "there is no table nowhere");
}

TEST_F(SqliteOutboxTest, ToInstallAgainChangesNothingAndToRemoveItLeavesNothing) {
  const std::string before = run("PRAGMA schema_version");
  install();
  EXPECT_EQ(run("PRAGMA schema_version"), before);
  const SqliteOutbox second{.name = "second", .tables = {{.table = "orders"}}};
  ASSERT_TRUE(install_sqlite_outbox(path_, second));
  run("INSERT INTO orders VALUES (1, NULL)");
  EXPECT_EQ(run("SELECT id, tbl FROM headrace_outbox_headrace"), "1|orders");
  EXPECT_EQ(run("SELECT id, tbl FROM headrace_outbox_second"), "1|orders");
  ASSERT_TRUE(uninstall_sqlite_outbox(path_, "second"));
  EXPECT_EQ(run("SELECT feed FROM headrace_feeds"), "headrace");
  EXPECT_EQ(lack(), "");
  ASSERT_TRUE(uninstall_sqlite_outbox(path_, "headrace"));
  EXPECT_EQ(run("SELECT name FROM sqlite_schema WHERE name LIKE '%headrace%'"), "");
  EXPECT_TRUE(uninstall_sqlite_outbox(path_, "headrace"));
  run("DELETE FROM orders");
}

TEST_F(SqliteOutboxTest, WhatCannotBeInstalledIsSaid) {
  const auto fault = [this](SqliteOutbox outbox) {
    const Result<void> installed = install_sqlite_outbox(path_, std::move(outbox));
    return installed ? "" : installed.error().what;
  };
  run("CREATE VIEW v AS SELECT * FROM users; CREATE VIRTUAL TABLE words USING fts5(a)");
  EXPECT_THAT(fault({.name = "A"}), HasSubstr("name has 1 to 24 lower-case letters"));
  EXPECT_THAT(fault({}), HasSubstr("1 to 256 tables"));
  EXPECT_THAT(fault({.tables = {{.table = "v"}}}), HasSubstr("v is a view"));
  EXPECT_THAT(fault({.tables = {{.table = "words"}}}), HasSubstr("virtual table"));
  EXPECT_THAT(fault({.tables = {{.table = "Users"}}}), HasSubstr("is spelled users in its schema"));
  EXPECT_THAT(fault({.tables = {{.table = "users", .values = {"none"}}}}),
              HasSubstr("\"none\" is not in table users"));
  EXPECT_THAT(fault({.tables = {{.table = "users"}, {.table = "users"}}}),
              HasSubstr("named twice"));
  EXPECT_THAT(fault({.tables = {{.table = "users", .values = std::vector<std::string>(17, "id")}}}),
              HasSubstr("more than 16"));
  EXPECT_FALSE(uninstall_sqlite_outbox(path_, "a'b"));
  EXPECT_THAT(install_sqlite_outbox(folder_.file("none.db"), outbox_).error().what,
              HasSubstr("check that the file exists"));
  EXPECT_EQ(lack(), "");
}

TEST_F(SqliteOutboxTest, TheSqlCanBeRunByHand) {
  ASSERT_TRUE(uninstall_sqlite_outbox(path_, "headrace"));
  const auto sql = sqlite_outbox_sql(path_, outbox_);
  ASSERT_TRUE(sql) << sql.error().what;
  EXPECT_THAT(lack(), HasSubstr("is not there"));
  run(*sql);
  EXPECT_EQ(lack(), "");
}

}  // namespace
}  // namespace headrace
