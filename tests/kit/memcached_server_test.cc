#include "kit/memcached_server.h"

#include <gmock/gmock.h>

#include <string>

#include "kit/start_or_skip.h"

namespace headrace::kit {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(MemcachedServer, Answers) {
  KIT_START(server, MemcachedServer::start());
  EXPECT_EQ(server->command("ms a 4", "b\r\nc"), "HD");
  EXPECT_EQ(server->command("mg a v t"), "VA 4 t-1\nb\r\nc");
  EXPECT_EQ(server->command("mg a"), "HD");
  EXPECT_EQ(server->command("mg nothing v"), "EN");
  EXPECT_EQ(server->command("set n 0 0 1", "1"), "STORED");
  EXPECT_EQ(server->command("get n a"), "VALUE n 0 1\n1\nVALUE a 0 4\nb\r\nc\nEND");
  EXPECT_EQ(server->command("get nothing"), "END");
  EXPECT_EQ(server->command("incr n 2"), "3");
  EXPECT_EQ(server->command("nonsense"), "ERROR");
  EXPECT_THAT(server->command("version"), StartsWith("VERSION 1.6."));
  EXPECT_EQ(server->stat("pid"), std::to_string(server->process().process()));
  EXPECT_EQ(server->stat("limit_maxbytes"), std::to_string(64 << 20));
}

TEST(MemcachedServer, TakesMoreArguments) {
  KIT_START(server, MemcachedServer::start({.memory_mb = 16, .arguments = {"-I", "2m"}}));
  const std::string large(1'500'000, 'x');
  EXPECT_EQ(server->command("ms large 1500000", large), "HD");
  EXPECT_EQ(server->command("mg large v"), "VA 1500000\n" + large);
  EXPECT_EQ(server->stat("limit_maxbytes"), std::to_string(16 << 20));
  const auto wrong = MemcachedServer::start({.arguments = {"--no-such-option"}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::source_failed);
  EXPECT_THAT(wrong.error().what, HasSubstr("no-such-option"));
}

TEST(MemcachedServer, IsFrozenAndThawed) {
  KIT_START(server, MemcachedServer::start());
  EXPECT_EQ(server->command("ms n 1", "1"), "HD");
  Result<BlockingSocket> client = server->connect();
  ASSERT_TRUE(client);
  client->set_patience(std::chrono::milliseconds(50));
  server->freeze();
  ASSERT_TRUE(client->send("incr n 1\r\n"));
  const Result<std::string> said = client->read_line();
  ASSERT_FALSE(said);
  EXPECT_EQ(said.error().code, Code::timed_out);
  server->thaw();
  client->set_patience(BlockingSocket::usual_patience);
  EXPECT_EQ(client->read_line().value_or("lost"), "2");
}

TEST(MemcachedServer, ComesBackEmptyToItsPort) {
  KIT_START(server, MemcachedServer::start());
  EXPECT_EQ(server->command("ms a 1", "b"), "HD");
  const int port = server->port();
  server->kill();
  EXPECT_FALSE(server->process().running());
  EXPECT_EQ(server->command("mg a v"), "!connect: Connection refused");
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->port(), port);
  EXPECT_EQ(server->command("mg a v"), "EN");
  EXPECT_EQ(server->stop(), 0);
}

}  // namespace
}  // namespace headrace::kit
