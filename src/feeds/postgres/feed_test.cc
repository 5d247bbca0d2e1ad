// What the feed tells and proves, and when it says that it cannot.
#include <algorithm>
#include <thread>

#include "feeds/postgres/fixture.h"

namespace headrace {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FeedTest : public PostgresFeedTest {
 protected:
  void SetUp() override {
    PostgresFeedTest::SetUp();
    if (IsSkipped()) return;
    install();
  }
  // One that has told of the loss which comes first.
  Feed& follow_from_now(PostgresFeedOptions options) {
    Feed& feed = follow(std::move(options), ear_);
    EXPECT_TRUE(is_proved(ear_)) << feed.health().trouble;
    EXPECT_EQ(ear_.losses(), 1);
    return feed;
  }
  Feed& follow_from_now() { return follow_from_now(options()); }
  // It has looked so often since: each time there is a transaction that it has not seen.
  void let_look(const Feed& feed, int times = 3) {
    for (int i = 0; i < times; ++i) {
      const std::string before = feed.health().position;
      run("SELECT pg_current_xact_id()");
      EXPECT_TRUE(eventually([&] { return feed.health().position != before; }));
    }
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
  std::string any_trigger() {
    return run(
        "SELECT tgname FROM pg_trigger WHERE tgname LIKE 'headrace_outbox_%_insert' "
        "AND tgrelid = 'users'::regclass");
  }
};

TEST_F(FeedTest, WhatAnybodyChangesIsToldAcknowledgedAndProved) {
  const Feed& feed = follow_from_now();
  run("INSERT INTO users VALUES (7, 'Ada', 1)");
  run("UPDATE users SET owner = 2, name = 'x'; UPDATE users SET owner = 2, name = 'y'");
  run("DELETE FROM users; TRUNCATE orders");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(
      ear_.acknowledged(),
      ElementsAre("public.users 7 - owner=1", "public.users 7 name,owner owner=1 owner=2",
                  "public.users 7 name owner=2", "public.users 7 - owner=2", "public.orders * -"));
  EXPECT_EQ(run("SELECT count(*) FROM headrace.outbox"), "0");
  const FeedHealth health = feed.health();
  EXPECT_TRUE(health.is_consumer);
  EXPECT_EQ(health.changes, 5u);
  EXPECT_EQ(health.losses, 1u);
  EXPECT_EQ(health.waiting, 0u);
  EXPECT_GT(health.lag_max, Duration::zero());
  EXPECT_LT(health.lag, std::chrono::seconds(20));
  EXPECT_EQ(health.trouble, "");
}

TEST_F(FeedTest, ABacklogIsToldInBatches) {
  follow_from_now();
  feeds_.clear();
  run("INSERT INTO users SELECT i FROM generate_series(1, 10) AS i");
  PostgresFeedOptions small = options();
  small.batch_max = 3;
  follow(small, ear_);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.acknowledged().size(), 10u);
  EXPECT_EQ(ear_.told().size(), 10u);
  EXPECT_EQ(ear_.largest_batch(), 3u);
  EXPECT_EQ(ear_.losses(), 1) << "it went on where the last one ended";
}

TEST_F(FeedTest, WhatCommitsLateIsNotPassedOver) {
  const Feed& feed = follow_from_now();
  kit::PostgresClient late = connect("postgres");
  run(late, "BEGIN; INSERT INTO users VALUES (1)");
  run("INSERT INTO users VALUES (2)");
  EXPECT_TRUE(is_acknowledged("public.users 2 -"));
  EXPECT_TRUE(is_proved(ear_)) << "nobody can read what is not committed";
  let_look(feed);
  EXPECT_EQ(ear_.told().size(), 1u);
  run(late, "COMMIT");
  EXPECT_TRUE(is_acknowledged("public.users 1 -"));
}

TEST_F(FeedTest, WhatIsNotAcknowledgedIsToldAgainAndNothingIsProved) {
  const Feed& feed = follow_from_now();
  ear_.fail(true);
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(eventually([&] { return ear_.told().size() >= 4; }));
  EXPECT_GE(runtime_.now() - committed, milliseconds(50 + 100 + 200)) << "after growing pauses";
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  let_look(feed);
  EXPECT_LT(ear_.proved_at(), committed);
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(FeedTest, ALossThatIsNotAcknowledgedIsToldAgain) {
  ear_.fail(true);
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "not acknowledged: told to fail"));
  let_look(feed);
  EXPECT_EQ(ear_.proved_at(), Instant{});
  ear_.fail(false);
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
}

