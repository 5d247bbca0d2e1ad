// What is shared: [store] of the kinds "valkey", "memcached" and "firestore", [bus], [migration].
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

const ValkeyBusConfig& bus_of(const Config& config) {
  return std::get<ValkeyBusConfig>(config.bus);
}

TEST(SharedStore, IsTheEmbeddedOneIfNothingIsSaid) {
  EXPECT_FALSE(sound("").shared_store.has_value());
  EXPECT_EQ(sound("").bus.index(), 0u);
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
  const auto& bus = std::get<ValkeyBusConfig>(config.bus);
  EXPECT_EQ(bus.options.address, "10.0.0.1:6380");
  EXPECT_EQ(bus.options.prefix, "shop");
  EXPECT_EQ(bus.password_file, "secret");
}

TEST(SharedStore, TheBusMayBeAnotherServerOrNone) {
  const std::string store = "[store]\nkind = \"valkey\"\naddress = \"10.0.0.1:6379\"\n";
  const Config other = sound(store + "[bus]\naddress = \"10.0.0.2:6379\"\nbound = \"400ms\"\n");
  EXPECT_EQ(std::get<ValkeyBusConfig>(other.bus).options.address, "10.0.0.2:6379");
  EXPECT_EQ(other.engine.bus_bound, milliseconds(400));
  EXPECT_EQ(other.engine.bus_proof_every, milliseconds(100));
  EXPECT_EQ(sound(store + "[bus]\nkind = \"none\"\n").bus.index(), 0u);
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
  EXPECT_EQ(bus_of(cluster).options.cluster, cluster.shared_store->options.cluster);
  const std::string watched = R"([store]
kind = "valkey"
sentinels = ["10.0.0.1:26379"]
sentinel_master = "main"
sentinel_user = "watch"
sentinel_password_file = "secret"
)";
  const Config sentinels = sound(watched);
  EXPECT_EQ(bus_of(sentinels).options.sentinels.front(), "10.0.0.1:26379");
  EXPECT_EQ(bus_of(sentinels).options.sentinel_master, "main");
  EXPECT_EQ(bus_of(sentinels).options.sentinel_user, "watch");
  EXPECT_EQ(sentinels.shared_store->sentinel_password_file, "secret");
  EXPECT_EQ(bus_of(sentinels).sentinel_password_file, "secret");
  // A bus that is elsewhere is nowhere else besides.
  const Config apart = sound(watched + "[bus]\naddress = \"10.0.0.9:6379\"\n");
  EXPECT_EQ(bus_of(apart).options.address, "10.0.0.9:6379");
  EXPECT_TRUE(bus_of(apart).options.sentinels.empty());
  EXPECT_EQ(bus_of(apart).options.sentinel_master, "");
  EXPECT_EQ(bus_of(apart).sentinel_password_file, "");
}

TEST(SharedStore, WhereItIsIsSaidOnce) {
  const auto fault = [](std::string_view lines) {
    return faults("[store]\nkind = \"valkey\"\n" + std::string(lines));
  };
  EXPECT_THAT(fault("address = \"h:1\"\ncluster = [\"h:1\"]\n"),
              HasSubstr("h.toml:4:11: store.cluster: is one of address, cluster and sentinels"));
  EXPECT_THAT(fault("cluster = []\n"),
              HasSubstr("h.toml:3:11: store.cluster: must be a list of 1 to 64"));
  EXPECT_THAT(fault("cluster = [\"10.0.0.1:redis\"]\n"),
              HasSubstr("h.toml:3:12: store.cluster: must be hosts and ports, as "
                        "\"10.0.0.1:6379\", not \"10.0.0.1:redis\""));
  EXPECT_THAT(fault("cluster = [\"a:1\", \"a:1\"]\n"),
              HasSubstr("h.toml:3:19: store.cluster: names \"a:1\" twice"));
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
  const Config config = sound("[bus]\nkind = \"valkey\"\naddress = \"h:1\"\n");
  EXPECT_TRUE(std::holds_alternative<ValkeyBusConfig>(config.bus));
}

TEST(SharedStore, TheBusMayBeAPostgres) {
  for (const std::string store : {"", "[store]\nkind = \"valkey\"\naddress = \"h:1\"\n"}) {
    const Config config = sound(store + R"([bus]
kind = "postgres"
connection = "host=db dbname=app"
password_file = "secret"
channel = "shop"
answer_within = "300ms"
bound = "2s"
)");
    const auto& bus = std::get<PostgresBusConfig>(config.bus);
    EXPECT_EQ(bus.options.connection, "host=db dbname=app");
    EXPECT_EQ(bus.password_file, "secret");
    EXPECT_EQ(bus.options.channel, "shop");
    EXPECT_EQ(bus.options.answer_within, milliseconds(300));
    EXPECT_EQ(config.engine.bus_bound, milliseconds(2000));
  }
}

