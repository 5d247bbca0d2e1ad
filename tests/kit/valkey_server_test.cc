#include "kit/valkey_server.h"

#include <gmock/gmock.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "kit/eventually.h"
#include "kit/start_or_skip.h"

namespace headrace::kit {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

class ValkeyServers : public testing::TestWithParam<ValkeyProgram> {};

INSTANTIATE_TEST_SUITE_P(Every, ValkeyServers, testing::ValuesIn(every_valkey_program),
                         [](const auto& tested) { return name_of(tested.param); });

TEST_P(ValkeyServers, Answer) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  EXPECT_EQ(server->command({"SET", "a", "b\r\nc"}), "OK");
  EXPECT_EQ(server->command({"GET", "a"}), "b\r\nc");
  EXPECT_EQ(server->command({"GET", "nothing"}), "(nil)");
  EXPECT_EQ(server->command({"INCR", "n"}), "1");
  EXPECT_EQ(server->command({"MGET", "n", "nothing", ""}), "[1, (nil), (nil)]");
  EXPECT_EQ(server->command({"HELLO", "3"}).substr(0, 9), "{server: ");
  EXPECT_THAT(server->command({"INCR", "a"}), StartsWith("-ERR "));
  EXPECT_EQ(server->info("tcp_port"), std::to_string(server->port()));
  EXPECT_EQ(server->info("process_id"), std::to_string(server->process().process()));
  const std::string version =
      server->info(GetParam() == ValkeyProgram::redis ? "redis_version" : "valkey_version");
  switch (GetParam()) {
    case ValkeyProgram::valkey: EXPECT_THAT(version, StartsWith("8.")); break;
    case ValkeyProgram::redis: EXPECT_THAT(version, StartsWith("7.")); break;
    case ValkeyProgram::newest:  // What it is there for: a write on condition.
      EXPECT_EQ(server->command({"SET", "a", "d", "IFEQ", "b\r\nc"}), "OK");
      EXPECT_EQ(server->command({"SET", "a", "e", "IFEQ", "x"}), "(nil)");
  }
}

TEST_P(ValkeyServers, FreezeAndThaw) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  Result<RespClient> client = server->connect();
  ASSERT_TRUE(client);
  client->set_patience(milliseconds(50));
  server->freeze();
  EXPECT_TRUE(server->process().running());
  const Result<std::string> asked = client->command({"INCR", "n"});
  ASSERT_FALSE(asked);
  EXPECT_EQ(asked.error().code, Code::timed_out);
  server->thaw();
  client->set_patience(BlockingSocket::usual_patience);
  EXPECT_EQ(client->receive().value_or("lost"), "1");
}

TEST_P(ValkeyServers, AreKilledAndComeBackToTheirPort) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .append_only = true}));
  EXPECT_EQ(server->command({"SET", "a", "b"}), "OK");
  const int port = server->port();
  server->kill();
  EXPECT_FALSE(server->process().running());
  EXPECT_EQ(server->command({"GET", "a"}), "!connect: Connection refused");
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->port(), port);
  EXPECT_EQ(server->command({"GET", "a"}), "b") << "append_only lost a write that was answered";
  EXPECT_EQ(server->stop(), 0);
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->command({"GET", "a"}), "b");
}

TEST_P(ValkeyServers, ForgetEverythingWithoutADisk) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  EXPECT_EQ(server->command({"SET", "a", "b"}), "OK");
  ASSERT_TRUE(server->restart());
  EXPECT_EQ(server->command({"GET", "a"}), "(nil)");
}

TEST_P(ValkeyServers, Replicate) {
  KIT_START(master, ValkeyServer::start({.program = GetParam(), .password = "m"}));
  KIT_START(replica,
            ValkeyServer::start(
                {.program = GetParam(), .replica_of = master->port(), .master_password = "m"}));
  EXPECT_EQ(master->command({"SET", "a", "b"}), "OK");
  EXPECT_TRUE(eventually([&] { return replica->command({"GET", "a"}) == "b"; }));
  EXPECT_EQ(replica->info("role"), "slave");
  EXPECT_THAT(replica->command({"SET", "a", "c"}), StartsWith("-READONLY "));
}

TEST_P(ValkeyServers, AskForAPassword) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .password = "open"}));
  EXPECT_EQ(server->command({"PING"}), "PONG") << "the kit knows it";
  Result<RespClient> client = server->connect();
  ASSERT_TRUE(client);
  EXPECT_THAT(client->command({"PING"}).value_or(""), StartsWith("-NOAUTH "));
  EXPECT_THAT(client->command({"AUTH", "shut"}).value_or(""), StartsWith("-WRONGPASS "));
  EXPECT_EQ(client->command({"AUTH", "open"}).value_or(""), "OK");
}

