#include "server/resp/server.h"

#include <gtest/gtest.h>

#include <future>

#include "headrace/meter.h"
#include "kit/held_source.h"
#include "server/resp/server_fixture.h"

namespace headrace::resp {
namespace {

class RespServerTest : public ServerTest {};

constexpr std::string_view no_auth_text = "-NOAUTH Authentication required.";
constexpr std::string_view wrong_pass =
    "-WRONGPASS invalid username-password pair or user is disabled.";

TEST_F(RespServerTest, AStrangerSaysFirstWhoItIs) {
  auto peer = stranger();
  EXPECT_EQ(peer->ask("GET k"), no_auth_text);
  EXPECT_EQ(peer->ask("PING"), no_auth_text);
  EXPECT_EQ(peer->ask("HELLO 3").substr(0, 41), "-NOAUTH HELLO must be called with the cli");
  EXPECT_EQ(peer->ask("AUTH wrong"), wrong_pass);
  EXPECT_EQ(peer->ask("AUTH other key1"), wrong_pass);
  EXPECT_EQ(peer->ask("AUTH a b c"), "-ERR syntax error");
  EXPECT_EQ(peer->ask("AUTH default key1"), "+OK");
  EXPECT_EQ(peer->ask("AUTH tenant1 key1"), "+OK");
  EXPECT_EQ(peer->ask("GET k"), "$-1");
  EXPECT_EQ(peer->ask("RESET"), "+RESET");
  EXPECT_EQ(peer->ask("GET k"), no_auth_text);
}

TEST_F(RespServerTest, WhoTriesTooOftenIsCutOff) {
  options.auth_failures_max = 3;
  auto peer = stranger();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(peer->ask("AUTH wrong"), wrong_pass);
  EXPECT_TRUE(peer->is_ended());
}

TEST_F(RespServerTest, WhetherAKeyHoldsMayBeUnknown) {
  doors.fails = true;
  EXPECT_EQ(stranger()->ask("AUTH key1"), "-UNAVAILABLE nobody can say now");
}

TEST_F(RespServerTest, WhoeverComesMayAskWhereThatIsAllowed) {
  doors.open = identity_of(1);
  EXPECT_EQ(stranger()->ask("SET k v"), "+OK");
  options.listen = "0.0.0.0:0";
  const auto made = RespServer::make(options, runtime, keyspace, doors, engine);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::invalid_argument);
}

TEST_F(RespServerTest, BeyondTheLoopbackPlainHasToBeWanted) {
  options.listen = "0.0.0.0:0";
  EXPECT_FALSE(RespServer::make(options, runtime, keyspace, doors, engine));
  options.allow_plain = true;
  EXPECT_TRUE(RespServer::make(options, runtime, keyspace, doors, engine));
}

TEST_F(RespServerTest, HelloChoosesTheVersion) {
  auto peer = stranger();
  const std::string hello = peer->ask("HELLO 3 AUTH default key1 SETNAME me");
  EXPECT_TRUE(hello.starts_with("%8 $6 server $5 redis $7 version $6 7.0.15 $5 proto :3 "))
      << hello;
  EXPECT_EQ(peer->ask("GET none"), "_");
  EXPECT_EQ(peer->ask("CLIENT GETNAME"), "$2 me");
  EXPECT_EQ(peer->ask("HELLO 4"), "-NOPROTO unsupported protocol version");
  EXPECT_EQ(peer->ask("HELLO 2 AUTH x"), "-ERR Syntax error in HELLO option 'AUTH'");
  EXPECT_TRUE(peer->ask("HELLO 2").starts_with("*16 "));
  EXPECT_EQ(peer->ask("GET none"), "$-1");
}

TEST_F(RespServerTest, AKeyThatHasEndedIsNone) {
  auto peer = client();
  EXPECT_EQ(peer->ask("SET k v"), "+OK");
  doors.keys["key1"]->has_ended = true;
  EXPECT_EQ(peer->ask("GET k"), no_auth_text);
}

TEST_F(RespServerTest, ScopesAreKept) {
  doors.keys["key1"]->scopes = Scopes().with(Scope::kv_read);
  auto peer = client();
  EXPECT_EQ(peer->ask("GET k"), "$-1");
  EXPECT_EQ(peer->ask("SET k v"), "-NOPERM this user has no permissions to run the 'set' command");
  EXPECT_EQ(peer->ask("FLUSHALL"),
            "-NOPERM this user has no permissions to run the 'flushall' command");
  EXPECT_EQ(records.size(), 0U);
}

TEST_F(RespServerTest, RatesAreKept) {
  doors.keys["key1"]->meter = std::make_shared<Meter>(Rates{.daily = 3});
  auto peer = client();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(peer->ask("GET k"), "$-1");
  EXPECT_TRUE(peer->ask("GET k").starts_with("-RATELIMIT policy=daily retry_after_ms="));
  EXPECT_EQ(client("key2")->ask("GET k"), "$-1");
}

TEST_F(RespServerTest, APipelineIsAnsweredInItsOrder) {
  auto peer = client();
  records.peeks = false;
  RespCommands commands;
  std::vector<std::string> expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    commands.add({"SET", "k", number}).add({"GET", "k"}).add({"PING", number});
    expected.insert(expected.end(), {"+OK", "$" + std::to_string(number.size()) + " " + number,
                                     "$" + std::to_string(number.size()) + " " + number});
    if (i % 100 == 0) {
      commands.add({"SCAN", "0"}).add({"FOO"});
      expected.insert(expected.end(), {"*2 $1 0 *1 $1 k",
                                       "-ERR unknown command 'FOO', with args beginning with: "});
    }
  }
  std::thread sender([&] { EXPECT_TRUE(peer->send(commands.bytes())); });
  for (const std::string& each : expected) {
    ASSERT_EQ(shown(peer->hear() + "\r\n"), shown(each + "\r\n"));
  }
  sender.join();
  EXPECT_LT(records.edits, 200U) << "a commit for each command";
}