TEST(SharedStore, FaultsOfAPostgresBusAreToldAndNoPasswordIsAmongTheSettings) {
  const std::string bus = "[bus]\nkind = \"postgres\"\n";
  EXPECT_THAT(faults(bus), HasSubstr("bus.connection: must say where the database is"));
  EXPECT_THAT(faults(bus + "connection = \"host=db\"\nchannel = \"\"\n"),
              HasSubstr("h.toml:4:11: bus.channel: must have 1 to 63 bytes"));
  EXPECT_THAT(faults(bus + "connection = \"host=db\"\nprefix = \"p\"\n"), HasSubstr("h.toml:4:"));
  EXPECT_THAT(faults("data_dir = \"d\"\n" + bus + "connection = \"host=db\"\n"),
              HasSubstr("needs a store that instances share"));
  for (const char* const text :
       {"host=db password=hush", "postgres://me:hush@db/app", "postgres://db?password=hush"}) {
    EXPECT_THAT(faults(bus + "connection = \"" + text + "\"\n"),
                testing::AllOf(HasSubstr("must not hold a password"), Not(HasSubstr("hush"))));
  }
  EXPECT_EQ(faults(bus + "connection = \"postgres://me@db:5432/app\"\n"), "");
}

TEST(SharedStore, FaultsAreTold) {
  EXPECT_THAT(faults("[store]\nkind = \"mongo\"\n"),
              HasSubstr("h.toml:2:8: store.kind: must be one of \"embedded\", \"valkey\", "
                        "\"memcached\", \"firestore\""));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\n"), HasSubstr("store.address: must be"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h\"\n"),
              HasSubstr("h.toml:3:11: store.address: must be the server's host and port"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nbytes_max = \"1GiB\"\n"),
              HasSubstr("h.toml:4:"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nprefix = \"a{\"\n"),
              HasSubstr("no braces"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\ntls_ca_file = \"x\"\n"),
              HasSubstr("of no use without tls"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\ntls = true\n"
                     "tls_cert_file = \"x\"\n"),
              HasSubstr("h.toml:5:17: store.tls_cert_file: belongs to the other"));
  EXPECT_THAT(faults("data_dir = \"d\"\n[bus]\nkind = \"valkey\"\naddress = \"h:1\"\n"),
              HasSubstr("needs a store that instances share"));
  EXPECT_THAT(faults("[bus]\nkind = \"valkey\"\naddress = \"h:1\"\nbound = \"1ms\"\n"),
              HasSubstr("bus.bound: must be 100ms or longer"));
  EXPECT_THAT(faults("[store]\nkind = \"valkey\"\naddress = \"h:1\"\nanswer_within = \"0s\"\n"),
              HasSubstr("must be longer than zero"));
}

TEST(SharedStore, MemcachedIsAListOfServersAndABusElsewhere) {
  const Config config = sound(R"([store]
kind = "memcached"
servers = ["10.0.0.1:11211", "cache-2:11212"]
prefix = "shop"
connect_within = "2s"
answer_within = "250ms"
reply_bytes_max = "8MiB"
seen_max = 100
guards_per_key_max = 16
[bus]
address = "10.0.0.3:6379"
[journal]
path = "/var/j"
)");
  ASSERT_TRUE(config.memcached_store.has_value());
  const MemcachedStoreOptions& store = *config.memcached_store;
  EXPECT_THAT(store.servers, testing::ElementsAre("10.0.0.1:11211", "cache-2:11212"));
  EXPECT_EQ(store.prefix, "shop");
  EXPECT_EQ(store.connect_within, milliseconds(2000));
  EXPECT_EQ(store.answer_within, milliseconds(250));
  EXPECT_EQ(store.reply_bytes_max, 8u << 20);
  EXPECT_EQ(store.seen_max, 100u);
  EXPECT_EQ(store.guards_per_key_max, 16u);
  EXPECT_FALSE(config.shared_store.has_value());
  EXPECT_TRUE(config.has_shared_store());
  EXPECT_EQ(bus_of(config).options.address, "10.0.0.3:6379");
  EXPECT_EQ(config.journal.path, "/var/j");
}

