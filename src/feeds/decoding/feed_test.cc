// What the feed tells and proves, and when it says that it cannot.
#include <algorithm>
#include <atomic>
#include <thread>

#include "feeds/decoding/fixture.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DecodingFeedTest : public DecodingTest {
 protected:
  void SetUp() override {
    DecodingTest::SetUp();
    if (IsSkipped()) return;
    install();
  }
  // Though it is in use.
  void drop(const std::string& slot) {
    EXPECT_TRUE(eventually([&] {
      run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
          "WHERE slot_name = '" +
          slot + "'");
      const auto dropped = client_->query("SELECT pg_drop_replication_slot('" + slot + "')");
      return dropped && !dropped->starts_with('-');
    }));
  }
};

TEST_F(DecodingFeedTest, WhatAnybodyChangesIsToldAcknowledgedAndProved) {
  const Feed& feed = follow_from_now();
  run("INSERT INTO users VALUES (7, 'Ada', 1)");
  run("UPDATE users SET owner = 2, name = 'x'");
  run("UPDATE users SET owner = 2, name = 'y'");
  run("UPDATE users SET id = 8");
  run("UPDATE users SET name = name");
  run("DELETE FROM users");
  run("TRUNCATE orders");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(
      ear_.acknowledged(),
      ElementsAre("public.users 7 - owner=1", "public.users 7 name,owner owner=1 owner=2",
                  "public.users 7 name owner=2", "public.users 7 - owner=2",
                  "public.users 8 - owner=2", "public.users 8 - owner=2", "public.orders * -"));
  const FeedHealth health = feed.health();
  EXPECT_GT(health.retained, 0u);
  EXPECT_THAT(health.position, testing::MatchesRegex("[0-9A-F]+/[0-9A-F]+"));
  EXPECT_TRUE(health.is_consumer);
  EXPECT_EQ(health.changes, 7u);
  EXPECT_EQ(health.losses, 1u);
  EXPECT_EQ(health.waiting, 0u);
  EXPECT_GT(health.lag_max, Duration::zero());
  EXPECT_LT(health.lag, std::chrono::seconds(20));
  EXPECT_EQ(health.trouble, "");
}

TEST_F(DecodingFeedTest, WhatIsRolledBackIsNotTold) {
  follow_from_now();
  run("BEGIN; INSERT INTO users VALUES (1); ROLLBACK");
  run("BEGIN; INSERT INTO users VALUES (2); SAVEPOINT s; INSERT INTO users VALUES (3); "
      "ROLLBACK TO s; COMMIT");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.told(), ElementsAre("public.users 2 -"));
}

TEST_F(DecodingFeedTest, EveryWayToChangeARowIsTold) {
  decoding_.tables = {{.table = "users"}, {.table = "orders"}};
  follow_from_now();
  run("INSERT INTO users SELECT i FROM generate_series(1, 2) AS i");
  run("INSERT INTO orders VALUES (5, 1), (6, 2)");
  run("UPDATE users SET id = 3 WHERE id = 1");
  run("DELETE FROM users WHERE id = 2");
  run("INSERT INTO users VALUES (3, 'x') ON CONFLICT (id) DO UPDATE SET name = 'x'");
  run("DO $$ BEGIN INSERT INTO users VALUES (9); END $$");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(
      ear_.acknowledged(),
      ElementsAre("public.users 1 -", "public.users 2 -", "public.orders 5 -", "public.orders 6 -",
                  "public.users 1 -", "public.users 3 -", "public.orders 5 -", "public.users 2 -",
                  "public.orders 6 -", "public.users 3 name", "public.users 9 -"));
}

TEST_F(DecodingFeedTest, OfATableWithoutAKeyAnyMemberIsTold) {
  run("CREATE TABLE plain(a int); CREATE TABLE pairs(a int, b int, PRIMARY KEY (a, b)); "
      "CREATE TABLE codes(code char(5) PRIMARY KEY, v int)");
  decoding_.tables = {{.table = "plain"}, {.table = "pairs"}, {.table = "codes"}};
  install();
  follow_from_now();
  run("INSERT INTO plain VALUES (1)");
  run("UPDATE plain SET a = 2");
  run("INSERT INTO pairs VALUES (1, 2)");
  run("INSERT INTO codes VALUES ('a', 2)");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.plain * -", "public.plain * -",
                                               "public.pairs * -", "public.codes * -"));
}

