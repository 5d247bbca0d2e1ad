// A server that goes away, hangs, crashes, is a standby or is promoted; consumers that die.
#include <fstream>

#include "feeds/postgres/fixture.h"
#include "kit/tcp_gate.h"

namespace headrace {
namespace {

using kit::eventually;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

class FeedFaultsTest : public PostgresFeedTest {
 protected:
  void SetUp() override {
    PostgresFeedTest::SetUp();
    if (IsSkipped()) return;
    install();
  }
  PostgresFeedOptions through(const kit::TcpGate& gate) const {
    PostgresFeedOptions with = options();
    with.login = login(gate.port());
    return with;
  }
  bool is_told(const Ear& ear, const std::string& change) {
    return eventually([&] { return std::ranges::count(ear.told(), change) > 0; });
  }
};

// Its question has been answered when the change is made, and the answer comes after that.
TEST_F(FeedFaultsTest, AProofIsOfTheTimeBeforeItsQuestion) {
  kit::TcpGate gate(server_->port());
  follow(through(gate), ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.fail(true);
  const auto answered = [&] {
    return run("SELECT count(*) FROM pg_stat_activity WHERE datname = '" + name_ +
               "' AND application_name = 'headrace' AND state = 'idle' AND query_start > "
               "(SELECT max(at) FROM stalled) AND query LIKE '%WITH RECURSIVE named%'");
  };
  run("CREATE TABLE stalled(at timestamptz DEFAULT clock_timestamp())");
  for (int i = 0; i < 5; ++i) {
    gate.stall(kit::Toward::client);
    run("INSERT INTO stalled VALUES (default)");
    ASSERT_TRUE(eventually([&] { return answered() == "1"; }));
    run("INSERT INTO users VALUES (" + std::to_string(i) + ")");
    const Instant committed = runtime_.now();
    gate.resume(kit::Toward::client);
    ASSERT_TRUE(is_told(ear_, "public.users " + std::to_string(i) + " -"));
    EXPECT_LT(ear_.proved_at(), committed);
    ear_.fail(false);
    ASSERT_TRUE(is_proved(ear_));
    ear_.fail(true);
  }
}

TEST_F(FeedFaultsTest, AConsumerThatDiesBetweenTellingAndRemovingLosesNothing) {
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
  EXPECT_EQ(run("SELECT count(*) FROM headrace.outbox"), "1");
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

TEST_F(FeedFaultsTest, WhatWasToldByASessionThatIsLostIsToldAgain) {
  kit::TcpGate gate(server_->port());
  follow(through(gate), ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  ASSERT_TRUE(is_told(ear_, "public.users 7 -"));
  const std::size_t before = gate.all_connections();
  gate.cut();
  EXPECT_TRUE(eventually([&] { return gate.all_connections() > before; }));
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.told().size(), 2u);
}

TEST_F(FeedFaultsTest, AConsumerThatFallsSilentIsReplaced) {
  kit::TcpGate gate(server_->port());
  PostgresFeedOptions patient = through(gate);
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

TEST_F(FeedFaultsTest, AListenerThatTakesLongKeepsItsPlace) {
  PostgresFeedOptions quick = options();
  quick.silent_max = milliseconds(500);  // Which a busy machine does not come near.
  const Feed& feed = follow(quick, ear_);
  ASSERT_TRUE(is_proved(ear_));
  ear_.hold();
  run("INSERT INTO users VALUES (7)");
  ASSERT_TRUE(is_told(ear_, "public.users 7 -"));
  const Instant until = runtime_.now() + milliseconds(1500);
  EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  EXPECT_TRUE(feed.health().is_consumer);
  ear_.release();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.told().size(), 1u);
}

TEST_F(FeedFaultsTest, AServerThatIsAwayIsSaidAndProvesNothingUntilItIsBack) {
  kit::TcpGate gate(server_->port());
  const Feed& feed = follow(through(gate), ear_);
  ASSERT_TRUE(is_proved(ear_));
  gate.refuse();
  gate.cut();
  EXPECT_TRUE(eventually([&] { return feed.health().trouble.contains("127.0.0.1"); }));
  EXPECT_FALSE(feed.health().is_consumer);
  run("INSERT INTO users VALUES (7)");
  const Instant committed = runtime_.now();
  const Instant until = committed + milliseconds(100);
  EXPECT_TRUE(eventually([&] { return runtime_.now() > until; }));
  EXPECT_LT(ear_.proved_at(), committed);
  gate.accept();
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_THAT(ear_.acknowledged(), ElementsAre("public.users 7 -"));
  EXPECT_EQ(ear_.losses(), 1);
  EXPECT_EQ(feed.health().trouble, "");
}

TEST_F(FeedFaultsTest, AServerThatHangsIsSaid) {
  kit::TcpGate gate(server_->port());
  PostgresFeedOptions quick = through(gate);
  quick.login.answer_within = milliseconds(100);
  const Feed& feed = follow(quick, ear_);
  ASSERT_TRUE(is_proved(ear_));
  gate.stall(kit::Toward::client);
  EXPECT_TRUE(eventually([&] { return feed.health().trouble.contains("in time"); }));
  gate.resume(kit::Toward::client);
  EXPECT_TRUE(is_proved(ear_));
}

// With a server of its own.
class FeedServerTest : public PostgresFeedTest {
 protected:
  void SetUp() override {
    KIT_START(found, kit::PostgresServer::start());
    own_ = std::move(const_cast<std::unique_ptr<kit::PostgresServer>&>(found));
    server_ = own_.get();
    set_up_database();
    install();
  }

  std::unique_ptr<kit::PostgresServer> own_;
};

TEST_F(FeedServerTest, ACrashOfTheServerLosesNothing) {
  follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
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
TEST_F(FeedServerTest, AStandbyIsRefusedAndItsPromotionIsALoss) {
  const Feed& feed = follow(options(), ear_);
  ASSERT_TRUE(is_proved(ear_));
  ASSERT_TRUE(server_->stop());
  std::ofstream(server_->process().folder().path() / "data" / "standby.signal").flush();
  ASSERT_TRUE(server_->restart());
  EXPECT_TRUE(eventually([&] { return feed.health().trouble.contains("is a standby there"); }));
  EXPECT_EQ(ear_.losses(), 1);
  ASSERT_EQ(server_->query("SELECT pg_promote()"), "t");
  EXPECT_TRUE(is_proved(ear_));
  EXPECT_EQ(ear_.losses(), 2);
}

}  // namespace
}  // namespace headrace
