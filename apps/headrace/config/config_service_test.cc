// The cache service in a configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "config/config.h"

namespace headrace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kept = ServiceConfig::Records;

Config read(const std::string& text, const Environment& environment = {}) {
  const Configured config = read_config(text, "/c/h.toml", environment);
  if (config) return *config;
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

std::vector<std::string> faults(const std::string& text) {
  const Configured config = read_config(text, "h.toml", {});
  std::vector<std::string> texts;
  if (config) return texts;
  for (const ConfigError& error : config.error()) texts.push_back(to_string(error));
  return texts;
}

TEST(ConfigService, WithoutItsSectionThereIsNone) {
  EXPECT_FALSE(read("data_dir = \"d\"\n").service.has_value());
}

TEST(ConfigService, AnEmptySectionKeepsRecordsInTheDataFolder) {
  const Config config = read("data_dir = \"d\"\n[service]\n");
  ASSERT_TRUE(config.service.has_value());
  EXPECT_EQ(config.service->records, Kept::embedded);
  EXPECT_EQ(config.service->root_key_file, "/c/d/root.key");
  EXPECT_FALSE(config.service->keys_required);
  EXPECT_EQ(config.service->resp_listen, "");
}

TEST(ConfigService, ReadsEveryKey) {
  const Config config = read(R"(data_dir = "d"
resp_listen = "tcp://127.0.0.1:6380"
[service]
records = "embedded"
durability = "power"
memory = "1GiB"
value_bytes_max = "2MiB"
ttl_default = "1h"
ttl_max = "2d"
instances = 3
keys_required = true
root_key_file = "keys/root"
pepper_file = "/etc/pepper"
)");
  const ServiceConfig& service = config.service.value();
  EXPECT_TRUE(service.survives_power_loss);
  EXPECT_EQ(service.memory_bytes_max, 1u << 30);
  EXPECT_EQ(service.value_bytes_max, 2u << 20);
  EXPECT_EQ(service.ttl_default, std::chrono::hours(1));
  EXPECT_EQ(service.ttl_max, std::chrono::days(2));
  EXPECT_EQ(service.instances, 3u);
  EXPECT_TRUE(service.keys_required);
  EXPECT_EQ(service.root_key_file, "/c/keys/root");
  EXPECT_EQ(service.pepper_file, "/etc/pepper");
  EXPECT_EQ(service.resp_listen, "tcp://127.0.0.1:6380");
}

TEST(ConfigService, RecordsAreWhereTheStoreIs) {
  const std::string valkey = "[store]\nkind = \"valkey\"\naddress = \"127.0.0.1:6379\"\n";
  EXPECT_EQ(read(valkey + "[service]\n").service->records, Kept::valkey);
  EXPECT_EQ(
      read("data_dir = \"d\"\n" + valkey + "[service]\nrecords = \"embedded\"\n").service->records,
      Kept::embedded);
  EXPECT_THAT(
      faults("data_dir = \"d\"\n[service]\nrecords = \"valkey\"\n"),
      ElementsAre("h.toml:3:11: service.records: \"valkey\" is where [store] is: set its kind to "
                  "\"valkey\" too"));
}

TEST(ConfigService, RecordsAreInFirestoreWhereTheStoreIs) {
  const std::string firestore =
      "[store]\nkind = \"firestore\"\nproject = \"p\"\n[bus]\nkind = \"none\"\n";
  const ServiceConfig service = read(firestore + "[service]\n").service.value();
  EXPECT_EQ(service.records, Kept::firestore);
  EXPECT_EQ(service.value_bytes_max, 1008u << 10);
  EXPECT_EQ(read("data_dir = \"d\"\n" + firestore + "[service]\nrecords = \"embedded\"\n")
                .service->records,
            Kept::embedded);
  EXPECT_THAT(faults(firestore + "[service]\nvalue_bytes_max = \"1MiB\"\n"),
              ElementsAre(HasSubstr("service.value_bytes_max: must be 1008KiB or less in")));
  EXPECT_THAT(faults(firestore + "[service]\nrecords = \"valkey\"\n"),
              ElementsAre(HasSubstr("service.records: \"valkey\" is where [store] is")));
  EXPECT_THAT(
      faults("data_dir = \"d\"\n[service]\nrecords = \"firestore\"\n"),
      ElementsAre("h.toml:3:11: service.records: \"firestore\" is where [store] is: set its kind "
                  "to \"firestore\" too"));
}

TEST(ConfigService, MemcachedKeepsNoRecords) {
  const std::string memcached =
      "[store]\nkind = \"memcached\"\nservers = [\"127.0.0.1:1\"]\n[bus]\nkind = \"none\"\n";
  EXPECT_THAT(faults("data_dir = \"d\"\n[service]\nrecords = \"memcached\"\n"),
              ElementsAre("h.toml:3:11: service.records: memcached cannot keep records: it evicts "
                          "what nobody else has, cannot list it, and cannot change several in one "
                          "step"));
  EXPECT_THAT(faults(memcached + "[service]\n"),
              ElementsAre(HasSubstr("memcached cannot keep records: it evicts")));
  EXPECT_EQ(read("data_dir = \"d\"\n" + memcached + "[service]\n").service->records,
            Kept::embedded);
  EXPECT_THAT(faults("[service]\nrecords = \"disk\"\n"),
              testing::Contains(HasSubstr("service.records: must be one of \"embedded\"")));
}

TEST(ConfigService, RecordsNeedAPlaceThatIsNamed) {
  EXPECT_THAT(faults("[service]\n"),
              ElementsAre("h.toml:1:1: service: clients' records need a place: set data_dir; or "
                          "records = \"memory\", and they are gone with the process"));
  EXPECT_EQ(read("[service]\nrecords = \"memory\"\n").service->records, Kept::memory);
  EXPECT_EQ(read("[service]\nrecords = \"memory\"\n").service->root_key_file, "");
}

TEST(ConfigService, DurabilityIsOfADiskOfItsOwn) {
  EXPECT_THAT(faults("[service]\nrecords = \"memory\"\ndurability = \"power\"\n"),
              ElementsAre(HasSubstr("h.toml:3:14: service.durability: is of records = ")));
}

TEST(ConfigService, LimitsAreSound) {
  EXPECT_THAT(faults("[service]\nrecords = \"memory\"\nvalue_bytes_max = \"65MiB\"\n"),
              ElementsAre("h.toml:3:19: service.value_bytes_max: must be 64MiB or less"));
  EXPECT_THAT(faults("[service]\nrecords = \"memory\"\ninstances = 0\n"),
              ElementsAre(HasSubstr("h.toml:3:13: service.instances: must be")));
  EXPECT_THAT(faults("[service]\nrecords = \"memory\"\nmemory = \"1KiB\"\n"),
              ElementsAre(HasSubstr("service.memory")));
}

TEST(ConfigService, NoValueLivesLongerByDefaultThanItMay) {
  const std::string service = "[service]\nrecords = \"memory\"\n";
  EXPECT_EQ(read(service).service->ttl_default, std::chrono::days(30));
  EXPECT_EQ(read(service).service->ttl_max, std::chrono::days(365));
  EXPECT_EQ(read(service + "ttl_max = \"1d\"\n").service->ttl_default, std::chrono::days(1));
  EXPECT_EQ(read(service + "ttl_max = \"1d\"\nttl_default = \"1d\"\n").service->ttl_default,
            std::chrono::days(1));
  EXPECT_THAT(faults(service + "ttl_default = \"366d\"\n"),
              ElementsAre("h.toml:3:15: service.ttl_default: must be 1ms or longer, and no longer "
                          "than ttl_max"));
  EXPECT_THAT(faults(service + "ttl_max = \"1d\"\nttl_default = \"25h\"\n"),
              ElementsAre(HasSubstr("h.toml:4:15: service.ttl_default")));
  EXPECT_THAT(faults(service + "ttl_default = \"0s\"\n"),
              ElementsAre(HasSubstr("service.ttl_default")));
  EXPECT_THAT(faults(service + "ttl_max = \"0s\"\n"),
              ElementsAre(HasSubstr("service.ttl_max: must be 1ms or longer")));
}

TEST(ConfigService, RespIsOfTheService) {
  EXPECT_THAT(faults("resp_listen = \"tcp://127.0.0.1:6379\"\n"),
              ElementsAre(HasSubstr("resp_listen: serves clients' records: there must be")));
  EXPECT_THAT(faults("resp_listen = \"6379\"\n[service]\nrecords = \"memory\"\n"),
              ElementsAre(HasSubstr("resp_listen: must be like")));
  const Config config =
      read("[service]\nrecords = \"memory\"\n", {{"HEADRACE_RESP_LISTEN", "tcp://127.0.0.1:7000"}});
  EXPECT_EQ(config.service->resp_listen, "tcp://127.0.0.1:7000");
}

TEST(ConfigService, BeyondTheLoopbackItHasKeysOfItsOwn) {
  const std::string listen = "listen = \"tcp://0.0.0.0:80\"\n[server]\nallow_plain = true\n";
  EXPECT_THAT(faults(listen), ElementsAre(HasSubstr("set api_key_file")));
  EXPECT_EQ(read(listen + "[service]\nrecords = \"memory\"\n").listen, "tcp://0.0.0.0:80");
  EXPECT_THAT(faults("resp_listen = \"tcp://0.0.0.0:80\"\n[service]\nrecords = \"memory\"\n"),
              ElementsAre(HasSubstr("resp_listen: \"tcp://0.0.0.0:80\" can be reached from other "
                                    "machines; set tls_cert_file")));
}

}  // namespace
}  // namespace headrace::config
