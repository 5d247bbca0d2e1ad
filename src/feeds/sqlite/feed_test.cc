// What the feed tells and proves, and when it says that it cannot.
#include <algorithm>
#include <atomic>
#include <thread>

#include "feeds/sqlite/fixture.h"

namespace headrace {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SqliteFollowingTest : public SqliteFeedTest {
 protected:
  SqliteFollowingTest() { install(); }

  // One that has told of the loss which comes first.
  SqliteFeed& follow_from_now(SqliteFeedOptions options) {
    SqliteFeed& feed = follow(std::move(options), ear_);
    EXPECT_TRUE(is_proved(ear_)) << feed.health().trouble;
    EXPECT_EQ(ear_.losses(), 1);
    return feed;
  }
  SqliteFeed& follow_from_now() { return follow_from_now(options()); }
  // Everybody else has looked since: the other follower has proved, or sees what waits.
  void let_look(const Feed& feed) {
    // A row of nobody's table, so that there is something new to be seen.
    run("INSERT INTO headrace_outbox_headrace(tbl) VALUES ('nothing')");
    const std::string last = run("SELECT seq FROM sqlite_sequence WHERE name LIKE '%_headrace'");
    EXPECT_TRUE(eventually([&] { return feed.health().position == last; }));
  }
  bool is_acknowledged(const std::string& change) {
    return eventually([&] { return std::ranges::count(ear_.acknowledged(), change) > 0; });
  }
  bool has_lost(int times) {
    return eventually([&] { return ear_.losses() == times; });
  }
  bool is_troubled(const Feed& feed, const std::string& words) {
    return eventually([&] { return feed.health().trouble.contains(words); });
  }
  std::string waiting() { return run("SELECT count(*) FROM headrace_outbox_headrace"); }
};

TEST_F(SqliteFollowingTest, WhatAnybodyChangesIsToldAcknowledgedAndProved) {
  const Feed& feed = follow_from_now();
  run("INSERT INTO users VALUES (7, 'Ada', 1, 1)");
  run("UPDATE users SET owner = 2, name = 'x'; UPDATE users SET owner = 2, name = 'y'");
  run("DELETE FROM users");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(),
              ElementsAre("users 7 - owner=1", "users 7 name,owner owner=1 owner=2",
                          "users 7 name owner=2", "users 7 - owner=2"));
  EXPECT_EQ(waiting(), "0");
  const FeedHealth health = feed.health();
  EXPECT_TRUE(health.is_consumer);
  EXPECT_EQ(health.changes, 4u);
  EXPECT_EQ(health.losses, 1u);
  EXPECT_EQ(health.waiting, 0u);
  EXPECT_LT(health.lag_max, std::chrono::seconds(20));
  EXPECT_EQ(health.trouble, "");
}

// Proofs come with every poll, though nobody commits anything.
TEST_F(SqliteFollowingTest, ProofsGoOnWhileNothingHappens) {
  follow_from_now();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_proved(ear_));
}

TEST_F(SqliteFollowingTest, WithARollbackJournalItIsTheSame) {
  ASSERT_EQ(run("PRAGMA journal_mode = DELETE"), "delete");
  follow_from_now();
  follow(options(), other_);
  for (int i = 0; i < 20; ++i) {
    run("INSERT INTO users(id) VALUES (" + std::to_string(i) + ")");
    if (i % 5 == 0) {
      EXPECT_TRUE(is_proved(ear_));
      EXPECT_TRUE(is_proved(other_));
    }
  }
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.acknowledged().size(), 20u);
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(SqliteFollowingTest, ABacklogIsToldInBatches) {
  follow_from_now();
  feeds_.clear();
  for (int i = 1; i <= 10; ++i) run("INSERT INTO users(id) VALUES (" + std::to_string(i) + ")");
  SqliteFeedOptions small = options();
  small.batch_max = 3;
  follow(small, ear_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.acknowledged().size(), 10u);
  EXPECT_EQ(ear_.told().size(), 10u);
  EXPECT_EQ(ear_.largest_batch(), 3u);
  EXPECT_EQ(ear_.losses(), 1) << "it went on where the last one ended";
}