TEST_F(FeedTest, OneIsTheConsumerAndAllProveWhatItHasAcknowledged) {
  const Feed& consumer = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  EXPECT_EQ(other_.losses(), 0);
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  EXPECT_TRUE(eventually([&] { return !ear_.told().empty(); }));
  for (const Feed* feed : {&consumer, &other}) let_look(*feed);
  EXPECT_LT(ear_.proved_at(), committed);
  EXPECT_LT(other_.proved_at(), committed);
  EXPECT_TRUE(consumer.health().is_consumer);
  EXPECT_FALSE(other.health().is_consumer);
  EXPECT_EQ(other.health().waiting, 1u);
  ear_.release();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(other_.told(), IsEmpty());
}

// While there is always something that waits, what was there at some time is proved nevertheless.
TEST_F(FeedTest, ProofsGoOnWhileChangesKeepComing) {
  PostgresFeedOptions small = options();
  small.batch_max = 1;
  follow_from_now(small);
  follow(options(), other_);
  std::atomic<bool> ended = false;
  std::thread writer([&] {
    kit::PostgresClient client = connect("postgres");
    for (int i = 0; !ended; ++i) {
      if (run(client, "SELECT count(*) > 20 FROM headrace.outbox") == "t") continue;
      run(client, "INSERT INTO users VALUES (" + std::to_string(2 * i) + "), (" +
                      std::to_string(2 * i + 1) + ")");
    }
  });
  EXPECT_TRUE(eventually([&] { return ear_.acknowledged().size() > 20; }));
  for (int i = 0; i < 2; ++i) {
    const Instant before = other_.proved_at();
    EXPECT_TRUE(eventually([&] { return other_.proved_at() > before; }));
  }
  EXPECT_NE(run("SELECT count(*) FROM headrace.outbox"), "0");
  ended = true;
  writer.join();
}

TEST_F(FeedTest, ANotificationWakesIt) {
  PostgresFeedOptions rare = options();
  rare.poll_every = std::chrono::minutes(5);
  rare.silent_max = std::chrono::hours(1);
  follow_from_now(rare);
  for (const std::string id : {"1", "2", "3"}) {
    run("INSERT INTO users VALUES (" + id + ")");
    EXPECT_TRUE(is_acknowledged("public.users " + id + " -"));
  }
}

TEST_F(FeedTest, WithoutNotificationsItPolls) {
  outbox_.notify = false;
  install();
  follow_from_now();
  run("LISTEN \"headrace.outbox.headrace\"; INSERT INTO users VALUES (7)");
  EXPECT_TRUE(is_acknowledged("public.users 7 -"));
}

TEST_F(FeedTest, ATriggerThatIsGoneIsALossAndSoIsItsReturn) {
  const Feed& feed = follow_from_now();
  const Feed& other = follow(options(), other_);
  EXPECT_TRUE(is_proved(other_));
  run("DROP TRIGGER " + any_trigger() + " ON users");
  const Instant dropped = runtime_.now();
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "on public.users is not there, or does not always fire; install"));
  EXPECT_TRUE(is_troubled(other, "install the outbox again"));
  run("INSERT INTO users VALUES (7)");
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