TEST_F(DecodingFeedTest, PartitionsAreToldAsTheTableTheyArePartsOf) {
  run("CREATE TABLE parts(id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)");
  decoding_.tables = {{.table = "parts"}};
  install();
  const Feed& feed = follow_from_now();
  run("INSERT INTO parts VALUES (1, 'a')");
  run("UPDATE low SET v = 'b'");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.parts 1 -", "public.parts 1 -"));
  // One that is made later is told of, too; that it may have had rows before is a loss.
  run("CREATE TABLE high PARTITION OF parts FOR VALUES FROM (10) TO (20)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(feed.health().trouble, "");
  run("UPDATE parts SET id = 11");
  run("TRUNCATE high");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(),
              ElementsAre("public.parts 1 -", "public.parts 1 -", "public.parts 1 -",
                          "public.parts 11 -", "public.parts * -"));
  run("BEGIN; ALTER TABLE parts DETACH PARTITION low; "
      "ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (0) TO (10); COMMIT");
  EXPECT_TRUE(has_lost(3)) << "nobody ever sees it detached";
  EXPECT_TRUE(is_proved(ear_));
  run("TRUNCATE parts");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.acknowledged().size(), 6u);
}

// A large value that has not changed is not in the stream.
TEST_F(DecodingFeedTest, LargeValuesThatAreAsTheyWereAreNoChange) {
  run("ALTER TABLE users ALTER name SET STORAGE EXTERNAL");
  install();
  follow_from_now();
  run("INSERT INTO users VALUES (1, repeat('x', 20000), 5)");
  run("UPDATE users SET owner = 6");
  run("UPDATE users SET name = repeat('y', 20000)");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(),
              ElementsAre("public.users 1 - owner=5", "public.users 1 owner owner=5 owner=6",
                          "public.users 1 name owner=6"));
}

TEST_F(DecodingFeedTest, OfATableWithGeneratedColumnsNoFieldsAreTold) {
  run("CREATE TABLE odd(id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED)");
  decoding_.tables = {{.table = "odd", .values = {"a"}}};
  install();
  follow_from_now();
  run("INSERT INTO odd VALUES (1, 2)");
  run("UPDATE odd SET a = 3");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.odd 1 - a=2", "public.odd 1 - a=2 a=3"));
}

TEST_F(DecodingFeedTest, ValuesAreTextsOfOneForm) {
  run("CREATE TABLE moments(at timestamptz PRIMARY KEY, f float8, b bytea); "
      "ALTER ROLE postgres IN DATABASE " +
      name_ +
      " SET TimeZone = 'Asia/Tokyo'; "
      "ALTER ROLE postgres IN DATABASE " +
      name_ +
      " SET DateStyle = 'German'; "
      "ALTER ROLE postgres IN DATABASE " +
      name_ +
      " SET extra_float_digits = -5; "
      "ALTER ROLE postgres IN DATABASE " +
      name_ + " SET bytea_output = 'escape'");
  decoding_.tables = {{.table = "moments", .values = {"f", "b"}}};
  install();
  follow_from_now();
  run("INSERT INTO moments VALUES ('2026-01-02 03:04:05+00', 0.1::float8 + 0.2, '\\x01ff')");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(),
              ElementsAre("public.moments 2026-01-02 03:04:05+00 - f=0.30000000000000004 "
                          "b=\\x01ff"));
}

TEST_F(DecodingFeedTest, ATransactionOfManyRowsIsToldOnceAndABacklogInBatches) {
  PostgresDecodingOptions small = options();
  small.rows_max = 10;
  small.batch_max = 3;
  small.backlog_max = 5;
  const Feed& feed = follow_from_now(small);
  ear_.hold();
  run("INSERT INTO users SELECT i FROM generate_series(1, 11) AS i");
  run("INSERT INTO users SELECT i FROM generate_series(101, 110) AS i");
  for (int i = 201; i <= 220; ++i) run("INSERT INTO users VALUES (" + std::to_string(i) + ")");
  EXPECT_TRUE(eventually([&] { return feed.health().waiting == 11; }));
  let_pass(milliseconds(100));
  EXPECT_EQ(feed.health().waiting, 11u) << "the rest waits at the server";
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.acknowledged().size(), 31u);
  EXPECT_EQ(ear_.acknowledged().front(), "public.users * -");
  EXPECT_EQ(ear_.told().size(), 31u);
  EXPECT_EQ(ear_.largest_batch(), 3u);
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(DecodingFeedTest, WhatCommitsLateIsNotPassedOver) {
  follow_from_now();
  kit::PostgresClient late = connect("postgres");
  run(late, "BEGIN; INSERT INTO users VALUES (1)");
  run("INSERT INTO users VALUES (2)");
  EXPECT_TRUE(is_acknowledged("public.users 2 -"));
  EXPECT_TRUE(is_proved(ear_)) << "nobody can read what is not committed";
  EXPECT_EQ(ear_.told().size(), 1u);
  run(late, "COMMIT");
  EXPECT_TRUE(is_acknowledged("public.users 1 -"));
}