TEST_F(RespServerTest, CommandsComeInAnyPiecesAndAsLines) {
  auto peer = client();
  for (const char c :
       std::string("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\nget k\r\n\r\nget k\n")) {
    ASSERT_TRUE(peer->send({&c, 1}));
  }
  EXPECT_EQ(peer->hear(), "+OK");
  EXPECT_EQ(peer->hear(), "$3 a b");
  EXPECT_EQ(peer->hear(), "$3 a b");
}

TEST_F(RespServerTest, LinesOfOneReadKeepTheirWords) {
  auto peer = client();
  records.peeks = false;
  ASSERT_TRUE(peer->send("SET a first\r\nSET b second\r\nGET a\r\nGET b\r\n"));
  EXPECT_EQ(peer->hear(), "+OK");
  EXPECT_EQ(peer->hear(), "+OK");
  EXPECT_EQ(peer->hear(), "$5 first");
  EXPECT_EQ(peer->hear(), "$6 second");
}

TEST_F(RespServerTest, WhatIsNoCommandEndsTheConnection) {
  auto peer = client();
  ASSERT_TRUE(peer->send("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$-5\r\n"));
  EXPECT_EQ(peer->hear(), "$-1");
  EXPECT_EQ(peer->hear(), "-ERR Protocol error: invalid bulk length");
  EXPECT_TRUE(peer->is_ended());
  auto unknown = stranger();
  ASSERT_TRUE(unknown->send("*11\r\n"));
  EXPECT_EQ(unknown->hear(), "-ERR Protocol error: unauthenticated multibulk length");
}

TEST_F(RespServerTest, WhoSaysNothingIsCutOff) {
  options.auth_within = std::chrono::milliseconds(50);
  options.idle_within = std::chrono::milliseconds(60);
  auto silent = stranger();
  EXPECT_TRUE(silent->is_ended());
  auto known = client();
  EXPECT_TRUE(known->is_ended());
}

