#include "server/resp/service.h"

#include <gtest/gtest.h>

#include <set>

#include "server/resp/server_fixture.h"

namespace headrace::resp {
namespace {

class ServiceTest : public ServerTest {
 protected:
  // All that a SCAN with these options returns.
  std::set<std::string> scan_all(Peer& peer, const std::string& options) {
    std::set<std::string> keys;
    std::string cursor = "0";
    do {
      const std::vector<std::string> words = words_of(peer.ask("SCAN " + cursor + options));
      cursor = words.at(2);
      for (std::size_t i = 5; i < words.size(); i += 2) keys.insert(words[i]);
    } while (cursor != "0");
    return keys;
  }
};

TEST(CursorsTest, ACursorIsOfItsTenantAndMakesRoomForNewerOnes) {
  Cursors cursors;
  const std::uint64_t first = cursors.keep({.tenant = 1, .prefix = "a", .from = "b"});
  EXPECT_EQ(cursors.find(first, 1)->from, "b");
  EXPECT_FALSE(cursors.find(first, 2));
  EXPECT_FALSE(cursors.find(0, 1));
  EXPECT_FALSE(cursors.find(first + 1, 1));
  for (std::size_t i = 0; i < Cursors::cursors_max; ++i) static_cast<void>(cursors.keep({}));
  EXPECT_FALSE(cursors.find(first, 1));
}

TEST_F(ServiceTest, AScanFindsEachKeyOnAnyConnection) {
  auto peer = client();
  std::set<std::string> all;
  for (int i = 0; i < 1000; ++i) {
    const std::string key = (i % 2 == 0 ? "sess:" : "user:") + std::to_string(i);
    ASSERT_EQ(peer->ask("SET " + key + " v"), "+OK");
    if (i % 2 == 0) all.insert(key);
  }
  peer->ask("HSET sess:map f v");
  EXPECT_EQ(scan_all(*peer, " MATCH sess:*[0-9] COUNT 100"), all);
  EXPECT_EQ(scan_all(*peer, " MATCH sess:* TYPE hash COUNT 7"), std::set<std::string>{"sess:map"});
  EXPECT_EQ(scan_all(*peer, "").size(), 1001U);
  const std::string cursor = words_of(peer->ask("SCAN 0")).at(2);
  EXPECT_EQ(words_of(client()->ask("SCAN " + cursor)).at(3), "*10");
  EXPECT_EQ(client("key2")->ask("SCAN " + cursor), "-ERR invalid cursor");
  EXPECT_EQ(peer->ask("SCAN x"), "-ERR invalid cursor");
  EXPECT_EQ(peer->ask("SCAN 0 COUNT 0"), "-ERR syntax error");
  EXPECT_EQ(peer->ask("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(peer->ask("SCAN 0 MATCH"), "-ERR syntax error");
}

TEST_F(ServiceTest, TheKeyspaceIsTheTenantsOwn) {
  auto one = client("key1");
  auto two = client("key2");
  one->ask("MSET a 1 b 2");
  two->ask("SET c 3");
  EXPECT_EQ(one->ask("DBSIZE"), ":2");
  EXPECT_EQ(two->ask("KEYS *"), "*1 $1 c");
  EXPECT_EQ(two->ask("RANDOMKEY"), "$1 c");
  EXPECT_EQ(two->ask("GET a"), "$-1");
  EXPECT_EQ(two->ask("FLUSHALL ASYNC"), "+OK");
  EXPECT_EQ(two->ask("RANDOMKEY"), "$-1");
  EXPECT_EQ(one->ask("KEYS [ab]"), "*2 $1 a $1 b");
  EXPECT_EQ(one->ask("FLUSHDB x"), "-ERR syntax error");
}

TEST_F(ServiceTest, AKeyWithAPrefixSeesWhatBeginsWithIt) {
  client()->ask("MSET app:1 a app:2 b other c");
  doors.keys["key1"]->key_prefix = "app:";
  auto peer = client();
  EXPECT_EQ(peer->ask("KEYS *"), "*2 $5 app:1 $5 app:2");
  EXPECT_EQ(peer->ask("KEYS other"), "*0");
  EXPECT_EQ(peer->ask("KEYS a*2"), "*1 $5 app:2");
  EXPECT_EQ(peer->ask("DBSIZE"), ":2");
  EXPECT_EQ(peer->ask("FLUSHALL"), "+OK");
  EXPECT_EQ(records.size(), 1U);
}

TEST_F(ServiceTest, ClientsOfATenantSeeEachOther) {
  auto one = client();
  auto two = client();
  auto other = client("key2");
  EXPECT_EQ(one->ask("CLIENT SETNAME first"), "+OK");
  EXPECT_EQ(one->ask("CLIENT SETNAME a\nb"),
            "-ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(one->ask("CLIENT SETINFO LIB-NAME lib"), "+OK");
  EXPECT_EQ(one->ask("CLIENT SETINFO x y"), "-ERR Unrecognized option 'x'");
  EXPECT_EQ(two->ask("CLIENT GETNAME"), "$-1");
  const std::string list = two->ask("CLIENT LIST");
  EXPECT_TRUE(list.contains(" name=first ") && list.contains(" lib-name=lib ")) << list;
  EXPECT_TRUE(list.contains(" user=tenant1 ") && !list.contains(" user=tenant2 ")) << list;
  EXPECT_TRUE(two->ask("CLIENT INFO").contains(" cmd=client|info "));
  const std::string id = one->ask("CLIENT ID").substr(1);
  EXPECT_EQ(other->ask("CLIENT KILL ID " + id), ":0");
  EXPECT_EQ(two->ask("CLIENT KILL ID " + id), ":1");
  EXPECT_TRUE(one->is_ended());
  EXPECT_EQ(two->ask("CLIENT KILL 127.0.0.1:1"), "-ERR No such client");
  EXPECT_EQ(two->ask("CLIENT KILL ID x"), "-ERR client-id should be greater than 0");
  EXPECT_EQ(two->ask("CLIENT UNBLOCK 5"), ":0");
  EXPECT_EQ(two->ask("CLIENT NO-EVICT maybe"), "-ERR syntax error");
}

TEST_F(ServiceTest, SaysWhatItIs) {
  auto peer = client();
  peer->ask("SET k v");
  const std::string all = peer->ask("INFO");
  for (const char* line : {"redis_version:7.0.15", "loading:0", "headrace_version:0.0.0",
                           "role:master", "db0:keys=1,", "connected_clients:1"}) {
    EXPECT_TRUE(all.contains(line)) << line << " in " << all;
  }
  const std::string part = peer->ask("INFO Replication");
  EXPECT_TRUE(part.contains("role:master") && !part.contains("redis_version")) << part;
  EXPECT_EQ(peer->ask("CONFIG GET save appendonly"), "*4 $10 appendonly $3 yes $4 save $0 ");
  EXPECT_EQ(peer->ask("CONFIG GET nothing"), "*0");
  EXPECT_EQ(peer->ask("CONFIG SET appendonly no"), "+OK");
  EXPECT_EQ(peer->ask("CONFIG SET maxmemory 1"),
            "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - can't set "
            "immutable config");
  EXPECT_EQ(peer->ask("CONFIG SET nothing 1"),
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nothing'");
  EXPECT_EQ(peer->ask("SELECT 0"), "+OK");
  EXPECT_EQ(peer->ask("SELECT 1"), "-ERR DB index is out of range");
  EXPECT_EQ(peer->ask("SELECT x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(peer->ask("ACL WHOAMI"), "$7 tenant1");
  EXPECT_EQ(peer->ask("MODULE LIST"), "*0");
  EXPECT_EQ(peer->ask("SLOWLOG LEN"), ":0");
  EXPECT_EQ(peer->ask("LATENCY LATEST"), "*0");
  EXPECT_TRUE(peer->ask("TIME").starts_with("*2 $10 "));
}

TEST_F(ServiceTest, SaysWhatItsCommandsAre) {
  auto peer = client();
  EXPECT_EQ(peer->ask("COMMAND INFO get none"),
            "*2 *10 $3 get :2 *2 +readonly +fast :1 :1 :1 *3 +@read +@string +@fast *0 *0 *0 $-1");
  EXPECT_TRUE(peer->ask("COMMAND DOCS get").starts_with("*2 $3 get *6 $7 summary $"));
  EXPECT_EQ(peer->ask("COMMAND GETKEYS MSET a 1 b 2"), "*2 $1 a $1 b");
  EXPECT_EQ(peer->ask("COMMAND GETKEYS PING x"), "-ERR The command has no key arguments");
  EXPECT_EQ(peer->ask("COMMAND GETKEYS nothing x"), "-ERR Invalid command specified");
  EXPECT_EQ(peer->ask("COMMAND LIST FILTERBY PATTERN hse*"), "*2 $4 hset $6 hsetnx");
  const std::string count = peer->ask("COMMAND COUNT").substr(1);
  EXPECT_TRUE(peer->ask("COMMAND").starts_with("*" + count + " *10 "));
  EXPECT_TRUE(peer->ask("COMMAND LIST").starts_with("*" + count + " "));
  EXPECT_TRUE(peer->ask("CLIENT HELP").contains("CLIENT <subcommand>"));
}

}  // namespace
}  // namespace headrace::resp
