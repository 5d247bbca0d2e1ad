// What the contract does not ask: the server dies, forgets, hangs, or is not what it should be.
#include "headrace/stores/valkey.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "headrace/sync.h"
#include "kit/eventually.h"
#include "kit/start_or_skip.h"
#include "kit/tcp_gate.h"
#include "kit/valkey_server.h"

namespace headrace {
namespace {

using kit::eventually;
using kit::ValkeyProgram;
using kit::ValkeyServer;
using testing::HasSubstr;

constexpr Duration long_enough = std::chrono::hours(1);
const StoreKey key{{1, 2, 3, 4}};
const WatermarkId tag = WatermarkId::of("tag:a");

class ValkeyStoreTest : public testing::TestWithParam<ValkeyProgram> {
 protected:
  ~ValkeyStoreTest() override {
    if (store) store->close();
    runtime.stop();
  }
  void open(ValkeyStoreOptions options) {
    auto opened = open_valkey_store(std::move(options), runtime);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    store = std::move(*opened);
  }
  void open(const ValkeyServer& server) { open({.address = server.address()}); }
  Token lease() {
    const Token made = runtime.token();
    const auto claim = wait(store->get_or_lease(key, made, long_enough, {tag}));
    EXPECT_TRUE(claim.has_value() && claim->granted);
    return made;
  }
  // As the engine publishes a fill.
  Result<Published> publish(Token expected, const std::string& payload = "v") {
    return wait(store->publish(
        key, expected, {.id = runtime.token(), .lease = expected, .key = "k", .payload = payload},
        long_enough));
  }
  Result<Slot> look() { return wait(store->look(key, {tag}, Store::Payload::with)); }
  std::string trouble() {
    const auto got = look();
    return got ? "none" : got.error().what;
  }

  Runtime runtime{{.threads = 2}};
  std::unique_ptr<Store> store;
};

INSTANTIATE_TEST_SUITE_P(Every, ValkeyStoreTest, testing::ValuesIn(kit::every_valkey_program),
                         [](const auto& tested) { return kit::name_of(tested.param); });

TEST_P(ValkeyStoreTest, AFillUnderItsLeaseIsStoredAndALateOneRefused) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  const Token late = lease();
  ASSERT_TRUE(wait(store->invalidate({key})).has_value());
  EXPECT_EQ(*publish(late), Published::refused);
  EXPECT_EQ(*publish(lease()), Published::stored);
  EXPECT_EQ(look()->envelope.payload, "v");
  EXPECT_EQ(*publish(late), Published::refused);
  EXPECT_EQ(store->usage().refused_total, 2u);
}

TEST_P(ValkeyStoreTest, AScriptThatTheServerHasLostIsSentAgain) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  const Token mine = lease();
  ASSERT_EQ(server->command({"SCRIPT", "FLUSH"}), "OK");
  EXPECT_EQ(*wait(store->take_over(key, mine, runtime.token(), long_enough)), Published::stored);
  ASSERT_EQ(server->command({"SCRIPT", "FLUSH"}), "OK");
  EXPECT_TRUE(wait(store->guard({key}, runtime.token(), long_enough)).has_value());
  EXPECT_TRUE(look()->guarded);
}

TEST_P(ValkeyStoreTest, ARestartedServerIsAnotherIncarnationAndKnowsNoLease) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  const Token before = *wait(store->incarnation());
  const Token mine = lease();
  const Token mark = look()->watermarks.at(0);
  ASSERT_TRUE(server->restart().has_value());
  EXPECT_TRUE(eventually([this] { return look().has_value(); }));
  EXPECT_EQ(look()->state, Slot::State::empty);
  EXPECT_FALSE(look()->incarnation == before);
  EXPECT_FALSE(look()->watermarks.at(0) == mark);
  EXPECT_EQ(*publish(mine), Published::refused);
  EXPECT_FALSE(*wait(store->incarnation()) == before);
}

// It has kept its data, and may have kept an older state of them.
TEST_P(ValkeyStoreTest, ARestartedServerThatHasKeptAllIsAnotherIncarnationToo) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .append_only = true}));
  open(*server);
  const Token before = *wait(store->incarnation());
  EXPECT_EQ(*publish(lease()), Published::stored);
  ASSERT_TRUE(server->restart().has_value());
  EXPECT_TRUE(eventually([this] { return look().has_value(); }));
  EXPECT_EQ(look()->state, Slot::State::held);
  EXPECT_FALSE(look()->incarnation == before);
}