TEST(SharedStore, FaultsOfMemcachedAreTold) {
  const auto told = [](std::string_view rest) {
    return faults("[store]\nkind = \"memcached\"\n" + std::string(rest));
  };
  const std::string servers = "servers = [\"h:11211\"]\n";
  const std::string no_bus = "[bus]\nkind = \"none\"\n";
  EXPECT_EQ(told(servers + no_bus), "");
  EXPECT_THAT(told(no_bus), HasSubstr("h.toml:1:1: store: servers is missing"));
  EXPECT_THAT(told("servers = []\n" + no_bus), HasSubstr("h.toml:3:11: store.servers: must be a"));
  EXPECT_THAT(told("servers = [\"a:1\", \"b\"]\n" + no_bus),
              HasSubstr("h.toml:3:19: store.servers: must be hosts and ports"));
  EXPECT_THAT(told("servers = [\"a:0\"]\n" + no_bus), HasSubstr("h.toml:3:12: "));
  EXPECT_THAT(told("servers = [\"a:65536\"]\n" + no_bus), HasSubstr("h.toml:3:12: "));
  EXPECT_THAT(told("servers = [\"a:1\", \"a:1\"]\n" + no_bus),
              HasSubstr("h.toml:3:19: store.servers: names \"a:1\" twice"));
  EXPECT_THAT(told(servers + "prefix = \"a b\"\n" + no_bus),
              HasSubstr("h.toml:4:10: store.prefix: must have 1 to 64 printable"));
  EXPECT_THAT(told(servers + "seen_max = 0\n" + no_bus), HasSubstr("h.toml:4:12: store.seen_max"));
  EXPECT_THAT(told(servers + "address = \"h:1\"\n" + no_bus), HasSubstr("h.toml:4:1: "));
  EXPECT_THAT(told(servers), HasSubstr("h.toml:2:8: bus.kind: must be given, for this store "))
      << "memory would go on with what others invalidate, unasked";
  EXPECT_THAT(told(servers + "[bus]\nkind = \"valkey\"\n"), HasSubstr("bus.address: must be"));
  EXPECT_EQ(faults("data_dir = \"d\"\n[store]\nkind = \"memcached\"\n" + servers +
                   "[bus]\naddress = \"h:1\"\n"),
            "")
      << "the data folder is for the journal alone";
}

TEST(SharedStore, FirestoreIsACollectionOfADatabase) {
  const std::string_view text = R"([store]
kind = "firestore"
project = "shop"
database = "cache"
collection = "entries"
credentials_file = "/key.json"
answer_within = "3s"
watermark_lasts = "10d"
seen_max = 100
tries_max = 7
[bus]
kind = "none"
)";
  const Config config = sound(text);
  ASSERT_TRUE(config.firestore_store.has_value());
  EXPECT_EQ(config.firestore_store->database.project, "shop");
  EXPECT_EQ(config.firestore_store->database.database, "cache");
  EXPECT_EQ(config.firestore_store->database.credentials_file, "/key.json");
  EXPECT_EQ(config.firestore_store->database.tries_max, 7u);
  EXPECT_EQ(config.firestore_store->options.collection, "entries");
  EXPECT_EQ(config.firestore_store->options.answer_within, milliseconds(3000));
  EXPECT_EQ(config.firestore_store->options.watermark_lasts, std::chrono::hours(240));
  EXPECT_EQ(config.firestore_store->options.seen_max, 100u);
  EXPECT_TRUE(config.has_shared_store());
  EXPECT_EQ(config.bus.index(), 0u);
  const auto there = read_config(text, "h.toml", {{"FIRESTORE_EMULATOR_HOST", "127.0.0.1:8085"}});
  EXPECT_EQ(there->firestore_store->database.emulator, "127.0.0.1:8085");
  const auto wrong = read_config(text, "h.toml", {{"FIRESTORE_EMULATOR_HOST", "nowhere"}});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_THAT(to_string(wrong.error().front()), HasSubstr("FIRESTORE_EMULATOR_HOST: must be"));
}

TEST(SharedStore, FaultsOfFirestoreAreTold) {
  const auto told = [](std::string_view rest) {
    return faults("[store]\nkind = \"firestore\"\n" + std::string(rest));
  };
  const std::string no_bus = "[bus]\nkind = \"none\"\n";
  const std::string project = "project = \"p\"\n";
  EXPECT_EQ(told(project + no_bus), "");
  EXPECT_THAT(told(no_bus), HasSubstr("h.toml:1:1: store: project is missing"));
  EXPECT_THAT(told(project), HasSubstr("h.toml:2:8: bus.kind: must be given"));
  EXPECT_THAT(told(project + "writable = true\n" + no_bus), HasSubstr("h.toml:4:1: "));
  EXPECT_THAT(told(project + "answer_within = \"0s\"\n" + no_bus),
              HasSubstr("h.toml:4:17: store.answer_within: must be longer than zero"));
  for (const char* collection : {"", "a/b", ".", "..", "__a", "a b"}) {
    EXPECT_THAT(told(project + "collection = \"" + collection + "\"\n" + no_bus),
                HasSubstr("h.toml:4:14: store.collection: must be a collection's id"));
  }
}