TEST_F(SqliteFollowingTest, WhatIsNotAcknowledgedIsToldAgainAndNothingIsProved) {
  const Feed& feed = follow_from_now();
  ear_.fail(true);
  run("INSERT INTO users(id) VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 4; }));
  EXPECT_GE(runtime_.now() - committed, milliseconds(50 + 100 + 200)) << "after growing pauses";
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  let_look(feed);
  EXPECT_LT(ear_.proved_at(), committed);
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), testing::Contains("users 7 -"));
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(SqliteFollowingTest, ALossThatIsNotAcknowledgedIsToldAgain) {
  ear_.fail(true);
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  let_look(feed);
  EXPECT_EQ(ear_.proved_at(), Instant{});
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(SqliteFollowingTest, OneIsTheConsumerAndAllProveWhatItHasAcknowledged) {
  const Feed& consumer = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 0);
  ear_.hold();
  run("INSERT INTO users(id) VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  for (const Feed* feed : {&consumer, &other}) let_look(*feed);
  EXPECT_LT(ear_.proved_at(), committed);
  EXPECT_LT(other_.proved_at(), committed);
  EXPECT_TRUE(consumer.health().is_consumer);
  EXPECT_FALSE(other.health().is_consumer);
  EXPECT_EQ(other.health().waiting, 3u);
  ear_.release();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(other_.told(), IsEmpty());
  // It takes over when the other one ends.
  feeds_.front()->close();
  feeds_.erase(feeds_.begin());
  run("INSERT INTO users(id) VALUES (8)");
  EXPECT_TRUE(is_proved(other_));
  EXPECT_THAT(other_.acknowledged(), ElementsAre("users 8 -"));
  EXPECT_EQ(other_.losses(), 0);
}

TEST_F(SqliteFollowingTest, FeedsOfTwoNamesKnowNothingOfEachOther) {
  follow_from_now();
  outbox_.name = "second";
  install();
  follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(has_lost(2)) << "the schema has changed";
  run("INSERT INTO orders VALUES (1, NULL)");
  EXPECT_TRUE(is_acknowledged("orders 1 -"));
  EXPECT_TRUE(is_proved(other_));
  EXPECT_THAT(other_.acknowledged(), ElementsAre("orders 1 -"));
}

// While there is always something that waits, what was there at some time is proved nevertheless.
TEST_F(SqliteFollowingTest, ProofsGoOnWhileChangesKeepComing) {
  SqliteFeedOptions small = options();
  small.batch_max = 1;
  follow_from_now(small);
  follow(options(), other_);
  std::atomic<bool> ended = false;
  std::thread writing([&] {
    Writer writer(path_);
    for (int i = 0; !ended; ++i) {
      if (writer.run("SELECT count(*) > 20 FROM headrace_outbox_headrace") == "1") continue;
      writer.run("INSERT INTO users(id) VALUES (" + std::to_string(2 * i) + "), (" +
                 std::to_string(2 * i + 1) + ")");
    }
  });
  EXPECT_TRUE(eventually([&] { return ear_.acknowledged().size() > 20; }));
  for (int i = 0; i < 2; ++i) {
    const Instant before = other_.proved_at();
    EXPECT_TRUE(eventually([&] { return other_.proved_at() > before; }));
  }
  EXPECT_NE(waiting(), "0");
  ended = true;
  writing.join();
}

TEST_F(SqliteFollowingTest, WhoCommitsHereCanWakeIt) {
  SqliteFeedOptions rare = options();
  rare.poll_every = std::chrono::hours(1);
  SqliteFeed& feed = follow(rare, ear_);
  EXPECT_TRUE(eventually([&] { return ear_.losses() == 1 && ear_.proved_at() > Instant{}; }));
  Instant committed{};
  for (const std::string id : {"1", "2", "3"}) {
    run("INSERT INTO users(id) VALUES (" + id + ")");
    committed = runtime_.now();
    feed.wake();
    EXPECT_TRUE(is_acknowledged("users " + id + " -"));
  }
  // And then it rests, although its listener is called with one proof more.
  EXPECT_TRUE(eventually([&] { return ear_.proved_at() >= committed; }));
  const Instant rests = ear_.proved_at();
  for (int i = 0; i < 10; ++i) feed.wake();
  const Instant until = runtime_.now() + milliseconds(100);
  EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  EXPECT_EQ(ear_.proved_at(), rests);
}

TEST_F(SqliteFollowingTest, ATriggerThatIsGoneIsALossAndSoIsItsReturn) {
  const Feed& feed = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  run("DROP TRIGGER \"headrace_outbox_headrace users insert\"");
  const Instant dropped = runtime_.now();
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "users insert\" is not there, or not as"));
  EXPECT_TRUE(is_troubled(other, "install the outbox again"));
  run("INSERT INTO users(id) VALUES (7)");
  let_look(feed);
  let_look(other);
  EXPECT_EQ(ear_.losses(), 2) << "once is enough";
  EXPECT_LT(ear_.proved_at(), dropped);
  EXPECT_LT(other_.proved_at(), dropped);
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(feed.health().trouble, "");
  EXPECT_EQ(other_.losses(), 0);
}