TEST_F(DecodingFeedTest, WhatIsCommittedInTwoPhasesIsToldOnceItCanBeRead) {
  follow_from_now();
  run("BEGIN; INSERT INTO users VALUES (1); PREPARE TRANSACTION '" + name_ + "'");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.told(), IsEmpty());
  run("COMMIT PREPARED '" + name_ + "'");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.told(), ElementsAre("public.users 1 -"));
}

// It can be read before it is on disk, and only what is on disk is streamed.
TEST_F(DecodingFeedTest, WhatIsCommittedWithoutWaitingForTheDiskIsProvedOnlyWhenTold) {
  follow_from_now();
  run("SET synchronous_commit = off");
  for (int i = 1; i <= 50; ++i) {
    run("INSERT INTO users VALUES (" + std::to_string(i) + ")");
    const Instant committed = runtime_.now();
    ASSERT_TRUE(eventually([&] { return ear_.proved_at() >= committed; }));
    ASSERT_EQ(ear_.acknowledged().size(), static_cast<std::size_t>(i));
  }
}

// What an open transaction has written nothing brings to disk.
TEST_F(DecodingFeedTest, ALogWhoseEndIsNotOnDiskDoesNotStopTheProofs) {
  follow_from_now();
  kit::PostgresClient late = connect("postgres");
  run(late, "BEGIN");
  for (int i = 1; i <= 10; ++i) {
    run(late, "INSERT INTO users VALUES (" + std::to_string(i) + ")");
    ASSERT_TRUE(is_proved(ear_));
  }
  run(late, "ROLLBACK");
}

TEST_F(DecodingFeedTest, AnIdleServerIsProvedWithoutWriting) {
  const Feed& feed = follow_from_now();
  ASSERT_TRUE(eventually([&] {
    const std::string before = run("SELECT pg_current_wal_insert_lsn()");
    for (int i = 0; i < 5; ++i) {
      if (!is_proved(ear_)) return false;
    }
    return run("SELECT pg_current_wal_insert_lsn()") == before;
  }));
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(DecodingFeedTest, WhatIsNotAcknowledgedIsToldAgainAndNothingIsProved) {
  const Feed& feed = follow_from_now();
  ear_.fail(true);
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  const std::string confirmed =
      "SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE "
      "slot_name = '" +
      slot() + "'";
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 2; }));
  const std::string before = run(confirmed);
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 4; }));
  EXPECT_GE(runtime_.now() - committed, milliseconds(50 + 100 + 200)) << "after growing pauses";
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  EXPECT_LT(ear_.proved_at(), committed);
  EXPECT_EQ(feed.health().waiting, 1u);
  EXPECT_EQ(run(confirmed), before);
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_TRUE(is_well(feed));
}

TEST_F(DecodingFeedTest, ALossThatIsNotAcknowledgedIsToldAgain) {
  ear_.fail(true);
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  let_pass(milliseconds(100));
  EXPECT_EQ(ear_.proved_at(), Instant{});
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(DecodingFeedTest, OneIsTheConsumerAndAllProveWhatItHasAcknowledged) {
  const Feed& consumer = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 0);
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  let_pass(milliseconds(200));
  EXPECT_LT(ear_.proved_at(), committed);
  EXPECT_LT(other_.proved_at(), committed);
  EXPECT_TRUE(consumer.health().is_consumer);
  EXPECT_FALSE(other.health().is_consumer);
  ear_.release();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(other_.told(), IsEmpty());
}

