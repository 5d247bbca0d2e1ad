// What the triggers write, whoever changes something and however.
#include "feeds/postgres/fixture.h"

namespace headrace {
namespace {

using testing::HasSubstr;

class OutboxTest : public PostgresFeedTest {
 protected:
  void SetUp() override {
    PostgresFeedTest::SetUp();
    if (IsSkipped()) return;
    install();
    writer_.emplace(connect("writer"));
  }
  std::string write(const std::string& sql) { return run(*writer_, sql); }

  std::optional<kit::PostgresClient> writer_;  // Who has no rights on anything of Headrace's.
};

TEST_F(OutboxTest, AnybodysSqlIsToldWithWhatChanged) {
  EXPECT_TRUE((*writer_->query("SELECT * FROM headrace.outbox")).starts_with("-42501"));
  write("INSERT INTO users VALUES (7, 'Ada', 1, 1.5), (8, 'Bob', NULL, 1)");
  EXPECT_EQ(taken(), R"(public.users|insert|7|(nil)|{"owner": ["1"]})"
                     "\n"
                     R"(public.users|insert|8|(nil)|{"owner": [null]})");
  write("UPDATE users SET name = name || '!', owner = 2");
  EXPECT_EQ(taken(), R"(public.users|update|7|{name,owner}|{"owner": ["1", "2"]})"
                     "\n"
                     R"(public.users|update|8|{name,owner}|{"owner": [null, "2"]})");
  write("DELETE FROM users WHERE id = 8");
  EXPECT_EQ(taken(), R"(public.users|delete|8|(nil)|{"owner": ["2"]})");
}

TEST_F(OutboxTest, AnUpdateOfNothingAndOneThatLeavesARowAsItWasTellNothing) {
  write("INSERT INTO users VALUES (7, 'Ada', 1, 1.5), (8, 'Bob', 1, 1)");
  taken();
  write("UPDATE users SET name = 'x' WHERE id = 9");
  write("DELETE FROM users WHERE id = 9");
  write("INSERT INTO users SELECT 9 WHERE false");
  EXPECT_EQ(taken(), "");
  write("UPDATE users SET name = name");
  EXPECT_EQ(taken(), "");
  // The same number in other digits: a reader sees the difference.
  write("UPDATE users SET price = CASE id WHEN 7 THEN 1.50 ELSE price END");
  EXPECT_EQ(taken(), R"(public.users|update|7|{price}|{"owner": ["1", "1"]})");
}

TEST_F(OutboxTest, WhatIsRolledBackIsNotTold) {
  write("BEGIN; INSERT INTO users VALUES (7); ROLLBACK");
  write(
      "BEGIN; SAVEPOINT s; INSERT INTO users VALUES (7); ROLLBACK TO s; "
      "INSERT INTO users VALUES (8); COMMIT");
  EXPECT_EQ(taken(), R"(public.users|insert|8|(nil)|{"owner": [null]})");
}

TEST_F(OutboxTest, AKeyThatChangesTellsBoth) {
  write("INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)");
  taken();
  write("UPDATE users SET id = 9 WHERE id = 3");
  EXPECT_EQ(taken(), R"(public.users|update|3|(nil)|{"owner": ["1", null]})"
                     "\n"
                     R"(public.users|update|9|(nil)|{"owner": [null, "1"]})");
  // What each key stands for is what counts.
  run("ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE; "
      "ALTER TABLE users ADD PRIMARY KEY (id) DEFERRABLE");
  write("UPDATE users SET id = 3 - id WHERE id < 3");
  EXPECT_EQ(taken(), R"(public.users|update|1|{name}|{"owner": ["1", "1"]})"
                     "\n"
                     R"(public.users|update|2|{name}|{"owner": ["1", "1"]})");
}

TEST_F(OutboxTest, CopyUpsertMergeAndCascadesAreTold) {
  run("COPY users FROM PROGRAM 'printf \"7\\tAda\\t1\\t\\\\\\N\\n\"'");
  EXPECT_EQ(taken(), R"(public.users|insert|7|(nil)|{"owner": ["1"]})");
  write(
      "INSERT INTO users VALUES (7, 'Eve', 1), (8, 'Bob', 1) "
      "ON CONFLICT (id) DO UPDATE SET name = excluded.name");
  EXPECT_EQ(taken(), R"(public.users|insert|8|(nil)|{"owner": ["1"]})"
                     "\n"
                     R"(public.users|update|7|{name}|{"owner": ["1", "1"]})");
  write(
      "MERGE INTO users u USING (VALUES (7), (9)) AS s(id) ON u.id = s.id "
      "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (9, 'Kim', 1)");
  EXPECT_EQ(taken(), R"(public.users|delete|7|(nil)|{"owner": ["1"]})"
                     "\n"
                     R"(public.users|insert|9|(nil)|{"owner": ["1"]})");
  write("INSERT INTO orders VALUES (1, 8), (2, 8)");
  taken();
  write("UPDATE users SET id = 80 WHERE id = 8");
  EXPECT_THAT(taken(), HasSubstr("public.orders|update|1|{owner}|(nil)\n"
                                 "public.orders|update|2|{owner}|(nil)"));
  write("DELETE FROM users WHERE id = 80");
  EXPECT_THAT(taken(), HasSubstr("public.orders|delete|1|(nil)|(nil)\n"
                                 "public.orders|delete|2|(nil)|(nil)"));
}

TEST_F(OutboxTest, WhatIsTooMuchIsToldOnce) {
  outbox_.rows_max = 10;
  install();
  write("INSERT INTO users SELECT i FROM generate_series(1, 10) AS i");
  EXPECT_EQ(run("SELECT count(*), count(key) FROM headrace.outbox"), "10|10");
  taken();
  for (const std::string sql : {"INSERT INTO users SELECT i FROM generate_series(11, 21) AS i",
                                "UPDATE users SET name = 'x'", "DELETE FROM users"}) {
    write(sql);
    std::string event = sql.substr(0, 6);
    for (char& c : event) c = static_cast<char>(std::tolower(c));
    EXPECT_EQ(taken(), "public.users|" + event + "|(nil)|(nil)|(nil)");
  }
  write("TRUNCATE orders");
  EXPECT_EQ(taken(), "public.orders|truncate|(nil)|(nil)|(nil)");
}

TEST_F(OutboxTest, TablesWithoutOneKeyTellThatSomethingChanged) {
  run("CREATE TABLE pairs(a int, b int, PRIMARY KEY (a, b)); CREATE TABLE heap(x json, y float8); "
      "GRANT ALL ON pairs, heap TO writer");
  outbox_.tables = {{.table = "pairs"}, {.table = "heap"}};
  install();
  write("INSERT INTO pairs VALUES (1, 2), (1, 3)");
  write("INSERT INTO heap VALUES ('{}', 0.1)");
  EXPECT_EQ(taken(),
            "public.heap|insert|(nil)|(nil)|(nil)\n"
            "public.pairs|insert|(nil)|(nil)|(nil)");
  write("UPDATE pairs SET a = a");
  write("UPDATE heap SET y = y, x = x");
  EXPECT_EQ(taken(), "");
  // However the writer wants numbers shown.
  write("SET extra_float_digits = -10; UPDATE heap SET y = 0.1000000000000001");
  EXPECT_EQ(taken(), "public.heap|update|(nil)|(nil)|(nil)");
}

TEST_F(OutboxTest, KeysAndValuesDoNotDependOnTheWritersSettings) {
  run("CREATE TABLE days(at timestamptz PRIMARY KEY, was date); GRANT ALL ON days TO writer");
  outbox_.tables = {{.table = "days", .values = {"was"}}};
  install();
  write(
      "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; "
      "INSERT INTO days VALUES ('2026-01-02 03:04:05+00', '2026-01-02')");
  EXPECT_EQ(taken(), R"(public.days|insert|2026-01-02 03:04:05+00|(nil)|{"was": ["2026-01-02"]})");
}

TEST_F(OutboxTest, LongValuesAreLeftOut) {
  outbox_.tables = {{.table = "users", .values = {"name"}}};
  install();
  write("INSERT INTO users VALUES (1, repeat('x', 1025)), (2, repeat('y', 1024))");
  EXPECT_EQ(taken(),
            "public.users|insert|1|(nil)|{\"name\": [null]}\n"
            "public.users|insert|2|(nil)|{\"name\": [\"" +
                std::string(1024, 'y') + "\"]}");
}

// A name that the triggers' own SQL uses must fail no writer.
TEST_F(OutboxTest, ColumnsMayBeNamedAsWhatTheTriggersName) {
  const std::string columns =
      "o int, n text, r int, affected int, feed int, headrace_old int, headrace_new int, vals int";
  run("CREATE TABLE keyed(k int PRIMARY KEY, " + columns + "); CREATE TABLE bare(" + columns +
      "); GRANT ALL ON keyed, bare TO writer");
  outbox_.tables = {{.table = "keyed", .values = {"n"}}, {.table = "bare", .values = {"o"}}};
  install();
  write("INSERT INTO keyed VALUES (1, 2, 'x'); INSERT INTO bare VALUES (2, 'x')");
  EXPECT_NE(taken(), "");
  write("UPDATE keyed SET o = 3, n = 'y', affected = 1");
  EXPECT_EQ(taken(), "public.keyed|update|1|{o,n,affected}|{\"n\": [\"x\", \"y\"]}");
  write("UPDATE keyed SET o = 3; UPDATE bare SET o = 2");
  EXPECT_EQ(taken(), "") << "they are as they were";
  write("UPDATE bare SET n = 'y'");
  EXPECT_EQ(taken(), "public.bare|update|(nil)|(nil)|(nil)");
  write("DELETE FROM keyed; DELETE FROM bare");
  EXPECT_NE(taken(), "");
}

TEST_F(OutboxTest, OddNamesAreTakenAsTheyAre) {
  run("CREATE SCHEMA \"an \"\"odd'\"; CREATE TABLE \"an \"\"odd'\".\"ta.ble $KEY\"("
      "\"ke'y\" text PRIMARY KEY, \"v\"\"alue $MAX\" text, feed int, affected int, tg_op text); "
      "GRANT USAGE ON SCHEMA \"an \"\"odd'\" TO writer; "
      "GRANT ALL ON \"an \"\"odd'\".\"ta.ble $KEY\" TO writer");
  outbox_ = {.name = "Od-d_1",
             .tables = {{.table = "\"an \"\"odd'\".\"ta.ble $KEY\"", .values = {"v\"alue $MAX"}}}};
  install();
  write("INSERT INTO \"an \"\"odd'\".\"ta.ble $KEY\" VALUES ('k''\"', 'v', 1, 2, 'x')");
  write("UPDATE \"an \"\"odd'\".\"ta.ble $KEY\" SET \"v\"\"alue $MAX\" = 'w', feed = 3");
  EXPECT_EQ(run("SELECT DISTINCT feed, tbl FROM headrace.outbox"), "Od-d_1|an \"odd'.ta.ble $KEY");
  EXPECT_EQ(run("SELECT key, fields, vals FROM headrace.outbox WHERE op = 'update'"),
            R"(k'"|{"v\"alue $MAX",feed}|{"v\"alue $MAX": ["v", "w"]})");
  EXPECT_EQ(lack(), "");
}

TEST_F(OutboxTest, PartitionsAndWhatInheritsAreTold) {
  run("CREATE TABLE parts(id int PRIMARY KEY, x int) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY RANGE (id); "
      "CREATE TABLE top PARTITION OF high FOR VALUES FROM (10) TO (20); "
      "CREATE TABLE line(id int PRIMARY KEY, x int); CREATE TABLE child() INHERITS (line); "
      "GRANT ALL ON parts, low, high, top, line, child TO writer");
  outbox_.tables = {{.table = "parts"}, {.table = "line"}};
  install();
  EXPECT_EQ(lack(), "");
  write("INSERT INTO parts VALUES (1), (11)");
  write("INSERT INTO low VALUES (2)");
  write("INSERT INTO top VALUES (12)");
  write("INSERT INTO child VALUES (5)");
  EXPECT_EQ(taken(),
            "public.line|insert|5|(nil)|(nil)\n"
            "public.parts|insert|1|(nil)|(nil)\n"
            "public.parts|insert|11|(nil)|(nil)\n"
            "public.parts|insert|12|(nil)|(nil)\n"
            "public.parts|insert|2|(nil)|(nil)");
  // From one to the other.
  write("UPDATE parts SET id = 13 WHERE id = 1");
  EXPECT_EQ(taken(), "public.parts|update|1|(nil)|(nil)\npublic.parts|update|13|(nil)|(nil)");
  write("TRUNCATE top");
  EXPECT_EQ(taken(), "public.parts|truncate|(nil)|(nil)|(nil)");
}

TEST_F(OutboxTest, APartitionIsToldOfWhatComesByItsParent) {
  run("CREATE TABLE parts(id int PRIMARY KEY, x int) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10); "
      "GRANT ALL ON parts, low TO writer");
  outbox_.tables = {{.table = "low"}};
  install();
  write("INSERT INTO parts VALUES (1)");
  EXPECT_EQ(taken(), "public.low|insert|(nil)|(nil)|(nil)");
  write("UPDATE parts SET x = x");
  EXPECT_EQ(taken(), "");
  write("UPDATE low SET x = 1");
  EXPECT_EQ(taken(), "public.low|update|1|{x}|(nil)");
}

// Two transactions that change two tables in opposite order, and then the same again: without the
// triggers nobody would wait, and so nobody does.
TEST_F(OutboxTest, WritersDoNotWaitForEachOther) {
  write("INSERT INTO users VALUES (1), (2); INSERT INTO orders VALUES (1, 1), (2, 2)");
  kit::PostgresClient second = connect("writer");
  write("SET lock_timeout = '1ms'");
  run(second, "SET lock_timeout = '1ms'");
  write("BEGIN; UPDATE users SET name = 'a' WHERE id = 1");
  run(second, "BEGIN; UPDATE orders SET owner = NULL WHERE number = 2");
  write("UPDATE orders SET owner = NULL WHERE number = 1");
  run(second, "UPDATE users SET name = 'b' WHERE id = 2");
  write("UPDATE users SET name = 'c' WHERE id = 1");
  run(second, "COMMIT");
  write("COMMIT");
}

TEST_F(OutboxTest, ReplicationsRoleDoesNotTurnThemOff) {
  run("SET session_replication_role = replica; INSERT INTO users VALUES (7, 'Ada', 1)");
  EXPECT_EQ(taken(), R"(public.users|insert|7|(nil)|{"owner": ["1"]})");
}

TEST_F(OutboxTest, WritersDoNotFailWhereTheSchemaHasChanged) {
  write("INSERT INTO users VALUES (7, 'Ada', 1)");
  run("ALTER TABLE users RENAME COLUMN owner TO holder");
  EXPECT_THAT(lack(), HasSubstr("\"owner\" is not in table users"));
  taken();
  write("UPDATE users SET name = 'x'");
  EXPECT_EQ(taken(), "public.users|update|(nil)|(nil)|(nil)");
  outbox_.tables[0].values = {"holder"};
  EXPECT_THAT(lack(), HasSubstr("public.users, is not there, or not as it should be"));
  install();
  EXPECT_EQ(lack(), "");
  // One that came later is a difference all the same, though nobody can say its name.
  run("ALTER TABLE users ADD later int DEFAULT 1");
  write("UPDATE users SET later = 2");
  EXPECT_EQ(taken(), R"(public.users|update|7|{}|{"holder": ["1", "1"]})");
  run("DROP TABLE headrace.outbox");
  write("UPDATE users SET later = 3");
  EXPECT_THAT(lack(), HasSubstr("the table headrace.outbox is not there; install"));
}

TEST_F(OutboxTest, WhatIsLackingIsSaid) {
  EXPECT_EQ(lack(), "");
  const std::string trigger =
      run("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'headrace_outbox_headrace_%_update' "
          "AND tgrelid = 'users'::regclass");
  for (const std::string& sql :
       {"ALTER TABLE users DISABLE TRIGGER " + trigger,
        "ALTER TABLE users ENABLE TRIGGER " + trigger, "DROP TRIGGER " + trigger + " ON users"}) {
    run(sql);
    EXPECT_THAT(lack(), HasSubstr("the trigger " + trigger +
                                  " on public.users is not there, or "
                                  "does not always fire; install the outbox again"));
  }
  install();
  EXPECT_EQ(lack(), "");
  run("CREATE OR REPLACE FUNCTION headrace." + trigger.substr(9, trigger.size() - 16) +
      "() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'");
  EXPECT_THAT(lack(), HasSubstr("is not there, or not as it should be"));
  install();
  EXPECT_EQ(lack(), "");
  outbox_.tables.push_back({.table = "nowhere"});
  EXPECT_EQ(lack(), "there is no table nowhere");
}

TEST_F(OutboxTest, ATableThatASubscriptionWritesIsLacking) {
  run("SET allow_system_table_mods = on; INSERT INTO pg_subscription_rel(srsubid, srrelid, "
      "srsubstate) VALUES (1, 'users'::regclass, 'r')");
  EXPECT_THAT(lack(), HasSubstr("users is changed by a subscription"));
}

TEST_F(OutboxTest, ToInstallAgainChangesNothingAndToRemoveItLeavesNothing) {
  const std::string all =
      "SELECT string_agg(xmin::text, ',' ORDER BY oid) FROM pg_trigger WHERE NOT tgisinternal";
  const std::string before = run(all);
  install();
  EXPECT_EQ(run(all), before);
  PostgresOutbox second{.name = "second", .tables = {{.table = "orders"}}};
  ASSERT_TRUE(install_postgres_outbox(login(), second, runtime_));
  write("INSERT INTO orders VALUES (1, NULL)");
  EXPECT_EQ(run("SELECT feed, tbl FROM headrace.outbox ORDER BY feed"),
            "headrace|public.orders\nsecond|public.orders");
  ASSERT_TRUE(uninstall_postgres_outbox(login(), "second", runtime_));
  EXPECT_EQ(run("SELECT feed, tbl FROM headrace.outbox"), "headrace|public.orders");
  EXPECT_EQ(lack(), "");
  ASSERT_TRUE(uninstall_postgres_outbox(login(), "headrace", runtime_));
  EXPECT_EQ(run("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), "0");
  EXPECT_EQ(run("SELECT count(*) FROM pg_class WHERE relnamespace = 'headrace'::regnamespace"),
            "0");
  EXPECT_TRUE(uninstall_postgres_outbox(login(), "headrace", runtime_));
  write("DELETE FROM orders");
}

TEST_F(OutboxTest, AnInstallationDoesNotQueueBehindALongTransaction) {
  write("BEGIN; INSERT INTO users VALUES (1)");
  outbox_.notify = false;
  const Result<void> installed = install_postgres_outbox(login(), outbox_, runtime_);
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().code, Code::refused);
  write("COMMIT");
  install();
  EXPECT_EQ(lack(), "");
}

TEST_F(OutboxTest, WhatCannotBeInstalledIsSaid) {
  const auto fault = [this](PostgresOutbox outbox) {
    const Result<void> installed = install_postgres_outbox(login(), std::move(outbox), runtime_);
    return installed ? "" : installed.error().what;
  };
  run("CREATE VIEW v AS SELECT * FROM users; CREATE UNLOGGED TABLE loose(id int PRIMARY KEY)");
  EXPECT_THAT(fault({.name = "a b"}), HasSubstr("name has 1 to 24 letters"));
  EXPECT_THAT(fault({}), HasSubstr("1 to 256 tables"));
  EXPECT_THAT(fault({.tables = {{.table = "v"}}}), HasSubstr("v is no table"));
  EXPECT_THAT(fault({.tables = {{.table = "loose"}}}), HasSubstr("unlogged"));
  EXPECT_THAT(fault({.tables = {{.table = "nowhere"}}}), HasSubstr("no table nowhere"));
  EXPECT_THAT(fault({.tables = {{.table = "\"bad"}}}), HasSubstr("PostgreSQL says: "));
  EXPECT_THAT(fault({.tables = {{.table = "users", .values = {"none"}}}}),
              HasSubstr("\"none\" is not in table users"));
  EXPECT_THAT(fault({.tables = {{.table = "users"}, {.table = "public.users"}}}),
              HasSubstr("named twice"));
  EXPECT_THAT(fault({.tables = {{.table = "users", .values = std::vector<std::string>(17, "id")}}}),
              HasSubstr("more than 16"));
  EXPECT_FALSE(uninstall_postgres_outbox(login(), "a'b", runtime_));
  EXPECT_EQ(lack(), "");
}

TEST_F(OutboxTest, TheSqlCanBeRunByHand) {
  ASSERT_TRUE(uninstall_postgres_outbox(login(), "headrace", runtime_));
  const auto sql = postgres_outbox_sql(login(), outbox_, runtime_);
  ASSERT_TRUE(sql) << sql.error().what;
  EXPECT_THAT(lack(), HasSubstr("is not there"));
  run(*sql);
  EXPECT_EQ(lack(), "");
}

}  // namespace
}  // namespace headrace
