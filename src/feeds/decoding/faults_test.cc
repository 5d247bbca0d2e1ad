// Commits that wait for a standby; a server that goes away, hangs, crashes, is a standby or is
// promoted; consumers that die.
#include <fstream>
#include <thread>

#include "feeds/decoding/fixture.h"
#include "kit/tcp_gate.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

class DecodingFaultsTest : public DecodingTest {
 protected:
  void SetUp() override {
    DecodingTest::SetUp();
    if (IsSkipped()) return;
    install();
  }
  PostgresDecodingOptions through(const kit::TcpGate& gate) const {
    PostgresDecodingOptions with = options();
    with.login = login(gate.port());
    return with;
  }
};

TEST_F(DecodingFaultsTest, AConsumerThatDiesBetweenTellingAndConfirmingLosesNothing) {
  kit::TcpGate gate(server_->port());
  const Feed& first = follow(through(gate), ear_);
  ASSERT_TRUE(is_proved(ear_));
  const Feed& second = follow(options(), other_);
  ASSERT_TRUE(is_proved(other_));
  EXPECT_TRUE(first.health().is_consumer);
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  ASSERT_TRUE(is_told(ear_, "public.users 7 -"));
  EXPECT_THAT(other_.told(), IsEmpty());
  gate.refuse();
  gate.cut();
  other_.hold();
  EXPECT_TRUE(is_told(other_, "public.users 7 -"));
  // That the first has acknowledged it counts no more.
  ear_.release();
  EXPECT_TRUE(eventually([&] { return !ear_.acknowledged().empty(); }));
  EXPECT_LT(other_.proved_at(), committed);
  other_.release();
  EXPECT_TRUE(is_proved(other_));
  EXPECT_THAT(other_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_TRUE(second.health().is_consumer);
  EXPECT_EQ(other_.losses(), 0);
  gate.accept();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_FALSE(first.health().is_consumer);
}

TEST_F(DecodingFaultsTest, AStreamThatIsKilledGoesOnWhereItWasAcknowledged) {
  const Feed& feed = follow_from_now();
  for (int i = 1; i <= 5; ++i) {
    run("INSERT INTO users VALUES (" + std::to_string(i) + ")");
    ASSERT_TRUE(is_acknowledged("public.users " + std::to_string(i) + " -"));
    ASSERT_TRUE(is_proved(ear_));
    run("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '" +
        slot() + "'");
    run("INSERT INTO users VALUES (" + std::to_string(100 + i) + ")");
    ASSERT_TRUE(is_acknowledged("public.users " + std::to_string(100 + i) + " -"));
  }
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.told().size(), 10u) << "what was confirmed is not told again";
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_TRUE(is_well(feed));
}

TEST_F(DecodingFaultsTest, WhatWasToldOfAStreamThatIsLostIsToldAgain) {
  follow_from_now();
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  ASSERT_TRUE(is_told(ear_, "public.users 7 -"));
  const std::string process =
      run("SELECT active_pid FROM pg_replication_slots WHERE slot_name = '" + slot() + "'");
  run("SELECT pg_terminate_backend(" + process + ")");
  EXPECT_TRUE(eventually([&] {
    return run("SELECT count(*) FROM pg_replication_slots WHERE active AND active_pid <> " +
               process + " AND slot_name = '" + slot() + "'") == "1";
  }));
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.told().size(), 2u);
}

TEST_F(DecodingFaultsTest, AConsumerThatFallsSilentIsReplaced) {
  kit::TcpGate gate(server_->port());
  PostgresDecodingOptions patient = through(gate);
  patient.silent_max = milliseconds(300);
  patient.login.answer_within = std::chrono::minutes(1);
  follow(patient, ear_);
  ASSERT_TRUE(is_proved(ear_));
  follow(options(), other_);
  ASSERT_TRUE(is_proved(other_));
  gate.stall(kit::Toward::server);
  run("INSERT INTO users VALUES (7)");
  EXPECT_TRUE(is_told(other_, "public.users 7 -"));
  EXPECT_TRUE(is_proved(other_));
}