// Nobody ever sees it off.
TEST_F(FeedTest, ATriggerThatWasOffWithinATransactionIsALoss) {
  follow_from_now();
  const std::string trigger = any_trigger();
  run("BEGIN; ALTER TABLE users DISABLE TRIGGER " + trigger +
      "; INSERT INTO users VALUES (7); "
      "ALTER TABLE users ENABLE ALWAYS TRIGGER " +
      trigger + "; COMMIT");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.told(), IsEmpty());
}

TEST_F(FeedTest, APartitionWithoutTriggersIsALoss) {
  run("CREATE TABLE parts(id int PRIMARY KEY) PARTITION BY RANGE (id)");
  outbox_.tables = {{.table = "parts"}};
  install();
  const Feed& feed = follow_from_now();
  run("CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "on public.low is not there"));
  // Its rows have come and gone, and all is as it was before.
  run("DROP TABLE low");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

// Nobody ever sees it detached.
TEST_F(FeedTest, APartitionThatWasAwayIsALoss) {
  run("CREATE TABLE parts(id int PRIMARY KEY) PARTITION BY RANGE (id); "
      "CREATE TABLE low PARTITION OF parts FOR VALUES FROM (0) TO (10)");
  outbox_.tables = {{.table = "parts"}};
  install();
  follow_from_now();
  run("BEGIN; ALTER TABLE parts DETACH PARTITION low; "
      "ALTER TABLE parts ATTACH PARTITION low FOR VALUES FROM (0) TO (10); COMMIT");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FeedTest, ATableThatHasAnotherNameIsLacking) {
  run("CREATE SCHEMA late; ALTER ROLE postgres IN DATABASE " + name_ +
      " SET search_path = public, late");
  const Feed& feed = follow_from_now();
  run("ALTER TABLE users SET SCHEMA late");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "of late.users, is not there, or not as it should be"));
}

TEST_F(FeedTest, AnOutboxThatIsGoneIsALoss) {
  const Feed& feed = follow_from_now();
  run("DROP TABLE headrace.outbox");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_troubled(feed, "\"headrace.outbox\" does not exist; install the outbox again"));
  run("INSERT INTO users VALUES (7)");
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
  run("DROP SCHEMA headrace CASCADE");
  EXPECT_TRUE(has_lost(4));
  install();
  EXPECT_TRUE(has_lost(5));
  run("INSERT INTO users VALUES (8)");
  EXPECT_TRUE(is_acknowledged("public.users 8 -"));
}

TEST_F(FeedTest, AnOutboxThatWasTruncatedIsALoss) {
  follow_from_now();
  feeds_.clear();
  run("INSERT INTO users VALUES (7)");
  run("TRUNCATE headrace.outbox");
  follow(options(), ear_);
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(FeedTest, ABacklogOverTheLimitIsALossOfWhatWasSeen) {
  follow_from_now();
  feeds_.clear();
  kit::PostgresClient late = connect("postgres");
  run(late, "BEGIN; INSERT INTO users VALUES (100)");
  run("INSERT INTO users SELECT i FROM generate_series(1, 11) AS i");
  PostgresFeedOptions small = options();
  small.backlog_max = 10;
  follow(small, ear_);
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(run("SELECT count(*) FROM headrace.outbox"), "0");
  EXPECT_THAT(ear_.told(), IsEmpty());
  run(late, "COMMIT");
  EXPECT_TRUE(is_acknowledged("public.users 100 -"));
  EXPECT_EQ(ear_.losses(), 2);
}

TEST_F(FeedTest, WhatIsWrittenWhileALossIsToldIsToldAfterIt) {
  ear_.hold();
  follow(options(), ear_);
  EXPECT_TRUE(eventually([&] { return ear_.is_held(); }));
  run("INSERT INTO users VALUES (7)");
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
}

TEST_F(FeedTest, AColumnThatIsRewrittenIsALossAndAnotherKeyIsLacking) {
  run("ALTER TABLE users ALTER name SET NOT NULL");
  install();
  const Feed& feed = follow_from_now();
  run("ALTER TABLE users ALTER name TYPE text USING upper(name)");
  EXPECT_TRUE(has_lost(2));
  EXPECT_TRUE(is_proved(ear_));
  run("ALTER TABLE users DROP CONSTRAINT users_pkey CASCADE; ALTER TABLE users ADD PRIMARY KEY "
      "(name)");
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_troubled(feed, "public.users, is not there, or not as it should be"));
  install();
  EXPECT_TRUE(has_lost(4));
  run("INSERT INTO users VALUES (7, 'Ada', 1)");
  EXPECT_TRUE(is_acknowledged("public.users Ada - owner=1"));
}