// A process spreads its names in its own way, in which alone a cursor means something.  What is in
// the prefix means nothing to SCAN.
TEST_P(ValkeyStoreTest, AListingOverARestartBeginsAnew) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .append_only = true}));
  open({.address = server->address(), .prefix = "a[b]*c?\\"});
  constexpr std::uint64_t count = 50;
  for (std::uint64_t n = 0; n < count; ++n) {
    const Envelope envelope{.id = runtime.token(), .key = "k", .payload = "v"};
    ASSERT_TRUE(wait(store->put({{n, n, n, n}}, envelope, long_enough)).has_value());
  }
  std::size_t listed = 0;
  std::string next;
  while (listed == 0) {
    const auto page = wait(store->list(next, 5));
    ASSERT_TRUE(page.has_value()) << page.error().what;
    listed += page->keys.size();
    next = page->next;
    ASSERT_FALSE(next.empty());
  }
  const std::string order = next.substr(0, next.find(':'));
  EXPECT_EQ(wait(store->list(order + ":1:0", 5)).error().code, Code::invalid_argument)
      << "there is no second server";
  ASSERT_TRUE(server->restart().has_value());
  EXPECT_TRUE(eventually([this] { return look().has_value(); }));
  std::set<std::uint64_t> seen;
  while (!next.empty()) {
    const auto page = wait(store->list(next, 5));
    ASSERT_TRUE(page.has_value()) << page.error().what;
    for (const StoreKey& one : page->keys) seen.insert(one.words[0]);
    next = page->next;
  }
  EXPECT_EQ(seen.size(), count);
}

TEST_P(ValkeyStoreTest, AHistoryThatChangesUnderALivingConnectionIsNoticed) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  KIT_START(other, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  const Token before = *wait(store->incarnation());
  // A replica for a moment, and then a primary of its own again.
  ASSERT_EQ(server->command({"REPLICAOF", "127.0.0.1", std::to_string(other->port())}), "OK");
  EXPECT_TRUE(eventually([&] { return server->info("master_link_status") == "up"; }));
  EXPECT_FALSE(wait(store->invalidate({key})).has_value()) << "a replica acknowledges nothing";
  ASSERT_EQ(server->command({"REPLICAOF", "NO", "ONE"}), "OK");
  EXPECT_TRUE(eventually([this] { return wait(store->incarnation()).has_value(); }));
  EXPECT_FALSE(*wait(store->incarnation()) == before);
}

TEST_P(ValkeyStoreTest, AServerThatHangsCostsABoundedTime) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open({.address = server->address(),
        .connections = 1,
        .answer_within = std::chrono::milliseconds(100)});
  EXPECT_EQ(trouble(), "none");
  server->freeze();
  EXPECT_THAT(trouble(), HasSubstr("did not answer in time"));
  EXPECT_THAT(store->usage().trouble, HasSubstr("did not answer in time"));
  server->thaw();
  EXPECT_TRUE(eventually([this] { return look().has_value(); }));
  EXPECT_EQ(store->usage().trouble, "");
}

// As after every connection that is lost.
TEST_P(ValkeyStoreTest, TheTimeItTakesToConnectIsPartOfTheAge) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  kit::TcpGate gate(server->port());
  gate.delay(kit::Toward::client, std::chrono::milliseconds(50));
  open({.address = gate.address()});
  const Instant called = runtime.now();
  const Token id = runtime.token();
  Envelope envelope{.id = id, .lease = id, .key = "k", .payload = "v"};
  ASSERT_TRUE(wait(store->put(key, envelope, long_enough)).has_value());
  gate.restore();  // Or the way to the look would hide what is missing.
  Instant asked = runtime.now();
  EXPECT_GE(look()->stored_for, asked - called);

  gate.delay(kit::Toward::client, std::chrono::milliseconds(50));
  open({.address = gate.address()});
  const Instant published = runtime.now();
  envelope.id = envelope.lease = runtime.token();
  ASSERT_EQ(*wait(store->publish(key, id, envelope, long_enough)), Published::stored);
  gate.restore();
  asked = runtime.now();
  EXPECT_GE(look()->stored_for, asked - published);
}

TEST_P(ValkeyStoreTest, WhatIsFlushedIsAMiss) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  EXPECT_EQ(*publish(lease()), Published::stored);
  const Token mark = look()->watermarks.at(0);
  ASSERT_EQ(server->command({"FLUSHALL"}), "OK");
  EXPECT_EQ(look()->state, Slot::State::empty);
  EXPECT_FALSE(look()->watermarks.at(0) == mark);
}

// It holds what it has, takes nothing new, and still forgets what it is told to.
TEST_P(ValkeyStoreTest, AFullServerStillInvalidates) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  open(*server);
  EXPECT_EQ(*publish(lease()), Published::stored);
  ASSERT_EQ(server->command({"CONFIG", "SET", "maxmemory", "1"}), "OK");
  EXPECT_EQ(look()->envelope.payload, "v");
  EXPECT_TRUE(wait(store->invalidate({key})).has_value());
  EXPECT_TRUE(wait(store->renew({tag})).has_value());
  EXPECT_FALSE(wait(store->get_or_lease(key, runtime.token(), long_enough, {})).has_value());
  EXPECT_THAT(store->usage().trouble, HasSubstr("OOM"));
}

