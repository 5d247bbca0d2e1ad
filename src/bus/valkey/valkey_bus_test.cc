// The bus on Valkey and Redis: what every bus must do, and what befalls a stream.
#include "headrace/bus/valkey.h"

#include "contract/bus_contract.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "kit/valkey_server.h"

namespace headrace::contract {
namespace {

using kit::eventually;
using kit::ValkeyProgram;
using kit::ValkeyServer;

class ValkeyBusUnderTest final : public BusUnderTest {
 public:
  explicit ValkeyBusUnderTest(std::unique_ptr<ValkeyServer> server) : server_(std::move(server)) {}
  ~ValkeyBusUnderTest() override { runtime_.stop(); }
  std::unique_ptr<Bus> join() override {
    auto opened = open_valkey_bus({.address = server_->address()}, runtime_);
    EXPECT_TRUE(opened.has_value()) << opened.error().what;
    return std::move(*opened);
  }

 private:
  std::unique_ptr<ValkeyServer> server_;
  Runtime runtime_{{.threads = 2}};
};

BusMaker maker(ValkeyProgram program) {
  return {.name = kit::name_of(program),
          .make = [program]() -> Result<std::unique_ptr<BusUnderTest>> {
            auto server = ValkeyServer::start({.program = program});
            if (!server) return std::unexpected(server.error());
            return std::make_unique<ValkeyBusUnderTest>(std::move(*server));
          }};
}

INSTANTIATE_TEST_SUITE_P(Valkey, BusContract,
                         testing::Values(maker(ValkeyProgram::valkey), maker(ValkeyProgram::redis),
                                         maker(ValkeyProgram::newest)),
                         [](const auto& tested) { return tested.param.name; });

class ValkeyBusTest : public testing::TestWithParam<ValkeyProgram> {
 protected:
  ~ValkeyBusTest() override {
    if (bus) bus->close();
    bus.reset();
    runtime.stop();
  }
  void join(ValkeyBusOptions options) {
    bus = open_valkey_bus(std::move(options), runtime).value();
    bus->listen(ear);
    ASSERT_TRUE(eventually([this] { return proves(); }));
  }
  void join(const ValkeyServer& server) { join({.address = server.address()}); }
  bool proves() { return wait(bus->barrier()).has_value(); }
  bool says(std::uint64_t sequence) {
    return wait(bus->publish({{.origin = {1, 1}, .sequence = sequence}})).has_value();
  }

  Runtime runtime{{.threads = 2}};
  std::shared_ptr<Ear> ear = std::make_shared<Ear>();
  std::unique_ptr<Bus> bus;
};

INSTANTIATE_TEST_SUITE_P(Every, ValkeyBusTest, testing::ValuesIn(kit::every_valkey_program),
                         [](const auto& tested) { return kit::name_of(tested.param); });

TEST_P(ValkeyBusTest, ALostConnectionThatLosesNothingIsNoGap) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join(*server);
  ASSERT_TRUE(says(1));
  ASSERT_EQ(server->command({"CLIENT", "KILL", "TYPE", "normal"}).front(), '2');
  // Said by another, while nobody here listens.
  EXPECT_TRUE(eventually([this] { return says(2); }));
  EXPECT_TRUE(eventually([this] { return proves(); }));
  EXPECT_THAT(ear->of({1, 1}), testing::IsSupersetOf({1, 2}));
  EXPECT_EQ(ear->missed_times(), 0);
}

TEST_P(ValkeyBusTest, WhatIsCutOffUnreadIsTold) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join(*server);
  ASSERT_TRUE(says(1));
  ASSERT_TRUE(proves());
  // In one step, so that the reader cannot see the message in between.
  ASSERT_EQ(server
                ->command({"EVAL",
                           "redis.call('XADD', KEYS[1], '*', 'm', 'x') "
                           "redis.call('XADD', KEYS[1], '*', 'm', 'y') "
                           "return redis.call('XTRIM', KEYS[1], 'MAXLEN', 1)",
                           "1", "headrace:bus"})
                .front(),
            '3');
  EXPECT_TRUE(eventually([this] { return ear->missed_times() > 0; }));
  EXPECT_TRUE(eventually([this] { return proves(); }));
  ASSERT_TRUE(says(2));
  ASSERT_TRUE(proves());
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1, 2));
}