TEST_F(DecodingFaultsTest, AListenerThatTakesLongKeepsItsPlace) {
  PostgresDecodingOptions quick = options();
  quick.silent_max = milliseconds(500);  // Which a busy machine does not come near.
  const Feed& feed = follow(quick, ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  ASSERT_TRUE(is_told(ear_, "public.users 7 -"));
  let_pass(milliseconds(1500));
  EXPECT_TRUE(feed.health().is_consumer);
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.told().size(), 1u);
}

TEST_F(DecodingFaultsTest, AServerThatIsAwayIsSaidAndProvesNothingUntilItIsBack) {
  kit::TcpGate gate(server_->port());
  const Feed& feed = follow(through(gate), ear_);
  ASSERT_TRUE(is_proved(ear_));
  gate.refuse();
  gate.cut();
  EXPECT_TRUE(is_troubled(feed, "127.0.0.1"));
  EXPECT_TRUE(eventually([&] { return !feed.health().is_consumer; }));
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  let_pass(milliseconds(100));
  EXPECT_LT(ear_.proved_at(), committed);
  gate.accept();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_TRUE(eventually([&] { return feed.health().trouble.empty(); }));
}

// With a server of its own.
class DecodingServerTest : public DecodingTest {
 protected:
  void SetUp() override {
    KIT_START(found, kit::PostgresServer::start());
    own_ = std::move(const_cast<std::unique_ptr<kit::PostgresServer>&>(found));
    server_ = own_.get();
    set_up_database();
    install();
  }
  void TearDown() override {
    client_.reset();
    DecodingTest::TearDown();
  }
  void set(const std::string& name, const std::string& value) {
    server_->query("ALTER SYSTEM SET " + name + " = '" + value + "'");
    server_->query("SELECT pg_reload_conf()");
    EXPECT_TRUE(eventually([&] { return server_->query("SHOW " + name) == value; }));
  }

  std::unique_ptr<kit::PostgresServer> own_;
};