TEST_F(DecodingFeedTest, ProofsGoOnWhileChangesKeepComing) {
  PostgresDecodingOptions small = options();
  small.batch_max = 1;
  follow_from_now(small);
  follow(options(), other_);
  std::atomic<bool> ended = false;
  std::thread writer([&] {
    kit::PostgresClient client = connect("postgres");
    for (int i = 0; !ended; ++i) {
      run(client, "INSERT INTO users VALUES (" + std::to_string(2 * i) + "), (" +
                      std::to_string(2 * i + 1) + ")");
    }
  });
  EXPECT_TRUE(eventually([&] { return ear_.acknowledged().size() > 20; }));
  for (int i = 0; i < 2; ++i) {
    const Instant before = other_.proved_at();
    EXPECT_TRUE(eventually([&] { return other_.proved_at() > before; }));
  }
  ended = true;
  writer.join();
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(DecodingFeedTest, ASlotThatIsGoneIsALossAndSoIsTheNext) {
  const Feed& feed = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  const std::string gone = slot();
  drop(gone);
  const Instant dropped = runtime_.now();
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "the slot " + gone + " is gone; install the feed again"));
  EXPECT_TRUE(is_troubled(other, "install the feed again"));
  run("INSERT INTO users VALUES (7)");
  let_pass(milliseconds(200));
  EXPECT_EQ(ear_.losses(), 2) << "once is enough";
  EXPECT_LT(ear_.proved_at(), dropped);
  EXPECT_LT(other_.proved_at(), dropped);
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(is_well(feed));
  EXPECT_EQ(other_.losses(), 0);
  EXPECT_THAT(ear_.told(), IsEmpty()) << "that was before the slot";
  run("INSERT INTO users VALUES (8)");
  EXPECT_TRUE(is_acknowledged("public.users 8 -"));
}

TEST_F(DecodingFeedTest, AFeedThatHasSeenHalfAnInstallationBeginsAfterTheOtherHalf) {
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_));
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "install the feed"));
  const auto sql = postgres_decoding_sql(login(), decoding_, runtime_);
  ASSERT_TRUE(sql);
  run(sql->substr(0, sql->rfind("SET statement_timeout")));
  EXPECT_TRUE(is_troubled(feed, "the slot " + slot() + " is gone"));
  let_pass(milliseconds(100));
  run(sql->substr(sql->rfind("SELECT pg_create")));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(is_well(feed));
}

// What came in between is in neither.
TEST_F(DecodingFeedTest, ASlotThatIsMadeAgainByHandIsALoss) {
  follow_from_now();
  drop(slot());
  EXPECT_TRUE(has_lost(2));
  run("INSERT INTO users VALUES (7)");
  run("SELECT pg_create_logical_replication_slot('" + slot() + "', 'pgoutput')");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(DecodingFeedTest, ASlotThatIsNotTheFeedsAnyMoreIsLetGoOf) {
  const Feed& feed = follow_from_now();
  const std::string own = slot();
  run("UPDATE headrace.decoding_feeds SET slot = 'another'");
  EXPECT_TRUE(is_troubled(feed, "the slot another is gone"));
  EXPECT_TRUE(eventually([&] {
    return run("SELECT active FROM pg_replication_slots WHERE slot_name = '" + own + "'") == "f";
  }));
  EXPECT_TRUE(has_lost(2));
}

TEST_F(DecodingFeedTest, ATableThatGotOutOfThePublicationIsALossAndSoIsItsReturn) {
  const Feed& feed = follow_from_now();
  run("ALTER PUBLICATION " + slot() + " DROP TABLE orders");
  const Instant dropped = runtime_.now();
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "does not have all of public.orders; install the feed again"));
  run("INSERT INTO users VALUES (1)");
  run("INSERT INTO orders VALUES (1, 1)");
  let_pass(milliseconds(100));
  EXPECT_LT(ear_.proved_at(), dropped);
  run("ALTER PUBLICATION " + slot() + " ADD TABLE orders");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
  run("INSERT INTO orders VALUES (2, 1)");
  EXPECT_TRUE(is_acknowledged("public.orders 2 -"));
  EXPECT_EQ(std::ranges::count(ear_.told(), "public.orders 1 -"), 0);
}

// Nobody ever sees it out.
TEST_F(DecodingFeedTest, ATableThatWasOutOfThePublicationWithinATransactionIsALoss) {
  follow_from_now();
  run("BEGIN; ALTER PUBLICATION " + slot() +
      " DROP TABLE users; "
      "INSERT INTO users VALUES (7); "
      "ALTER PUBLICATION " +
      slot() + " ADD TABLE users; COMMIT");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
}