// Nobody ever sees it gone.
TEST_F(SqliteFollowingTest, ATriggerThatWasGoneWithinATransactionIsALoss) {
  follow_from_now();
  const std::string name = "\"headrace_outbox_headrace users insert\"";
  const std::string sql =
      run("SELECT sql FROM sqlite_schema WHERE name = 'headrace_outbox_headrace users insert'");
  run("BEGIN; DROP TRIGGER " + name + "; INSERT INTO users(id) VALUES (7); " + sql + "; COMMIT");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.told(), IsEmpty());
}

TEST_F(SqliteFollowingTest, AColumnThatIsAddedIsLacking) {
  const Feed& feed = follow_from_now();
  run("ALTER TABLE users ADD later; INSERT INTO users(id) VALUES (7)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "not as table users wants it; install the outbox again"));
  install();
  EXPECT_TRUE(has_lost(3));
  run("UPDATE users SET later = 1");
  EXPECT_TRUE(is_acknowledged("users 7 later"));
}

TEST_F(SqliteFollowingTest, ATableThatIsMadeAnewIsALoss) {
  const Feed& feed = follow_from_now();
  run("PRAGMA foreign_keys = 0; DROP TABLE users; "
      "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT, owner INTEGER, price)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "install the outbox again"));
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(SqliteFollowingTest, AnOutboxThatIsGoneIsALoss) {
  const Feed& feed = follow_from_now();
  // Whoever has read a schema with the triggers and without the table fails until he reads it anew.
  Writer(path_).run("DROP TABLE headrace_outbox_headrace");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "the outbox is not there, or not as it should be; install"));
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
  ASSERT_TRUE(uninstall_sqlite_outbox(path_, "headrace"));
  EXPECT_TRUE(has_lost(4));
  install();
  EXPECT_TRUE(has_lost(5));
  run("INSERT INTO users(id) VALUES (8)");
  EXPECT_TRUE(is_acknowledged("users 8 -"));
}

// Whoever is told tells in the order of the numbers, so that any that is missing shows.
TEST_F(SqliteFollowingTest, RowsThatSomebodyRemovesAreALoss) {
  int losses = 1;
  follow_from_now();
  for (const std::string which :
       {"", " WHERE id % 3 = 0", " WHERE id % 3 = 1", " WHERE id % 3 = 2"}) {
    feeds_.clear();
    run("INSERT INTO users(owner) VALUES (1), (2), (3)");
    run("DELETE FROM headrace_outbox_headrace" + which);
    follow(options(), ear_);
    EXPECT_TRUE(is_proved(ear_));
    EXPECT_EQ(ear_.losses(), ++losses) << which;
    EXPECT_EQ(waiting(), "0");
  }
  // Numbers that begin anew.
  feeds_.clear();
  run("DELETE FROM sqlite_sequence; INSERT INTO users(owner) VALUES (1)");
  follow(options(), ear_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), ++losses);
}

