#include "kit/tcp_gate.h"

#include <gmock/gmock.h>

#include <chrono>
#include <optional>
#include <string>

#include "kit/blocking_socket.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/valkey_server.h"

namespace headrace::kit {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How long a test waits to see that nothing comes.
constexpr milliseconds little{30};

// A client and a server that the test plays both, and the gate between them.
class Gate : public testing::TestWithParam<Toward> {
 protected:
  void SetUp() override { ASSERT_TRUE(join()); }

  bool join() {
    Result<BlockingSocket> client = BlockingSocket::connect(gate_.port());
    Result<BlockingSocket> server = listener_.accept();
    if (!client || !server) return false;
    client_.emplace(std::move(*client));
    server_.emplace(std::move(*server));
    return true;
  }
  // Who sends in the direction that is tested, and who receives.
  BlockingSocket& sender() { return GetParam() == Toward::server ? *client_ : *server_; }
  BlockingSocket& receiver() { return GetParam() == Toward::server ? *server_ : *client_; }
  static Toward other() { return GetParam() == Toward::server ? Toward::client : Toward::server; }

  // Passes a text in each direction.
  void expect_well() {
    ASSERT_TRUE(client_->send("ask"));
    EXPECT_EQ(server_->read_exactly(3), "ask");
    ASSERT_TRUE(server_->send("tell"));
    EXPECT_EQ(client_->read_exactly(4), "tell");
  }
  static void expect_code(const Result<std::string>& read, Code code) {
    ASSERT_FALSE(read) << *read;
    EXPECT_EQ(read.error().code, code) << read.error().what;
  }
  static void expect_silence(BlockingSocket& at) {
    at.set_patience(little);
    expect_code(at.read_some(), Code::timed_out);
    at.set_patience(BlockingSocket::usual_patience);
  }

