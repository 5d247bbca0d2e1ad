// When revisions on PostgreSQL change, and when not: by whom, in which order, and how ever it
// commits.
#include <array>
#include <map>
#include <random>

#include "kit/eventually.h"
#include "kit/tcp_gate.h"
#include "sources/postgres/revisions_fixture.h"

namespace headrace {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::StartsWith;

TEST_F(PostgresRevisionsTest, EveryKindOfChangeIsSeen) {
  install({"orders"});
  const std::string put = "INSERT INTO orders(number, owner) OVERRIDING SYSTEM VALUE VALUES (1, 7)";
  const std::string gone = "WITH gone AS (DELETE FROM orders WHERE number = 3 RETURNING owner) ";
  for (const std::string& change : std::initializer_list<std::string>{
           "INSERT INTO orders(owner, total) VALUES (7, 40)",
           "UPDATE orders SET total = 41 WHERE total = 40",
           "DELETE FROM orders WHERE number = 1",  // An old row.
           put, put + " ON CONFLICT (number) DO UPDATE SET total = 11",
           "MERGE INTO orders USING (SELECT 2 AS n) AS s ON number = n WHEN MATCHED THEN DELETE",
           gone + "INSERT INTO orders(owner) SELECT owner FROM gone",
           "COPY orders(total) FROM PROGRAM 'echo 5'",
           "DELETE FROM users WHERE id = 7",  // By a cascade.
           "TRUNCATE orders", "ALTER TABLE orders ALTER total TYPE bigint",
           "ALTER TABLE orders ADD note text DEFAULT 'x'"}) {
    EXPECT_THAT(changed_by({orders_}, change), ElementsAre(true)) << change;
  }
}

TEST_F(PostgresRevisionsTest, WhatTouchesNoRowCostsNothing) {
  install({"orders", "orders[owner]", "users"});
  const std::vector<Part> parts{orders_, {.table = "orders", .column = "owner", .value = "7"}};
  auto other = owners_session();
  for (const std::vector<std::string>& nothing : std::vector<std::vector<std::string>>{
           {"SELECT * FROM orders"},
           {"UPDATE orders SET total = 0 WHERE number = 99"},
           {"DELETE FROM orders WHERE number = 99"},
           {"INSERT INTO orders(owner) SELECT 7 WHERE false"},
           {"INSERT INTO orders(number, owner) OVERRIDING SYSTEM VALUE VALUES (1, 7) "
            "ON CONFLICT DO NOTHING"},
           {"COPY orders(total) FROM PROGRAM 'true'"},
           {"UPDATE users SET name = 'Eve' WHERE id = 8"},
           {"ANALYZE orders"},
           {"VACUUM orders"},
           {"BEGIN", "DELETE FROM orders", "ROLLBACK"}}) {
    const auto all = changes(parts, [&] {
      for (const std::string& sql : nothing) other.run(sql);
    });
    EXPECT_THAT(all, Each(false)) << nothing.back();
  }
}

TEST_F(PostgresRevisionsTest, AValueChangesWithItsOwnRowsAlone) {
  install({"progress[user_id]", "progress[course]"});
  const std::vector<Part> parts{of_user("7"),
                                of_user("8"),
                                of_user("9"),
                                {.table = "progress", .column = "course", .value = "a"}};
  EXPECT_THAT(changed_by(parts, "UPDATE progress SET done = 1 WHERE user_id = 7 AND course = 'b'"),
              ElementsAre(true, false, false, false));
  EXPECT_THAT(changed_by(parts, "UPDATE progress SET done = 1 WHERE course = 'a'"),
              ElementsAre(true, true, false, true));
  EXPECT_THAT(changed_by(parts, "INSERT INTO users(id, name) VALUES (9, 'Eve')"), Each(false));
  // A row that moves leaves one and enters the other.
  EXPECT_THAT(
      changed_by(parts, "UPDATE progress SET user_id = 9 WHERE user_id = 7 AND course = 'b'"),
      ElementsAre(true, false, true, false));
  EXPECT_THAT(changed_by(parts,
                         "INSERT INTO progress VALUES (8, 'b', 5) "
                         "ON CONFLICT (user_id, course) DO UPDATE SET done = 5"),
              ElementsAre(false, true, false, false));
  run("DELETE FROM orders");
  EXPECT_THAT(changed_by(parts, "UPDATE users SET id = 10 WHERE id = 8"),
              ElementsAre(false, true, false, true));
  EXPECT_THAT(changed_by(parts, "DELETE FROM users WHERE id = 9"),
              ElementsAre(false, false, true, false));
  EXPECT_THAT(changed_by(parts, "TRUNCATE progress"), Each(true));
}

TEST_F(PostgresRevisionsTest, AnotherSpellingIsTheSameValue) {
  run("CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE DOMAIN small AS int CHECK (value < 100); "
      "CREATE TABLE odd(number int, at timestamptz, yes bool, one uuid, text text, mood mood, "
      "small small); ALTER DATABASE " +
      name_ + " SET datestyle = 'German'; ALTER DATABASE " + name_ +
      " SET timezone = 'Asia/Tokyo'");
  install(
      {"odd[number]", "odd[at]", "odd[yes]", "odd[one]", "odd[text]", "odd[mood]", "odd[small]"});
  const std::string uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
  const std::vector<Part> parts{
      {.table = "odd", .column = "number", .value = " 007"},
      {.table = "odd", .column = "at", .value = "2026-01-02T03:04:05Z"},
      {.table = "odd", .column = "yes", .value = "true"},
      {.table = "odd", .column = "one", .value = "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}"},
      {.table = "odd", .column = "text", .value = "007"},
      {.table = "odd", .column = "mood", .value = "glad"},
      {.table = "odd", .column = "small", .value = "+7"},
      {.table = "odd", .column = "small", .value = "700"},
      {.table = "odd", .column = "text", .value = "7"},
      {.table = "odd", .column = "number", .value = "x"}};
  const auto changed = changes(parts, [&] {
    owners_session().run("INSERT INTO odd VALUES (7, '2026-01-02 12:04:05+09', true, '" + uuid +
                         "', '007', 'glad', 7)");
  });
  EXPECT_THAT(changed, ElementsAre(true, true, true, true, true, true, true, false, false, false));
  // A truth is "t" to some and "true" to others.
  EXPECT_THAT(own_spellings(parts),
              ElementsAre(false, false, false, false, true, true, false, true, true, true));
  EXPECT_THAT(own_spellings({{.table = "odd", .column = "number", .value = "7"},
                             {.table = "odd", .column = "at", .value = "2026-01-02 03:04:05+00"},
                             {.table = "odd", .column = "yes", .value = "t"},
                             {.table = "odd", .column = "one", .value = uuid},
                             {.table = "odd", .column = "small", .value = "7"}}),
              ElementsAre(true, true, false, true, true));
}

TEST_F(PostgresRevisionsTest, NullIsOfNoPartAndManyValuesAreAllOfThem) {
  install({"orders[owner]"});
  const std::vector<Part> parts{{.table = "orders", .column = "owner", .value = "7"},
                                {.table = "orders", .column = "owner", .value = ""}};
  EXPECT_THAT(changed_by(parts, "INSERT INTO orders(total) VALUES (1)"), Each(false));
  run("INSERT INTO users(id, name) SELECT i, 'x' FROM generate_series(100, 1200) AS i");
  EXPECT_THAT(changed_by(parts, "INSERT INTO orders(owner) SELECT id FROM users WHERE id >= 201"),
              Each(false))
      << "a thousand values are told apart";
  EXPECT_THAT(changed_by(parts, "INSERT INTO orders(owner) SELECT id FROM users WHERE id >= 200"),
              Each(true))
      << "more are not";
}

TEST_F(PostgresRevisionsTest, AChangeShowsWithItsCommitHoweverLate) {
  install({"orders", "orders[owner]"});
  const std::vector<Part> parts{orders_, {.table = "orders", .column = "owner", .value = "7"}};
  auto late = session();
  late.run("BEGIN");
  late.run("INSERT INTO orders(owner, total) VALUES (7, 1)");
  EXPECT_THAT(changes(parts, [&] { late.run("SELECT 1"); }), Each(false)) << "not yet";
  // Who comes later does not wait, and is seen first.
  auto soon = session();
  EXPECT_THAT(changes(parts, [&] { soon.run("INSERT INTO orders(owner) VALUES (7)"); }),
              Each(true));
  EXPECT_THAT(changes(parts, [&] { late.run("DELETE FROM orders WHERE total = 10"); }),
              Each(false));
  EXPECT_THAT(changes(parts, [&] { late.run("COMMIT"); }), Each(true));
}

TEST_F(PostgresRevisionsTest, ASavepointTakesBackItsOwnChangesAlone) {
  install({"orders"});
  for (const char* level : {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    auto writer = session();
    const auto steps = [&](const std::vector<std::string>& all) {
      return changes({orders_}, [&] {
        writer.run("BEGIN ISOLATION LEVEL " + std::string(level));
        for (const std::string& sql : all) writer.run(sql);
        writer.run("COMMIT");
      });
    };
    const std::string change = "INSERT INTO orders(total) VALUES (1)";
    EXPECT_THAT(steps({"SAVEPOINT s", change, "ROLLBACK TO s"}), ElementsAre(false)) << level;
    EXPECT_THAT(steps({"SAVEPOINT s", change, "ROLLBACK TO s", change}), ElementsAre(true))
        << level;
    EXPECT_THAT(steps({change, "SAVEPOINT s", change, "ROLLBACK TO s"}), ElementsAre(true))
        << level;
    EXPECT_THAT(steps({change, change, "DELETE FROM orders WHERE total = 1"}), ElementsAre(true))
        << level;
  }
}

TEST_F(PostgresRevisionsTest, NobodyWaitsAndNothingLocksUpWhateverTheIsolation) {
  install({"orders", "progress", "progress[user_id]"});
  const std::string order = "INSERT INTO orders(owner) VALUES (7)";
  const std::string progress = "UPDATE progress SET done = done + 1 WHERE user_id = ";
  for (const char* level : {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    auto here = session();
    auto there = session();
    const std::string begin = "BEGIN ISOLATION LEVEL " + std::string(level);
    here.run(begin);
    there.run(begin);
    here.run(order);
    there.run(progress + "8");
    here.run(progress + "7");
    there.run(order);
    EXPECT_THAT(changes({orders_, of_user("8")}, [&] { there.run("COMMIT"); }), Each(true));
    EXPECT_THAT(changes({orders_, of_user("7")}, [&] { here.run("COMMIT"); }), Each(true));
  }
}

// All slots that its snapshot shows have been renewed since.
TEST_F(PostgresRevisionsTest, AnOldSnapshotAddsASlotInsteadOfFailing) {
  install({"orders"});
  run("INSERT INTO orders(owner) VALUES (8)");
  auto old = session();
  old.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
  old.run("SELECT count(*) FROM users");
  run("INSERT INTO orders(owner) VALUES (8)");
  old.run("INSERT INTO orders(owner) VALUES (7)");
  EXPECT_THAT(changes({orders_}, [&] { old.run("COMMIT"); }), ElementsAre(true));
  EXPECT_EQ(run("SELECT count(*) FROM headrace.revision"), "2");
}

// Serializable transactions whose tables do not meet must not fail because of what is kept here.
TEST_F(PostgresRevisionsTest, SerializableWritersDoNotFailByIt) {
  install({"orders"});
  auto first = session();
  auto second = session();
  for (int i = 0; i < 50; ++i) {
    first.run("BEGIN ISOLATION LEVEL SERIALIZABLE");
    second.run("BEGIN ISOLATION LEVEL SERIALIZABLE");
    first.run("INSERT INTO orders(owner) VALUES (7)");
    second.run("INSERT INTO orders(owner) VALUES (8)");
    first.run("COMMIT");
    second.run("COMMIT");
  }
}

TEST_F(PostgresRevisionsTest, SlotsAreAsManyAsWritersAndAreTakenAwayAgain) {
  install({"orders"});
  const auto slots = [this] { return std::stoi(run("SELECT count(*) FROM headrace.revision")); };
  for (int i = 0; i < 5; ++i) run("INSERT INTO orders(owner) VALUES (8)");
  EXPECT_EQ(slots(), 1);
  std::vector<Session> writers;
  for (int i = 0; i < 3; ++i) {
    writers.push_back(session());
    writers.back().run("BEGIN");
    writers.back().run("INSERT INTO orders(owner) VALUES (7)");
  }
  for (Session& writer : writers) writer.run("COMMIT");
  EXPECT_EQ(slots(), 3);
  for (int i = 0; i < 100; ++i) {
    run("BEGIN ISOLATION LEVEL SERIALIZABLE");
    run("INSERT INTO orders(owner) VALUES (7)");
    run("COMMIT");
  }
  // Now and then a bump takes away what is too many.
  EXPECT_TRUE(kit::eventually([&] {
    run("INSERT INTO orders(owner) VALUES (8)");
    return slots() <= 64;
  }));
  EXPECT_THAT(changed_by({orders_}, "DELETE FROM orders WHERE number = 1"), ElementsAre(true));
}

// Three writers in any order: the revision is another one whenever what can be seen is, and only
// then.
TEST_F(PostgresRevisionsTest, NothingIsEverSeenUnderAnOldRevision) {
  install({"orders"});
  const char* const levels[] = {"READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"};
  std::array<Session, 3> writers{session(), session(), session()};
  std::array<bool, 3> is_open{};
  std::minstd_rand random(7);
  std::map<std::string, std::string> seen;
  std::string rows = run("SELECT count(*), max(number) FROM orders");
  seen[revision(orders_)] = rows;
  int changes = 0;
  for (int step = 0; step < 300; ++step) {
    const std::size_t who = random() % 3;
    const unsigned what = is_open[who] ? 1 + random() % 5 : 0;
    const std::string begin = "BEGIN ISOLATION LEVEL " + std::string(levels[random() % 3]);
    const std::string steps[] = {
        begin,         "INSERT INTO orders(total) VALUES (1)",
        "COMMIT",      "UPDATE orders SET total = 2 WHERE number = 1 AND false",
        "SAVEPOINT s", "ROLLBACK"};
    writers[who].run(steps[what]);
    is_open[who] = what != 2 && what != 5;
    const std::string now = run("SELECT count(*), max(number) FROM orders");
    changes += now != rows ? 1 : 0;
    rows = now;
    ASSERT_EQ(seen.try_emplace(revision(orders_), rows).first->second, rows) << step;
    ASSERT_EQ(seen.size(), static_cast<std::size_t>(changes) + 1) << step;
  }
  EXPECT_GT(changes, 10);
}

TEST_F(PostgresRevisionsTest, PartitionsAreTheParentsWhoeverWritesThem) {
  run("CREATE TABLE log(at int, who int) PARTITION BY RANGE (at); "
      "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM (0) TO (10); "
      "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM (10) TO (20) PARTITION BY LIST (who); "
      "CREATE TABLE log_2_7 PARTITION OF log_2 FOR VALUES IN (7); "
      "CREATE TABLE log_2_8 PARTITION OF log_2 FOR VALUES IN (8)");
  install({"log", "log[who]"});
  const std::vector<Part> parts{{.table = "log"},
                                {.table = "log", .column = "who", .value = "7"},
                                {.table = "log", .column = "who", .value = "8"}};
  for (const char* table : {"log", "log_1"}) {
    EXPECT_THAT(changed_by(parts, "INSERT INTO " + std::string(table) + " VALUES (1, 7)"),
                ElementsAre(true, true, false))
        << table;
  }
  EXPECT_THAT(changed_by(parts, "INSERT INTO log_2_7 VALUES (11, 7)"),
              ElementsAre(true, true, false));
  EXPECT_THAT(changed_by(parts, "UPDATE log SET at = 12, who = 8 WHERE at = 1"), Each(true));
  EXPECT_THAT(changed_by(parts, "UPDATE log_2 SET who = 7 WHERE who = 8"), Each(true));
  EXPECT_THAT(changed_by(parts, "TRUNCATE log_2_7"), Each(true));
  EXPECT_THAT(changed_by(parts, "ALTER TABLE log DETACH PARTITION log_1"), Each(true));
  run("CREATE TABLE log_3 PARTITION OF log FOR VALUES FROM (20) TO (30)");
  EXPECT_THAT(revision(parts[0]), StartsWith("invalid-argument: nobody keeps the revision of log"));
  install({"log"});
  EXPECT_THAT(revision(parts[0]).size(), 64u);
}

TEST_F(PostgresRevisionsTest, WhereNobodyKeepsThemThatIsSaid) {
  const auto nobody = StartsWith("invalid-argument: nobody keeps the revision of orders");
  EXPECT_THAT(revision(orders_), nobody) << "nothing is installed";
  install({"users", "progress[user_id]"});
  EXPECT_THAT(revision(orders_), nobody) << "not this one";
  EXPECT_THAT(revision({.table = "orders", .column = "owner", .value = "7"}),
              StartsWith("invalid-argument: nobody keeps the revision of orders[owner]: run"));
  EXPECT_THAT(revision({.table = "nowhere"}), StartsWith("invalid-argument: nobody keeps"));
  EXPECT_THAT(revision({.table = std::string("a\0b", 3)}), StartsWith("invalid-argument: "));
  install({"orders"});
  const std::string kept = revision(orders_);
  EXPECT_EQ(kept.size(), 64u);
  run("ALTER TABLE orders DISABLE TRIGGER headrace_update");
  EXPECT_THAT(revision(orders_), nobody);
  run("ALTER TABLE orders ENABLE TRIGGER headrace_update");
  EXPECT_THAT(revision(orders_), nobody) << "it would not fire for a replica's writes";
  run("ALTER TABLE orders ENABLE ALWAYS TRIGGER headrace_update");
  EXPECT_NE(revision(orders_), kept) << "nobody knows what happened meanwhile";
  run("ALTER TABLE orders RENAME TO bills; CREATE TABLE orders(number int)");
  EXPECT_THAT(revision(orders_), nobody) << "it is another table";
  EXPECT_THAT(revision({.table = "bills"}), StartsWith("invalid-argument: nobody keeps"));
}

TEST_F(PostgresRevisionsTest, TriggersThatWereOffWithinATransactionAreToldByTheCatalog) {
  install({"orders"});
  EXPECT_THAT(changes({orders_},
                      [&] {
                        auto loader = owners_session();
                        loader.run("BEGIN");
                        loader.run("ALTER TABLE orders DISABLE TRIGGER ALL");
                        loader.run("DELETE FROM orders WHERE number = 1");
                        loader.run("ALTER TABLE orders ENABLE ALWAYS TRIGGER headrace_delete");
                        loader.run("ALTER TABLE orders ENABLE ALWAYS TRIGGER headrace_insert");
                        loader.run("ALTER TABLE orders ENABLE ALWAYS TRIGGER headrace_update");
                        loader.run("ALTER TABLE orders ENABLE ALWAYS TRIGGER headrace_truncate");
                        loader.run("COMMIT");
                      }),
              ElementsAre(true));
  EXPECT_THAT(changes({orders_},
                      [&] {
                        auto replica = owners_session();
                        replica.run("SET session_replication_role = replica");
                        replica.run("DELETE FROM orders WHERE number = 2");
                      }),
              ElementsAre(true));
}

TEST_F(PostgresRevisionsTest, NamesMayBeOdd) {
  run("CREATE SCHEMA \"The 'Shop'\"; CREATE TABLE \"The 'Shop'\".\"Odd \"\"One\\\"(\"a '\"\"\\b\" "
      "text); "
      "GRANT USAGE ON SCHEMA \"The 'Shop'\" TO " +
      name_ + "_cache");
  const std::string table = "\"The 'Shop'\".\"Odd \"\"One\\\"";
  install({table, table + "[a '\"\\b]"});
  const std::vector<Part> parts{{.table = table},
                                {.table = table, .column = "a '\"\\b", .value = "x '\"\\"},
                                {.table = table, .column = "a '\"\\b", .value = "y"}};
  EXPECT_THAT(changed_by(parts, "INSERT INTO " + table + " VALUES ('x ''\"\\')"),
              ElementsAre(true, true, false));
}

// A column's name is looked for in each row; that it is gone must fail no writer.
TEST_F(PostgresRevisionsTest, ARenamedColumnFailsNobody) {
  install({"progress[course]"});
  run("ALTER TABLE progress RENAME course TO lesson; UPDATE progress SET done = 9");
  EXPECT_THAT(revision({.table = "progress", .column = "course", .value = "a"}),
              StartsWith("invalid-argument: nobody keeps"));
}

TEST_F(PostgresRevisionsTest, AFullQuestionIsAnsweredInItsOrder) {
  install({"orders", "progress[user_id]"});
  std::vector<Part> parts;
  for (std::size_t i = 1; i < Revisions::parts_max; ++i)
    parts.push_back(of_user(std::to_string(i)));
  parts.push_back(orders_);
  EXPECT_THAT(changed_by(parts, "DELETE FROM orders").back(), true);
  const auto changed = changed_by(parts, "DELETE FROM progress WHERE user_id = 8");
  for (std::size_t i = 0; i < changed.size(); ++i) EXPECT_EQ(changed[i], i == 7) << i;
}

TEST_F(PostgresRevisionsTest, TheDeadlineHolds) {
  install({"orders"});
  kit::TcpGate gate(server_->port());
  const auto slow =
      revisions_of(open({.connection = "host=127.0.0.1 port=" + std::to_string(gate.port()) +
                                       " user=postgres dbname=" + name_,
                         .sessions = 1}));
  const auto read_within = [&](Duration within) {
    return wait(slow->read({orders_}, runtime_.now() + within));
  };
  EXPECT_TRUE(read_within(std::chrono::seconds(20)));
  gate.stall(kit::Toward::client);
  const auto late = read_within(std::chrono::milliseconds(300));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::timed_out) << late.error().what;
  gate.restore();
  EXPECT_TRUE(kit::eventually([&] { return read_within(std::chrono::seconds(20)).has_value(); }));
  gate.cut();
  EXPECT_TRUE(read_within(std::chrono::seconds(20))) << "a lost session costs no read";
  const auto over = read_within(Duration::zero());
  EXPECT_EQ(over.error().code, Code::timed_out);
}

}  // namespace
}  // namespace headrace