TEST_P(ValkeyStoreTest, UsersAndTheirRights) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(),
                                         .users = {"user app on >secret ~app:* &* +@all",
                                                   "user poor on >secret ~app:* &* +@read"}}));
  open({.address = server->address(), .user = "app", .password = "secret", .prefix = "app"});
  EXPECT_EQ(trouble(), "none");
  open({.address = server->address(), .user = "app", .password = "wrong", .prefix = "app"});
  EXPECT_THAT(trouble(), HasSubstr("user and password are refused"));
  EXPECT_THAT(trouble(), testing::Not(HasSubstr("wrong")));
  open({.address = server->address(), .user = "poor", .password = "secret", .prefix = "app"});
  EXPECT_THAT(trouble(), HasSubstr("the user may not do what Headrace needs"));
  open({.address = server->address(), .user = "app", .password = "secret", .prefix = "other"});
  EXPECT_THAT(trouble(), HasSubstr("is refused"));
}

TEST_P(ValkeyStoreTest, OverTls) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(), .tls = kit::ValkeyTls::anybody}));
  const std::string address = "127.0.0.1:" + std::to_string(server->tls_port());
  open({.address = address, .tls = true, .tls_ca_file = server->certificates().authority_file});
  EXPECT_EQ(*publish(lease()), Published::stored);
  EXPECT_EQ(look()->envelope.payload, "v");
  open({.address = address, .tls = true});
  EXPECT_THAT(trouble(), HasSubstr("certificate"));
}

// As servers do that are not told otherwise.
TEST_P(ValkeyStoreTest, OverTlsToAServerThatWantsToKnowItsClients) {
  KIT_START(server,
            ValkeyServer::start({.program = GetParam(), .tls = kit::ValkeyTls::known_clients}));
  const kit::TestCertificates& files = server->certificates();
  ValkeyStoreOptions options{.address = "127.0.0.1:" + std::to_string(server->tls_port()),
                             .tls = true,
                             .tls_ca_file = files.authority_file,
                             .tls_cert_file = files.client_file,
                             .tls_key_file = files.client_key_file};
  open(options);
  EXPECT_EQ(*publish(lease()), Published::stored);
  EXPECT_EQ(look()->envelope.payload, "v");
  options.tls_cert_file = options.tls_key_file = "";
  open(options);
  EXPECT_NE(trouble(), "none");
}

TEST_P(ValkeyStoreTest, AReplicaIsRefused) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  KIT_START(replica, ValkeyServer::start({.program = GetParam(), .replica_of = server->port()}));
  open(*replica);
  EXPECT_THAT(trouble(), HasSubstr("it is a replica"));
}

// As a warning: nothing is wrong yet, and a pager that rings for trouble stays silent.
TEST_P(ValkeyStoreTest, AServerThatMayEvictGuardsIsToldOf) {
  KIT_START(server, ValkeyServer::start({.program = GetParam(),
                                         .arguments = {"--maxmemory-policy", "allkeys-lru"}}));
  open(*server);
  EXPECT_EQ(trouble(), "none");
  EXPECT_THAT(store->usage().warning, HasSubstr("maxmemory-policy is allkeys-lru"));
  EXPECT_EQ(store->usage().trouble, "");
  ASSERT_EQ(server->command({"CONFIG", "SET", "maxmemory-policy", "noeviction"}), "OK");
  open(*server);
  EXPECT_EQ(trouble(), "none");
  EXPECT_EQ(store->usage().warning, "");
}

TEST(ValkeyStoreOptions, AreChecked) {
  Runtime runtime{{.threads = 1}};
  const auto fault = [&](ValkeyStoreOptions options) {
    const auto opened = open_valkey_store(std::move(options), runtime);
    return opened ? "none" : opened.error().what;
  };
  EXPECT_THAT(fault({.address = "nowhere"}), HasSubstr("nowhere"));
  EXPECT_THAT(fault({}), HasSubstr("one of address, cluster and sentinels"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .cluster = {"127.0.0.1:2"}}),
              HasSubstr("one of address, cluster and sentinels"));
  EXPECT_THAT(fault({.cluster = {"127.0.0.1:2", "there"}}), HasSubstr("there"));
  EXPECT_THAT(fault({.cluster = std::vector<std::string>(65, "127.0.0.1:2")}),
              HasSubstr("addresses_max"));
  EXPECT_THAT(fault({.sentinels = {"127.0.0.1:2"}}), HasSubstr("sentinel_master"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .sentinel_master = "main"}),
              HasSubstr("belong together"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .replicas = 1, .replicas_within = Duration(0)}),
              HasSubstr("replicas_within"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .prefix = ""}), HasSubstr("prefix"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .prefix = "a{b"}), HasSubstr("brace"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .tls = true, .tls_cert_file = "/not/there"}),
              HasSubstr("belong together"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1",
                     .tls = true,
                     .tls_cert_file = "/not/there",
                     .tls_key_file = "/nor/there"}),
              HasSubstr("the client's certificate in \"/not/there\" cannot be used"));
  EXPECT_THAT(fault({.address = "127.0.0.1:1", .tls = true, .tls_ca_file = "/not/there"}),
              HasSubstr("/not/there"));
}

}  // namespace
}  // namespace headrace