  BlockingListener listener_;
  TcpGate gate_{listener_.port()};
  std::optional<BlockingSocket> client_;
  std::optional<BlockingSocket> server_;
};

INSTANTIATE_TEST_SUITE_P(Toward, Gate, testing::Values(Toward::server, Toward::client),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(Gate, PassesEverythingAndCounts) {
  expect_well();
  EXPECT_TRUE(eventually([&] { return gate_.passed(Toward::client) == 4; }));
  EXPECT_EQ(gate_.passed(Toward::server), 3u);
  const std::string large(100'000, 'x');
  ASSERT_TRUE(sender().send(large));
  EXPECT_EQ(receiver().read_exactly(large.size()), large);
  EXPECT_EQ(gate_.open_connections(), 1u);
  sender().end_sending();
  expect_code(receiver().read_some(), Code::closed);
  ASSERT_TRUE(receiver().send("late"));
  EXPECT_EQ(sender().read_exactly(4), "late") << "one end does not end the other direction";
  receiver().end_sending();
  expect_code(sender().read_some(), Code::closed);
  EXPECT_TRUE(eventually([&] { return gate_.open_connections() == 0; }));
  EXPECT_EQ(gate_.all_connections(), 1u);
}

TEST_P(Gate, Delays) {
  constexpr milliseconds by{40};
  gate_.delay(GetParam(), by);
  const auto began = steady_clock::now();
  ASSERT_TRUE(sender().send("a"));
  ASSERT_TRUE(sender().send("b"));
  EXPECT_EQ(receiver().read_exactly(2), "ab");
  EXPECT_GE(steady_clock::now() - began, by);
  ASSERT_TRUE(receiver().send("c"));
  gate_.delay(GetParam(), std::chrono::hours(1));
  EXPECT_EQ(sender().read_exactly(1), "c") << "the other direction is not delayed";
  ASSERT_TRUE(sender().send("d"));
  expect_silence(receiver());
  gate_.restore();
  EXPECT_EQ(receiver().read_exactly(1), "d");
}

TEST_P(Gate, Limits) {
  gate_.limit(GetParam(), 100'000);
  const std::string some(5'000, 'x');
  const auto began = steady_clock::now();
  ASSERT_TRUE(sender().send(some));
  EXPECT_EQ(receiver().read_exactly(some.size()), some);
  EXPECT_GE(steady_clock::now() - began, milliseconds(40)) << "1,000 at once, the rest in turn";
  gate_.limit(GetParam(), 0);
  expect_well();
}

TEST_P(Gate, StallsAndResumes) {
  gate_.stall(GetParam());
  ASSERT_TRUE(sender().send("held"));
  expect_silence(receiver());
  ASSERT_TRUE(receiver().send("free"));
  EXPECT_EQ(sender().read_exactly(4), "free");
  gate_.resume(GetParam());
  EXPECT_EQ(receiver().read_exactly(4), "held");
}

TEST_P(Gate, HoldsTheEndBackToo) {
  gate_.stall(GetParam());
  ASSERT_TRUE(sender().send("last"));
  sender().end_sending();
  expect_silence(receiver());
  gate_.resume(GetParam());
  EXPECT_EQ(receiver().read_all(), "last");
}

TEST_P(Gate, TakesOnlySoMuchInWhileStalled) {
  gate_.stall(GetParam());
  sender().set_patience(milliseconds(300));
  const std::string part(1 << 20, 'x');
  int sent = 0;
  Result<void> said;
  constexpr int parts_max = 64;
  while (sent < parts_max && (said = sender().send(part))) ++sent;
  ASSERT_FALSE(said) << "the gate takes in " << sent << " MiB";
  EXPECT_EQ(said.error().code, Code::timed_out);
}

TEST_P(Gate, AcceptsAndNeverAnswers) {
  gate_.stall(Toward::server);
  gate_.stall(Toward::client);
  ASSERT_TRUE(join());
  ASSERT_TRUE(sender().send("x"));
  expect_silence(receiver());
  gate_.restore();
  EXPECT_EQ(receiver().read_exactly(1), "x");
}

TEST_P(Gate, Refuses) {
  gate_.refuse();
  const Result<BlockingSocket> refused = BlockingSocket::connect(gate_.port());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::source_unavailable);
  expect_well();
  gate_.accept();
  ASSERT_TRUE(join());
  expect_well();
}

TEST_P(Gate, Cuts) {
  gate_.cut();
  expect_code(client_->read_some(), Code::source_failed);
  expect_code(server_->read_some(), Code::source_failed);
  EXPECT_EQ(gate_.open_connections(), 0u);
  ASSERT_TRUE(join());
  expect_well();
}

TEST_P(Gate, CutsWhatItHolds) {
  gate_.stall(GetParam());
  ASSERT_TRUE(sender().send("lost"));
  gate_.cut();
  expect_code(receiver().read_some(), Code::source_failed);
}

TEST_P(Gate, ClosesOneHalf) {
  gate_.half_close(GetParam());
  expect_code(receiver().read_some(), Code::closed);
  ASSERT_TRUE(receiver().send("still"));
  EXPECT_EQ(sender().read_exactly(5), "still");
  ASSERT_TRUE(sender().send("nowhere"));
  ASSERT_TRUE(receiver().send("there"));
  EXPECT_EQ(sender().read_exactly(5), "there") << "what it sent in vain did not reset it";
}

TEST_P(Gate, CorruptsOneByte) {
  gate_.corrupt(GetParam());
  ASSERT_TRUE(sender().send("aa"));
  EXPECT_EQ(receiver().read_exactly(2), "`a");
  gate_.corrupt(GetParam(), 3, 0x20);
  ASSERT_TRUE(sender().send("aa"));
  EXPECT_EQ(receiver().read_exactly(2), "aa");
  ASSERT_TRUE(sender().send("aaaa"));
  EXPECT_EQ(receiver().read_exactly(4), "aAaa");
  expect_well();
}

TEST_P(Gate, EndsAfterSoManyBytes) {
  gate_.end_after(GetParam(), 5);
  ASSERT_TRUE(sender().send("abc"));
  EXPECT_EQ(receiver().read_exactly(3), "abc");
  ASSERT_TRUE(sender().send("defg"));
  EXPECT_EQ(receiver().read_all(), "de");
  EXPECT_EQ(sender().read_all(), "");
  ASSERT_TRUE(join());
  expect_well();
}

TEST_P(Gate, ResetsWhomTheOtherSideResets) {
  BlockingSocket gone = std::move(GetParam() == Toward::server ? *client_ : *server_);
  ASSERT_TRUE(receiver().send("unread"));
  // Linux resets a connection that is closed with bytes unread.
  ASSERT_TRUE(eventually([&] { return gate_.passed(other()) == 6; }));
  ASSERT_TRUE(gone.read_exactly(0));
  {
    const BlockingSocket closed = std::move(gone);
  }
  expect_code(receiver().read_some(), Code::source_failed);
  EXPECT_TRUE(eventually([&] { return gate_.open_connections() == 0; }));
}

TEST_P(Gate, LeadsThoseWhoComeElsewhere) {
  BlockingListener other;
  gate_.lead_to(other.port());
  expect_well();  // Who is there stays.
  Result<BlockingSocket> client = BlockingSocket::connect(gate_.port());
  ASSERT_TRUE(client);
  Result<BlockingSocket> server = other.accept();
  ASSERT_TRUE(server);
  ASSERT_TRUE(client->send("ask"));
  EXPECT_EQ(server->read_exactly(3), "ask");
}

TEST(GateOfNobody, ResetsThoseWhoCome) {
  int nobody = 0;
  {
    nobody = LoopbackPort().number();
  }
  TcpGate gate(nobody);
  Result<BlockingSocket> client = BlockingSocket::connect(gate.port());
  ASSERT_TRUE(client);
  const Result<std::string> read = client->read_some();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::source_failed);
}

TEST(GateOfAServer, ItsClientsSeeEachMischief) {
  KIT_START(server, ValkeyServer::start());
  TcpGate gate(server->port());
  Result<RespClient> client = RespClient::connect(gate.port());
  ASSERT_TRUE(client);
  EXPECT_EQ(client->command({"SET", "a", "0123456789"}).value_or(""), "OK");
  gate.corrupt(Toward::client, 5);
  EXPECT_EQ(client->command({"GET", "a"}).value_or(""), "1123456789");
  gate.corrupt(Toward::client);
  const Result<std::string> damaged = client->command({"GET", "a"});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, Code::damaged);
  client = RespClient::connect(gate.port());
  gate.end_after(Toward::client, 7);
  const Result<std::string> torn = client->command({"GET", "a"});
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code, Code::closed);
  client = RespClient::connect(gate.port());
  gate.stall(Toward::client);
  client->set_patience(little);
  const Result<std::string> lost = client->command({"SET", "b", "done"});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::timed_out);
  EXPECT_TRUE(eventually([&] { return server->command({"GET", "b"}) == "done"; }))
      << "the command arrived; only the answer did not";
}

}  // namespace
}  // namespace headrace::kit