TEST_F(RespServerTest, ACommandHasItsTime) {
  options.request_within = std::chrono::milliseconds(50);
  auto peer = client();
  ASSERT_TRUE(peer->send("*2\r\n$3\r\n"));
  EXPECT_TRUE(peer->is_ended());
}

TEST_F(RespServerTest, WhoDoesNotReadIsCutOff) {
  options.output_bytes_max = 1 << 20;
  options.write_within = std::chrono::milliseconds(200);
  auto peer = client();
  ASSERT_EQ(peer->ask("SET k " + std::string(500'000, 'v')), "+OK");
  RespCommands many;
  for (int i = 0; i < 100; ++i) many.add({"GET", "k"});
  bool accepted = true;
  for (int i = 0; i < 100 && accepted; ++i) accepted = peer->send(many.bytes());
  EXPECT_TRUE(eventually([&] { return server->counts().connections == 0; }));
}

TEST_F(RespServerTest, TransactionsAreQueuedAndMadeAsOne) {
  auto peer = client();
  EXPECT_EQ(peer->ask("EXEC"), "-ERR EXEC without MULTI");
  EXPECT_EQ(peer->ask("DISCARD"), "-ERR DISCARD without MULTI");
  EXPECT_EQ(peer->ask("MULTI"), "+OK");
  EXPECT_EQ(peer->ask("MULTI"), "-ERR MULTI calls can not be nested");
  EXPECT_EQ(peer->ask("WATCH k"), "-ERR WATCH inside MULTI is not allowed");
  EXPECT_EQ(peer->ask("INCR k"), "+QUEUED");
  EXPECT_EQ(peer->ask("PING"), "+QUEUED");
  EXPECT_EQ(peer->ask("INCR k"), "+QUEUED");
  EXPECT_EQ(client()->ask("GET k"), "$-1");
  EXPECT_EQ(peer->ask("EXEC"), "*3 :1 +PONG :2");
  EXPECT_EQ(records.edits, 1U);
  peer->ask("MULTI");
  EXPECT_EQ(peer->ask("SCAN 0"), "-ERR Command not allowed inside a transaction");
  EXPECT_EQ(peer->ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  peer->ask("MULTI");
  EXPECT_EQ(peer->ask("GET"), "-ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(peer->ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
  peer->ask("MULTI");
  EXPECT_EQ(peer->ask("EXEC x"),
            "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
            "command");
  EXPECT_EQ(peer->ask("EXEC"), "-ERR EXEC without MULTI");
  peer->ask("MULTI");
  peer->ask("SET k x");
  EXPECT_EQ(peer->ask("DISCARD"), "+OK");
  EXPECT_EQ(peer->ask("GET k"), "$1 2");
}

TEST_F(RespServerTest, WhatIsWatchedEndsATransaction) {
  auto peer = client();
  EXPECT_EQ(peer->ask("WATCH k"), "+OK");
  client()->ask("SET k other");
  peer->ask("MULTI");
  peer->ask("SET k mine");
  EXPECT_EQ(peer->ask("EXEC"), "*-1");
  EXPECT_EQ(peer->ask("GET k"), "$5 other");
  peer->ask("WATCH k");
  client()->ask("SET k third");
  EXPECT_EQ(peer->ask("UNWATCH"), "+OK");
  peer->ask("MULTI");
  peer->ask("SET k mine");
  EXPECT_EQ(peer->ask("EXEC"), "*1 +OK");
}

TEST_F(RespServerTest, RepliesMayBeTurnedOff) {
  auto peer = client();
  RespCommands commands;
  commands.add({"CLIENT", "REPLY", "OFF"}).add({"SET", "a", "1"}).add({"GET", "a"}).add({"FOO"});
  commands.add({"PING"}).add({"SCAN", "0"}).add({"CLIENT", "REPLY", "ON"});
  commands.add({"CLIENT", "REPLY", "SKIP"}).add({"SET", "a", "2"}).add({"GET", "a"});
  ASSERT_TRUE(peer->send(commands.bytes()));
  EXPECT_EQ(peer->hear(), "+OK");
  EXPECT_EQ(peer->hear(), "$1 2");
}

TEST_F(RespServerTest, AbsentAndUnavailableAreTwo) {
  auto peer = client();
  records.fails = true;
  for (const char* line : {"GET k", "SET k v", "SCAN 0", "KEYS *", "DBSIZE", "RANDOMKEY",
                           "FLUSHALL", "INFO", "WATCH k"}) {
    EXPECT_TRUE(peer->ask(line).starts_with("-UNAVAILABLE ")) << line;
  }
  peer->ask("MULTI");
  peer->ask("GET k");
  EXPECT_TRUE(peer->ask("EXEC").starts_with("-UNAVAILABLE "));
}

TEST_F(RespServerTest, AReadThatMemoryCanAnswerAsksNobody) {
  auto peer = client();
  peer->ask("SET k v");
  EXPECT_EQ(peer->ask("GET k"), "$1 v");
  EXPECT_EQ(peer->ask("MGET k none"), "*2 $1 v $-1");
  EXPECT_EQ(records.reads, 0U);
  records.peeks = false;
  EXPECT_EQ(peer->ask("GET k"), "$1 v");
  EXPECT_EQ(records.reads, 1U);
}

TEST_F(RespServerTest, QuitAnswersAndEnds) {
  auto peer = client();
  ASSERT_TRUE(peer->say("SET k v"));
  EXPECT_EQ(peer->ask("QUIT"), "+OK");
  EXPECT_EQ(peer->hear(), "+OK");
  EXPECT_TRUE(peer->is_ended());
}

TEST_F(RespServerTest, DrainingLetsGoOfWhoRests) {
  auto peer = client();
  EXPECT_EQ(peer->ask("SET k v"), "+OK");
  const auto drained = std::async(std::launch::async, [this] { server->drain(); });
  ASSERT_EQ(drained.wait_for(10s), std::future_status::ready) << "it waited for its time to pass";
  EXPECT_TRUE(peer->is_ended());
  EXPECT_EQ(server->counts().connections, 0U);
  EXPECT_GE(server->counts().commands_total, 2U);
}

// A source whose answer waits for the test, on the one loop.
class DrainTest : public RespServerTest {
 protected:
  ~DrainTest() override { release(); }
  void define() {
    source->rows["1"] = "7";
    source->hold = true;
    Policy policy{.name = "user"};
    policy.fields = {"a"};
    policy.gather_within = Duration::zero();
    const auto codec = std::make_shared<const ValueCodec>(bytes_codec());
    ASSERT_TRUE(engine.define(std::move(policy), codec, source));
  }
  std::size_t held() {
    std::promise<std::size_t> promise;
    runtime.post([&] { promise.set_value(source->held()); });
    return promise.get_future().get();
  }
  void release() {
    std::promise<void> promise;
    runtime.post([&] {
      source->release();
      promise.set_value();
    });
    promise.get_future().get();
  }
  bool is_listening() {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(server->address().port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool is_there = ::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    ::close(socket);
    return is_there;
  }

  std::shared_ptr<kit::HeldSource> source = std::make_shared<kit::HeldSource>();
};

TEST_F(DrainTest, WhatIsInProgressIsAnsweredFirst) {
  define();
  auto peer = client();
  peer->say("HR.READ user 1");
  ASSERT_TRUE(eventually([this] { return held() == 1; }));
  const auto drained = std::async(std::launch::async, [this] { server->drain(); });
  ASSERT_TRUE(eventually([this] { return !is_listening(); }));
  // What drains tells the sessions right after it has ceased to listen.
  EXPECT_EQ(drained.wait_for(200ms), std::future_status::timeout);
  release();
  EXPECT_EQ(peer->hear(), "$1 7");
  ASSERT_EQ(drained.wait_for(10s), std::future_status::ready) << "it waited for its time to pass";
  EXPECT_TRUE(peer->is_ended());
}

}  // namespace
}  // namespace headrace::resp