// It may change something that the publication did not have then, and commit it after the loss.
TEST_F(DecodingFeedTest, ALossIsToldWhenAllAreOverWhoHadBegunBefore) {
  const Feed& feed = follow_from_now();
  run("ALTER PUBLICATION " + slot() + " DROP TABLE orders");
  EXPECT_TRUE(has_lost(2));
  kit::PostgresClient late = connect("postgres");
  run("INSERT INTO users VALUES (1)");
  run(late, "BEGIN; INSERT INTO orders VALUES (1, 1)");
  const Instant begun = runtime_.now();
  run("ALTER PUBLICATION " + slot() + " ADD TABLE orders");
  EXPECT_TRUE(is_troubled(feed, "once all transactions are over"));
  let_pass(milliseconds(100));
  EXPECT_EQ(ear_.losses(), 2);
  EXPECT_LT(ear_.proved_at(), begun);
  run(late, "COMMIT");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(DecodingFeedTest, AColumnThatIsRewrittenIsALossAndAnotherNameIsLacking) {
  const Feed& feed = follow_from_now();
  run("ALTER TABLE users ALTER name TYPE varchar USING upper(name)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  run("ALTER TABLE users RENAME TO people");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_troubled(feed, "there is no table users"));
}

TEST_F(DecodingFeedTest, AFeedThatIsNotInstalledSaysWhatToDo) {
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_));
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "install the feed"));
  EXPECT_TRUE(has_lost(1));
  EXPECT_EQ(ear_.proved_at(), Instant{});
  install();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(has_lost(2));
}

TEST_F(DecodingFeedTest, ARoleOfItsOwnNeedsNoMoreThanToReplicateAndWhatItIsGranted) {
  run("DO $$ BEGIN CREATE ROLE follower LOGIN; EXCEPTION WHEN OTHERS THEN END $$");
  run("ALTER ROLE follower NOREPLICATION");
  PostgresDecodingOptions own = options();
  own.login = login(server_->port(), "follower");
  const Feed& feed = follow(own, ear_);
  EXPECT_TRUE(is_troubled(feed, "permission denied for schema headrace"));
  decoding_.role = "follower";
  install();
  EXPECT_TRUE(is_troubled(feed, "replication role"));
  run("ALTER ROLE follower REPLICATION");
  EXPECT_TRUE(is_proved(ear_));
  run("INSERT INTO users VALUES (7)");
  EXPECT_TRUE(is_acknowledged("public.users 7 -"));
  EXPECT_TRUE(is_well(feed));
}

TEST_F(DecodingFeedTest, CloseWaitsForTheCallThatIsUnderWayAndThenNothingIsTold) {
  Feed& feed = follow_from_now();
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  std::atomic<bool> closed = false;
  std::thread closing([&] {
    feed.close();
    closed = true;
  });
  run("INSERT INTO users VALUES (8)");
  EXPECT_FALSE(closed);
  ear_.release();
  closing.join();
  const auto told = ear_.told();  // 8 as well, if that came before close() was called.
  EXPECT_EQ(told.front(), "public.users 7 -");
  run("INSERT INTO users VALUES (9)");
  const Instant until = runtime_.now() + milliseconds(100);
  EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  EXPECT_EQ(ear_.told(), told);
  feed.close();
}

TEST_F(DecodingFeedTest, OptionsThatMakeNoSenseAreRefusedWithoutAPassword) {
  const auto fault = [this](auto change) {
    PostgresDecodingOptions options = this->options();
    change(options);
    const auto feed = open_postgres_decoding(std::move(options), runtime_, runtime_);
    return feed ? "" : feed.error().what;
  };
  EXPECT_EQ(fault([](auto&) {}), "");
  const std::string wrong = fault([](auto& o) { o.login.connection = "host password=hush"; });
  EXPECT_THAT(wrong, testing::AllOf(HasSubstr("connection"), testing::Not(HasSubstr("hush"))));
  EXPECT_THAT(fault([](auto& o) { o.decoding.name = "A"; }), HasSubstr("lower-case"));
  EXPECT_THAT(fault([](auto& o) { o.decoding.tables.clear(); }), HasSubstr("tables"));
  EXPECT_THAT(fault([](auto& o) { o.rows_max = 0; }), HasSubstr("rows_max"));
  EXPECT_THAT(fault([](auto& o) { o.batch_max = 0; }), HasSubstr("batch_max"));
  EXPECT_THAT(fault([](auto& o) { o.silent_max = o.poll_every; }), HasSubstr("silent_max"));
}

}  // namespace
}  // namespace headrace