TEST_P(ValkeyServers, KnowTheirUsers) {
  KIT_START(server,
            ValkeyServer::start({.program = GetParam(),
                                 .password = "all",
                                 .users = {"user app on >secret ~app:* &* +@read +@connection"}}));
  EXPECT_EQ(server->command({"SET", "app:1", "b"}), "OK") << "the kit may do everything";
  Result<RespClient> client = server->connect();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->command({"AUTH", "app", "secret"}).value_or(""), "OK");
  EXPECT_EQ(client->command({"GET", "app:1"}).value_or(""), "b");
  EXPECT_THAT(client->command({"GET", "other"}).value_or(""), StartsWith("-NOPERM "));
  EXPECT_THAT(client->command({"SET", "app:1", "c"}).value_or(""), StartsWith("-NOPERM "));
  EXPECT_EQ(client->command({"AUTH", "all"}).value_or(""), "OK");
  EXPECT_EQ(client->command({"SET", "app:1", "c"}).value_or(""), "OK");
}

TEST_P(ValkeyServers, RefuseWritesWhenFull) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .maxmemory = "4mb"}));
  const std::string large(1 << 20, 'x');
  std::string said = "OK";
  for (int i = 0; i < 8 && said == "OK"; ++i) {
    said = server->command({"SET", "k" + std::to_string(i), large});
  }
  EXPECT_THAT(said, StartsWith("-OOM "));
}

// What a server answers to PING over TLS; "" if the two do not come to terms.
std::string ping_over_tls(const ValkeyServer& server, const std::string& trusted,
                          bool tells_who_it_is) {
  Result<BlockingSocket> socket = BlockingSocket::connect(server.tls_port());
  if (!socket) return "";
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  SSL_CTX_load_verify_file(context.get(), trusted.c_str());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (tells_who_it_is) {
    const TestCertificates& own = server.certificates();
    SSL_CTX_use_certificate_file(context.get(), own.client_file.c_str(), SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context.get(), own.client_key_file.c_str(), SSL_FILETYPE_PEM);
  }
  const std::unique_ptr<SSL, decltype(&SSL_free)> stream(SSL_new(context.get()), SSL_free);
  SSL_set1_host(stream.get(), "localhost");
  SSL_set_fd(stream.get(), socket->native());
  const std::string ping = resp_of({"PING"});
  std::string room(16, '\0');
  if (SSL_connect(stream.get()) != 1) return "";
  if (SSL_write(stream.get(), ping.data(), static_cast<int>(ping.size())) <= 0) return "";
  const int size = SSL_read(stream.get(), room.data(), static_cast<int>(room.size()));
  return size <= 0 ? "" : room.substr(0, static_cast<std::size_t>(size));
}

TEST_P(ValkeyServers, SpeakTls) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .tls = ValkeyTls::anybody}));
  EXPECT_EQ(ping_over_tls(*server, server->certificates().authority_file, false), "+PONG\r\n");
  const TemporaryFolder folder;
  const TestCertificates others(folder, "others-");
  EXPECT_EQ(ping_over_tls(*server, others.authority_file, false), "");
}

TEST_P(ValkeyServers, SpeakTlsWithThoseTheyKnow) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .tls = ValkeyTls::known_clients}));
  EXPECT_EQ(ping_over_tls(*server, server->certificates().authority_file, true), "+PONG\r\n");
  EXPECT_EQ(ping_over_tls(*server, server->certificates().authority_file, false), "");
}

TEST(ValkeyServer, WrongArgumentsAreSaidAndNoReasonToSkip) {
  if (!find_valkey(ValkeyProgram::valkey)) GTEST_SKIP() << "no valkey-server";
  const auto server = ValkeyServer::start({.arguments = {"--no-such-option", "1"}});
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Code::source_failed);
  EXPECT_THAT(server.error().what, HasSubstr("no-such-option"));
}

TEST(ValkeyServer, TellsWhatNobodyAskedFor) {
  KIT_START(server, ValkeyServer::start());
  Result<RespClient> client = server->connect();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->command({"SUBSCRIBE", "news"}).value_or(""), "[subscribe, news, 1]");
  EXPECT_EQ(server->command({"PUBLISH", "news", "rain"}), "1");
  EXPECT_EQ(client->receive().value_or(""), "[message, news, rain]");
}

}  // namespace
}  // namespace headrace::kit