// The log has a commit, and gives it to who decodes, before anybody can read it: as long as the one
// who commits waits for a standby.
TEST_F(DecodingServerTest, ACommitThatWaitsForAStandbyIsToldOnceItCanBeRead) {
  const Feed& feed = follow_from_now();
  run("INSERT INTO users VALUES (7, 'old')");
  ASSERT_TRUE(is_proved(ear_));
  const std::size_t before = ear_.told().size();
  set("synchronous_standby_names", "nobody");
  kit::PostgresClient writer = connect("postgres");
  std::thread writing([&] { EXPECT_TRUE(writer.query("UPDATE users SET name = 'new'")); });
  EXPECT_TRUE(eventually([&] {
    return run("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  }));
  const std::string slot_row = " FROM pg_replication_slots WHERE slot_name = '" + slot() + "'";
  const std::string committed = run("SELECT pg_current_wal_flush_lsn()");
  // The feed has got it.
  EXPECT_TRUE(eventually([&] { return feed.health().waiting == 1; }));
  EXPECT_EQ(run("SELECT name FROM users"), "old");
  let_pass(milliseconds(300));
  EXPECT_EQ(ear_.told().size(), before);
  EXPECT_EQ(run("SELECT confirmed_flush_lsn < '" + committed + "'" + slot_row), "t");
  // Another commit, that waits for nobody, can be read: nothing is proved that is after it.
  run("SET synchronous_commit = local");
  run("INSERT INTO orders VALUES (1, 7)");
  const Instant readable = runtime_.now();
  let_pass(milliseconds(200));
  EXPECT_LT(ear_.proved_at(), readable);
  EXPECT_EQ(run("SELECT name FROM users"), "old");
  EXPECT_EQ(ear_.told().size(), before);
  set("synchronous_standby_names", "");
  writing.join();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(run("SELECT name FROM users"), "new");
  EXPECT_THAT(ear_.told(),
              ElementsAre("public.users 7 -", "public.users 7 name", "public.orders 1 -"));
}

// Its commit is in the log, and nobody can read it: so it is in no slot that begins now.
TEST_F(DecodingServerTest, AnInstallationWaitsForCommitsThatCannotBeRead) {
  run("INSERT INTO users VALUES (7, 'old')");
  ASSERT_TRUE(uninstall_postgres_decoding(login(), "headrace", runtime_));
  set("synchronous_standby_names", "nobody");
  kit::PostgresClient writer = connect("postgres");
  std::thread writing([&] { EXPECT_TRUE(writer.query("UPDATE users SET name = 'new'")); });
  EXPECT_TRUE(eventually([&] {
    return run("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  }));
  std::thread installing([&] {
    PostgresLogin own = login();
    own.connection += " options='-c synchronous_commit=local'";
    EXPECT_TRUE(install_postgres_decoding(own, decoding_, runtime_));
  });
  const Feed& feed = follow(options(), ear_);
  EXPECT_TRUE(is_troubled(feed, "install the feed"));
  let_pass(milliseconds(200));
  EXPECT_EQ(run("SELECT name FROM users"), "old");
  EXPECT_EQ(ear_.proved_at(), Instant{});
  const int losses = ear_.losses();
  set("synchronous_standby_names", "");
  writing.join();
  installing.join();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_GT(ear_.losses(), losses);
}

// Writers would wait for the feed, and the feed for them.
TEST_F(DecodingServerTest, AFeedThatWritersWouldWaitForStepsBack) {
  const Feed& feed = follow_from_now();
  set("synchronous_standby_names", "*");
  EXPECT_TRUE(is_troubled(feed, "synchronous_standby_names names this session"));
  EXPECT_TRUE(eventually([&] { return run("SELECT count(*) FROM pg_stat_replication") == "0"; }));
  EXPECT_TRUE(has_lost(2));
  set("synchronous_standby_names", "");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_TRUE(is_well(feed));
  run("INSERT INTO users VALUES (7)");
  EXPECT_TRUE(is_acknowledged("public.users 7 -"));
}

TEST_F(DecodingServerTest, ASlotThatLostAPartOfTheLogIsALoss) {
  const Feed& feed = follow_from_now();
  ear_.fail(true);
  set("max_slot_wal_keep_size", "1MB");
  for (int i = 0; i < 4; ++i) {
    run("INSERT INTO users VALUES (" + std::to_string(i) + ")");
    run("SELECT pg_switch_wal()");
    run("CHECKPOINT");
  }
  const Instant lost = runtime_.now();
  ASSERT_EQ(run("SELECT wal_status FROM pg_replication_slots"), "lost");
  EXPECT_TRUE(is_troubled(feed, "has lost a part of the log"));
  EXPECT_THAT(lack(), testing::HasSubstr("has lost a part of the log"));
  ear_.fail(false);
  EXPECT_TRUE(has_lost(2));
  let_pass(milliseconds(100));
  EXPECT_LT(ear_.proved_at(), lost);
  install();
  EXPECT_TRUE(has_lost(3));
  EXPECT_TRUE(is_proved(ear_));
}

TEST_F(DecodingServerTest, ACrashOfTheServerLosesNothing) {
  follow_from_now();
  ear_.fail(true);
  run("INSERT INTO users VALUES (7)");
  server_->kill();
  ASSERT_TRUE(server_->restart());
  ear_.fail(false);
  ASSERT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_EQ(ear_.losses(), 1);
}

// What another server has taken over may not be all that was committed, and was read.
TEST_F(DecodingServerTest, AStandbyIsRefusedAndItsPromotionIsALoss) {
  const Feed& feed = follow_from_now();
  ASSERT_TRUE(server_->stop());
  std::ofstream(server_->process().folder().path() / "data" / "standby.signal").flush();
  ASSERT_TRUE(server_->restart());
  EXPECT_TRUE(is_troubled(feed, "is a standby there"));
  EXPECT_EQ(ear_.losses(), 1);
  ASSERT_EQ(server_->query("SELECT pg_promote()"), "t");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 2);
}

}  // namespace
}  // namespace headrace