TEST_F(FeedTest, OddRowsAreToldAsFarAsTheyCanBeRead) {
  follow_from_now();
  run("INSERT INTO headrace.outbox(feed, tbl, op, key, vals) VALUES "
      "('headrace', 'a.b', '?', repeat('x', 1025), '[1]'), "
      "('headrace', 'a.b', '?', repeat('y', 3), '{\"c\": 1, \"d\": [2, \"e\"]}'), "
      "('another', 'a.b', '?', 'z', NULL)");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("a.b * -", "a.b yyy - d=e"));
  EXPECT_EQ(run("SELECT feed FROM headrace.outbox"), "another");
}

TEST_F(FeedTest, ARoleOfItsOwnNeedsNoMoreThanItIsGranted) {
  run("DO $$ BEGIN CREATE ROLE follower LOGIN; EXCEPTION WHEN OTHERS THEN END $$");
  PostgresFeedOptions own = options();
  own.login.connection =
      "host=127.0.0.1 port=" + std::to_string(server_->port()) + " user=follower dbname=" + name_;
  const Feed& feed = follow(own, ear_);
  EXPECT_TRUE(is_troubled(feed, "permission denied for schema headrace"));
  EXPECT_TRUE(has_lost(1));
  outbox_.role = "follower";
  install();
  EXPECT_TRUE(is_proved(ear_));
  run("INSERT INTO users VALUES (7)");
  EXPECT_TRUE(is_acknowledged("public.users 7 -"));
  EXPECT_EQ(feed.health().trouble, "");
  EXPECT_TRUE(has_lost(2));
  run("REVOKE USAGE ON SCHEMA headrace FROM follower");
  EXPECT_TRUE(has_lost(3));
}

TEST_F(FeedTest, CloseWaitsForTheCallThatIsUnderWayAndThenNothingIsTold) {
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

TEST_F(FeedTest, OptionsThatMakeNoSenseAreRefusedWithoutAPassword) {
  const auto fault = [this](auto change) {
    PostgresFeedOptions options = this->options();
    change(options);
    const auto feed = open_postgres_feed(std::move(options), runtime_, runtime_);
    return feed ? "" : feed.error().what;
  };
  EXPECT_EQ(fault([](auto&) {}), "");
  const std::string wrong = fault([](auto& o) { o.login.connection = "host password=hush"; });
  EXPECT_THAT(wrong, testing::AllOf(HasSubstr("connection"), testing::Not(HasSubstr("hush"))));
  EXPECT_THAT(fault([](auto& o) { o.database = ""; }), HasSubstr("names the database"));
  EXPECT_THAT(fault([](auto& o) { o.outbox.tables.clear(); }), HasSubstr("tables"));
  EXPECT_THAT(fault([](auto& o) { o.batch_max = 0; }), HasSubstr("batch_max"));
  EXPECT_THAT(fault([](auto& o) { o.backlog_max = 0; }), HasSubstr("backlog_max"));
  EXPECT_THAT(fault([](auto& o) { o.poll_every = Duration::zero(); }), HasSubstr("millisecond"));
  EXPECT_THAT(fault([](auto& o) { o.silent_max = o.poll_every; }), HasSubstr("silent_max"));
}

}  // namespace
}  // namespace headrace