// SQLite keeps what such a statement had done, and does not keep its numbers.
TEST_F(SqliteFollowingTest, AStatementThatFailsHalfwayIsNoLoss) {
  follow_from_now();
  run("INSERT INTO users(id) VALUES (1)");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(writer_.ask("INSERT OR FAIL INTO users(id) VALUES (2), (3), (1)"),
              HasSubstr("UNIQUE"));
  EXPECT_TRUE(is_proved(ear_));
  run("INSERT INTO users(id) VALUES (4)");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 1 -", "users 2 -", "users 3 -", "users 4 -"));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(SqliteFollowingTest, ABacklogOverTheLimitIsALoss) {
  follow_from_now();
  feeds_.clear();
  run("WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 11) "
      "INSERT INTO users(id) SELECT i FROM n");
  SqliteFeedOptions small = options();
  small.backlog_max = 10;
  follow(small, ear_);
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(waiting(), "0");
  EXPECT_THAT(ear_.told(), IsEmpty());
  run("INSERT INTO users(id) VALUES (100)");
  EXPECT_TRUE(is_acknowledged("users 100 -"));
  EXPECT_EQ(ear_.losses(), 2);
}

TEST_F(SqliteFollowingTest, WhatIsWrittenWhileALossIsToldIsToldAfterIt) {
  ear_.hold();
  follow(options(), ear_);
  EXPECT_TRUE(eventually([&] { return ear_.is_held(); }));
  run("INSERT INTO users(id) VALUES (7)");
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("users 7 -"));
}

TEST_F(SqliteFollowingTest, OddRowsAreToldAsFarAsTheyCanBeRead) {
  follow_from_now();
  run("INSERT INTO headrace_outbox_headrace(tbl, key, fields, vals) VALUES "
      "('a', replace(hex(zeroblob(513)), '0', 'x'), 'x', '[1]'), (NULL, x'ff', NULL, NULL), "
      "('b', 'y', '''f'' ', '''d''=''e'' ')");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("a * -", " * -", "b y f d=e"));
}

TEST_F(SqliteFollowingTest, CloseWaitsForTheCallThatIsUnderWayAndThenNothingIsTold) {
  Feed& feed = follow_from_now();
  ear_.hold();
  run("INSERT INTO users(id) VALUES (7)");
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  std::atomic<bool> closed = false;
  std::thread closing([&] {
    feed.close();
    closed = true;
  });
  run("INSERT INTO users(id) VALUES (8)");
  EXPECT_FALSE(closed);
  ear_.release();
  closing.join();
  const auto told = ear_.told();  // 8 as well, if that came before close() was called.
  EXPECT_EQ(told.front(), "users 7 -");
  run("INSERT INTO users(id) VALUES (9)");
  const Instant until = runtime_.now() + milliseconds(100);
  EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  EXPECT_EQ(ear_.told(), told);
  feed.close();
}

TEST_F(SqliteFollowingTest, OptionsThatMakeNoSenseAreRefused) {
  const auto fault = [this](auto change) {
    SqliteFeedOptions options = this->options();
    change(options);
    const auto feed = open_sqlite_feed(std::move(options), runtime_, runtime_);
    return feed ? "" : feed.error().what;
  };
  EXPECT_EQ(fault([](auto&) {}), "");
  EXPECT_THAT(fault([](auto& o) { o.path = ""; }), HasSubstr("names the file"));
  EXPECT_THAT(fault([](auto& o) { o.database = ""; }), HasSubstr("names the database"));
  EXPECT_THAT(fault([](auto& o) { o.outbox.tables.clear(); }), HasSubstr("tables"));
  EXPECT_THAT(fault([](auto& o) { o.batch_max = 0; }), HasSubstr("batch_max"));
  EXPECT_THAT(fault([](auto& o) { o.backlog_max = 0; }), HasSubstr("backlog_max"));
  EXPECT_THAT(fault([](auto& o) { o.poll_every = Duration::zero(); }), HasSubstr("millisecond"));
}

}  // namespace
}  // namespace headrace