TEST(SharedStore, AJournalNeedsNoDataFolder) {
  const Config config =
      sound("[store]\nkind = \"valkey\"\naddress = \"h:1\"\n[journal]\npath = \"/var/j\"\n");
  EXPECT_EQ(config.journal.path, "/var/j");
}

// [migration].

const std::string migrating = R"([store]
kind = "valkey"
address = "10.0.0.1:6379"
[bus]
kind = "none"
[migration.to]
kind = "valkey"
address = "10.0.0.2:6379"
prefix = "shop"
)";

TEST(Migration, NamesTheStoreThatTakesThePlace) {
  EXPECT_FALSE(sound("").migration.has_value());
  const Config config = sound(migrating + "[migration]\nphase = \"new\"\nnew_after = \"31s\"\n");
  ASSERT_TRUE(config.migration.has_value());
  EXPECT_EQ(config.shared_store->options.address, "10.0.0.1:6379");
  EXPECT_EQ(config.migration->to.shared_store->options.address, "10.0.0.2:6379");
  EXPECT_EQ(config.migration->to.shared_store->options.prefix, "shop");
  EXPECT_EQ(config.migration->phase, MovingPhase::next);
  EXPECT_EQ(config.migration->new_after, std::chrono::seconds(31));
  EXPECT_EQ(sound(migrating).migration->phase, MovingPhase::off);
}

TEST(Migration, GoesFromAnEmbeddedStoreAndToOne) {
  const Config from = sound(
      "data_dir = \"d\"\n[migration.to]\nkind = \"memcached\"\n"
      "servers = [\"h:1\"]\n");
  EXPECT_TRUE(from.migration->to.memcached_store.has_value());
  const Config to = sound(
      "data_dir = \"d\"\n[migration]\ndata_dir = \"e\"\n"
      "[migration.to]\nbytes_max = \"2MiB\"\n");
  EXPECT_EQ(to.migration->to.data_dir, "e");
  EXPECT_EQ(to.migration->to.store.bytes_max, std::size_t{2} << 20);
  EXPECT_EQ(to.data_dir, "d");
}

TEST(Migration, WaitsAsLongAsAGuardMayStand) {
  const auto with = [](std::string_view lines) {
    return migrating + R"([sources.a]
kind = "sqlite"
path = "a.db"
[policies.p]
source = "a"
table = "t"
fields = ["f"]
fresh_for = "2h"
)" + std::string(lines);
  };
  const std::string soon = "[migration]\nnew_after = \"29s\"\n";
  EXPECT_EQ(sound(with("")).migration->new_after, std::chrono::minutes(5));
  // A client may hold one, whatever the policies are.
  EXPECT_THAT(faults(with(soon)), HasSubstr("migration.new_after: must be 30s or longer"));
  EXPECT_EQ(sound(with("[limits]\nwrite_within = \"24s\"\n" + soon)).migration->new_after,
            std::chrono::seconds(29));
  EXPECT_GE(sound(with("level = \"critical\"\n")).migration->new_after, std::chrono::hours(2));
  EXPECT_THAT(faults(with("level = \"critical\"\n" + soon)), HasSubstr("migration.new_after"));
}

TEST(Migration, ItsFaultsAreTold) {
  EXPECT_THAT(faults(migrating + "[migration]\nphase = \"next\"\n"),
              HasSubstr("migration.phase: must be"));
  EXPECT_THAT(faults("data_dir = \"d\"\n[migration]\n"),
              HasSubstr("migration: to is missing: the section [migration.to]"));
  EXPECT_THAT(faults("data_dir = \"d\"\n[migration.to]\n"),
              HasSubstr("migration.data_dir: must be the folder"));
  EXPECT_THAT(faults(migrating + "[migration]\ndata_dir = \"d\"\n"),
              HasSubstr("migration.data_dir: is of no use"));
  EXPECT_THAT(faults("[migration.to]\nkind = \"valkey\"\naddress = \"h:1\"\n"),
              HasSubstr("migration: is of no use without a store to move from"));
  EXPECT_THAT(faults(migrating + "adress = \"h:1\"\n"),
              HasSubstr("migration.to.adress: unknown key; did you mean \"address\"?"));
  EXPECT_THAT(faults(migrating + "[migration]\nphse = \"off\"\n"),
              HasSubstr("migration.phse: unknown key; did you mean \"phase\"?"));
  // A bus that goes where the store goes would part the servers.
  std::string unnamed = migrating;
  unnamed.erase(unnamed.find("[bus]"), std::string("[bus]\nkind = \"none\"\n").size());
  EXPECT_THAT(faults(unnamed), HasSubstr("migration: wants [bus] to say where it is"));
}

}  // namespace
}  // namespace headrace::config