TEST_P(ValkeyBusTest, AFlushedServerProvesNothingUntilThatIsTold) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join(*server);
  ASSERT_TRUE(says(1));
  ASSERT_TRUE(proves());
  ASSERT_EQ(server->command({"FLUSHALL"}), "OK");
  EXPECT_TRUE(eventually([this] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0);
    return proven;
  }));
  EXPECT_GT(ear->missed_times(), 0);
  ASSERT_TRUE(says(2));
  ASSERT_TRUE(proves());
  EXPECT_THAT(ear->of({1, 1}), testing::ElementsAre(1, 2));
}

TEST_P(ValkeyBusTest, ARestartedServerIsAnotherAndThatIsTold) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .append_only = true}));
  join(*server);
  ASSERT_TRUE(says(1));
  ASSERT_TRUE(proves());
  ASSERT_TRUE(server->restart().has_value());
  EXPECT_TRUE(eventually([this] {
    const bool proven = proves();
    EXPECT_TRUE(!proven || ear->missed_times() > 0) << "it may have forgotten what it had taken";
    return proven;
  }));
}

// Who only reads is refused nothing meanwhile, and stays connected to what has become another.
TEST_P(ValkeyBusTest, AServerThatFollowsForOnceIsAnotherForWhoStayedConnectedToo) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  KIT_START(other, ValkeyServer::start({.program = GetParam()}));
  kit::TcpGate gate(server->port());
  join({.address = gate.address(), .listen_for = std::chrono::milliseconds(50)});
  ASSERT_TRUE(says(1));
  other->command({"XADD", "headrace:bus", "1-1", "begin", "1"});  // It has a stream to read on.
  // A reader that waits there would be sent away.
  gate.stall(kit::Toward::server);
  ASSERT_TRUE(eventually([&] { return server->info("blocked_clients") == "0"; }));
  server->command({"REPLICAOF", "127.0.0.1", std::to_string(other->port())});
  ASSERT_TRUE(eventually([&] { return server->info("master_link_status") == "up"; }));
  gate.restore();
  ASSERT_TRUE(eventually([&] { return ear->missed_times() > 0; }));
  ASSERT_FALSE(says(2));
  server->command({"REPLICAOF", "NO", "ONE"});
  EXPECT_TRUE(eventually([this] { return says(3); }));
  EXPECT_TRUE(eventually([this] { return proves(); }));
  EXPECT_TRUE(eventually([this] { return says(4) && proves(); }));
  EXPECT_EQ(ear->of({1, 1}).back(), 4u);
}

TEST_P(ValkeyBusTest, AServerThatHangsProvesNothing) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join({.address = server->address(), .answer_within = std::chrono::milliseconds(100)});
  server->freeze();
  EXPECT_FALSE(proves());
  EXPECT_FALSE(says(1));
  server->thaw();
  EXPECT_TRUE(eventually([this] { return proves(); }));
}

TEST_P(ValkeyBusTest, WhatCannotBeReadMayHaveBeenAnInvalidation) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join(*server);
  ASSERT_NE(server->command({"XADD", "headrace:bus", "*", "m", "garbage"}).front(), '-');
  ASSERT_TRUE(proves());
  EXPECT_EQ(ear->missed_times(), 1);
}

TEST_P(ValkeyBusTest, TheStreamIsKeptShort) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  join({.address = server->address(), .messages_max = 200});
  for (std::uint64_t i = 1; i <= 250; ++i) {
    std::vector<BusMessage> batch(20, BusMessage{.origin = {1, 1}, .sequence = i});
    ASSERT_TRUE(wait(bus->publish(std::move(batch))).has_value());
    ASSERT_TRUE(proves());
  }
  EXPECT_LT(std::stoi(server->command({"XLEN", "headrace:bus"})), 1000);
  EXPECT_EQ(ear->missed_times(), 0);
}

}  // namespace
}  // namespace headrace::contract
