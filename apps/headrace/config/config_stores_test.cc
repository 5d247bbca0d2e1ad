// What is shared: [store] kind = "valkey", [bus].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace headrace::config {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

Config sound(std::string_view text) {
  auto config = read_config(text, "h.toml", {});
  EXPECT_TRUE(config.has_value()) << to_string(config.error().front());
  return config ? *config : Config{};
}
std::string faults(std::string_view text) {
  const auto config = read_config(text, "h.toml", {});
  std::string all;
  if (!config) {
    for (const ConfigError& one : config.error()) all += to_string(one) + "\n";
  }
  return all;
}

TEST(SharedStore, IsTheEmbeddedOneIfNothingIsSaid) {
  EXPECT_FALSE(sound("").shared_store.has_value());
  EXPECT_FALSE(sound("").bus.has_value());
}

TEST(SharedStore, BringsABusOnTheSameServer) {
  const Config config = sound(R"([store]
kind = "valkey"
address = "10.0.0.1:6380"
user = "app"
password_file = "secret"
prefix = "shop"
answer_within = "250ms"
connections = 2
)");
  ASSERT_TRUE(config.shared_store.has_value());
  EXPECT_EQ(config.shared_store->options.address, "10.0.0.1:6380");
  EXPECT_EQ(config.shared_store->options.user, "app");
  EXPECT_EQ(config.shared_store->password_file, "secret");
  EXPECT_EQ(config.shared_store->options.answer_within, milliseconds(250));
  EXPECT_EQ(config.shared_store->options.connections, 2u);
  ASSERT_TRUE(config.bus.has_value());
  EXPECT_EQ(config.bus->options.address, "10.0.0.1:6380");
  EXPECT_EQ(config.bus->options.prefix, "shop");
  EXPECT_EQ(config.bus->password_file, "secret");
}

TEST(SharedStore, TheBusMayBeAnotherServerOrNone) {
  const std::string store = "[store]\nkind = \"valkey\"\naddress = \"10.0.0.1:6379\"\n";
  const Config other = sound(store + "[bus]\naddress = \"10.0.0.2:6379\"\nbound = \"400ms\"\n");
  EXPECT_EQ(other.bus->options.address, "10.0.0.2:6379");
  EXPECT_EQ(other.engine.bus_bound, milliseconds(400));
  EXPECT_EQ(other.engine.bus_proof_every, milliseconds(100));
  EXPECT_FALSE(sound(store + "[bus]\nkind = \"none\"\n").bus.has_value());
}

TEST(SharedStore, MayBeAClusterOrBehindSentinels) {
  const Config cluster = sound(R"([store]
kind = "valkey"
cluster = ["10.0.0.1:6379", "10.0.0.2:6379"]
replicas = 1
replicas_within = "80ms"
)");
  EXPECT_EQ(cluster.shared_store->options.cluster.size(), 2u);
  EXPECT_EQ(cluster.shared_store->options.replicas, 1u);
  EXPECT_EQ(cluster.shared_store->options.replicas_within, milliseconds(80));
  EXPECT_EQ(cluster.bus->options.cluster, cluster.shared_store->options.cluster);
  const std::string watched = R"([store]
kind = "valkey"
sentinels = ["10.0.0.1:26379"]
sentinel_master = "main"
sentinel_user = "watch"
sentinel_password_file = "secret"
)";
  const Config sentinels = sound(watched);
  EXPECT_EQ(sentinels.bus->options.sentinels.front(), "10.0.0.1:26379");
  EXPECT_EQ(sentinels.bus->options.sentinel_master, "main");
  EXPECT_EQ(sentinels.bus->options.sentinel_user, "watch");
  EXPECT_EQ(sentinels.shared_store->sentinel_password_file, "secret");
  EXPECT_EQ(sentinels.bus->sentinel_password_file, "secret");
  // A bus that is elsewhere is nowhere else besides.
  const Config apart = sound(watched + "[bus]\naddress = \"10.0.0.9:6379\"\n");
  EXPECT_EQ(apart.bus->options.address, "10.0.0.9:6379");
  EXPECT_TRUE(apart.bus->options.sentinels.empty());
  EXPECT_EQ(apart.bus->options.sentinel_master, "");
  EXPECT_EQ(apart.bus->sentinel_password_file, "");
}

TEST(SharedStore, WhereItIsIsSaidOnce) {
  const auto fault = [](std::string_view lines) {
    return faults("[store]\nkind = \"valkey\"\n" + std::string(lines));
  };
  EXPECT_THAT(fault("address = \"h:1\"\ncluster = [\"h:1\"]\n"),
              HasSubstr("h.toml:4:11: store.cluster: is one of address, cluster and sentinels"));
  EXPECT_THAT(fault("cluster = []\n"), HasSubstr("h.toml:3:11: store.cluster: must name 1 to 64"));
  EXPECT_THAT(fault("cluster = [\"h:1\", \"here\"]\n"),
              HasSubstr("h.toml:3:19: store.cluster: must be hosts and ports"));
  EXPECT_THAT(fault("sentinels = [\"h:1\"]\n"), HasSubstr("store.sentinel_master: must be"));
  EXPECT_THAT(fault("address = \"h:1\"\nsentinel_user = \"u\"\n"),
              HasSubstr("h.toml:4:17: store.sentinel_user: is of no use without sentinels"));
  EXPECT_THAT(fault("address = \"h:1\"\nreplicas = 17\n"), HasSubstr("store.replicas"));
  EXPECT_THAT(fault("address = \"h:1\"\nreplicas_within = \"1s\"\n"),
              HasSubstr("h.toml:4:19: store.replicas_within: is of no use without replicas"));
}

TEST(SharedStore, MemoryAloneMayHaveABus) {
  EXPECT_TRUE(sound("[bus]\nkind = \"valkey\"\naddress = \"h:1\"\n").bus.has_value());
}

TEST(SharedStore, FaultsAreTold) {
  EXPECT_THAT(faults("[store]\nkind = \"mongo\"\n"),
              HasSubstr("h.toml:2:8: store.kind: must be one of \"embedded\", \"valkey\""));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\n"), HasSubstr("store.address: must be"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h\"\n"),
              HasSubstr("h.toml:3:11: store.address: must be the server's host and port"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nbytes_max = \"1GiB\"\n"),
              HasSubstr("h.toml:4:"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nprefix = \"a{\"\n"),
              HasSubstr("no braces"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\ntls_ca_file = \"x\"\n"),
              HasSubstr("of no use without tls"));
  EXPECT_THAT(faults("data_dir = \"d\"\n[bus]\nkind = \"valkey\"\naddress = \"h:1\"\n"),
              HasSubstr("needs a store that instances share"));
  EXPECT_THAT(faults("[bus]\nkind = \"valkey\"\naddress = \"h:1\"\nbound = \"1ms\"\n"),
              HasSubstr("bus.bound: must be 100ms or longer"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nanswer_within = \"0s\"\n"),
              HasSubstr("must be longer than zero"));
}

TEST(SharedStore, AJournalNeedsNoDataFolder) {
  const Config config =
      sound("[store]\nkind = \"valkey\"\naddress = \"h:1\"\n[journal]\npath = \"/var/j\"\n");
  EXPECT_EQ(config.journal.path, "/var/j");
}

}  // namespace
}  // namespace headrace::config
