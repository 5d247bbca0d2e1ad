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
