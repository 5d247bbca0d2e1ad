#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace headrace::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view base = R"([sources.db]
kind = "postgres"
connection = "host=h"
[sources.file]
kind = "sqlite"
path = "a.db"
[policies.user]
source = "db"
table = "shop.users"
fields = ["name"]
[policies.list]
source = "db"
query = "SELECT 1 AS n WHERE $1 <> ''"
fields = ["n"]
tags = ["list:{entity}"]
)";

Configured read(std::string_view text) {
  return read_config(std::string(base) + std::string(text), "h.toml", {});
}

std::vector<std::string> faults_in(std::string_view text) {
  const auto config = read(text);
  std::vector<std::string> faults;
  if (config) return faults;
  for (const ConfigError& error : config.error()) faults.push_back(to_string(error));
  return faults;
}

TEST(ConfigFeeds, CoverThePoliciesThatAskForTables) {
  const auto config = read("[feeds.app]\nsource = \"db\"\n");
  ASSERT_TRUE(config);
  ASSERT_EQ(config->feeds.size(), 1u);
  const FeedConfig& feed = config->feeds[0];
  EXPECT_THAT(feed.cover.policies, ElementsAre("user"));
  EXPECT_EQ(feed.cover.bound, std::chrono::seconds(2));
  EXPECT_EQ(feed.cover.when_behind, FeedCoverOptions::Behind::bypass);
  ASSERT_EQ(feed.options.outbox.tables.size(), 1u);
  EXPECT_EQ(feed.options.outbox.tables[0].table, "shop.users");
}

TEST(ConfigFeeds, TagsNameTheColumnsWhoseValuesAreTold) {
  const auto config = read(R"([feeds.app]
source = "db"
policies = ["user", "list"]
bound = "3s"
when_behind = "own-bound"
poll_every = "100ms"
notify = false
[feeds.app.tables."shop.items"]
tags = ["list:{owner}", "{kind}/{owner}", "items"]
[feeds.app.tables."shop.users"]
)");
  ASSERT_TRUE(config);
  const FeedConfig& feed = config->feeds[0];
  EXPECT_THAT(feed.cover.policies, ElementsAre("user", "list"));
  EXPECT_EQ(feed.cover.when_behind, FeedCoverOptions::Behind::own_bound);
  EXPECT_FALSE(feed.options.outbox.notify);
  ASSERT_EQ(feed.options.outbox.tables.size(), 2u);
  EXPECT_EQ(feed.options.outbox.tables[1].table, "shop.items");
  EXPECT_THAT(feed.options.outbox.tables[1].values, ElementsAre("owner", "kind"));
  ASSERT_EQ(feed.cover.tables.size(), 1u);
  EXPECT_THAT(feed.cover.tables[0].tags, ElementsAre("list:{owner}", "{kind}/{owner}", "items"));
}

TEST(ConfigFeeds, EveryFaultIsToldInItsPlace) {
  EXPECT_THAT(faults_in("[feeds.app]\n"),
              ElementsAre(HasSubstr("h.toml:16:1: feeds.app: source is missing")));
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"fil\"\n"), ElementsAre(HasSubstr("did you mean")));
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"file\"\n"),
              ElementsAre(HasSubstr("h.toml:17:10: feeds.app.source: \"file\" is of kind")));
  const std::string feed = "[feeds.app]\nsource = \"db\"\n";
  EXPECT_THAT(faults_in(feed + "policies = [\"usr\"]\n"),
              Contains(HasSubstr("h.toml:18:13: feeds.app.policies: there is no policy")));
  EXPECT_THAT(faults_in(feed + "policies = [\"list\"]\n"),
              ElementsAre(HasSubstr("it names no tables")));
  EXPECT_THAT(faults_in(feed + "bound = \"400ms\"\n"),
              ElementsAre(HasSubstr("at least twice poll_every")));
  EXPECT_THAT(faults_in(feed + "poll_every = \"1ms\"\n"),
              ElementsAre(HasSubstr("must be 10ms to 5s")));
  EXPECT_THAT(faults_in(feed + "poll_every = \"4s\"\n"),
              ElementsAre(HasSubstr("feeds.app.bound: must be at least twice")));
  EXPECT_THAT(faults_in(feed + "outbox = \"a b\"\n"), ElementsAre(HasSubstr("1 to 24 letters")));
  EXPECT_THAT(faults_in(feed + "when_behind = \"stale\"\n"), ElementsAre(HasSubstr("own-bound")));
  EXPECT_THAT(faults_in(feed + "[feeds.more]\nsource = \"db\"\n"),
              ElementsAre(HasSubstr("feeds.more.outbox: is that of feed \"app\" too"),
                          HasSubstr("policy \"user\" is covered by feed \"app\" too")));
  for (const std::string tag : {"{", "}", "{a", "a}", "{}", "{a}}"}) {
    EXPECT_THAT(faults_in(feed + "[feeds.app.tables.t]\ntags = [\"" + tag + "\"]\n"),
                ElementsAre(HasSubstr("h.toml:19:9: feeds.app.tables.t.tags: ")))
        << tag;
  }
}

}  // namespace
}  // namespace headrace::config
