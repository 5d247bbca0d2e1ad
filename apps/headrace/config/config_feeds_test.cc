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
  const PostgresOutbox& outbox = std::get<PostgresFeedOptions>(feed.options).outbox;
  EXPECT_THAT(feed.cover.policies, ElementsAre("user"));
  EXPECT_EQ(feed.cover.bound, std::chrono::seconds(2));
  EXPECT_EQ(feed.cover.when_behind, FeedCoverOptions::Behind::bypass);
  ASSERT_EQ(outbox.tables.size(), 1u);
  EXPECT_EQ(outbox.tables[0].table, "shop.users");
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
  const PostgresOutbox& outbox = std::get<PostgresFeedOptions>(feed.options).outbox;
  EXPECT_THAT(feed.cover.policies, ElementsAre("user", "list"));
  EXPECT_EQ(feed.cover.when_behind, FeedCoverOptions::Behind::own_bound);
  EXPECT_FALSE(outbox.notify);
  ASSERT_EQ(outbox.tables.size(), 2u);
  EXPECT_EQ(outbox.tables[1].table, "shop.items");
  EXPECT_THAT(outbox.tables[1].values, ElementsAre("owner", "kind"));
  ASSERT_EQ(feed.cover.tables.size(), 1u);
  EXPECT_THAT(feed.cover.tables[0].tags, ElementsAre("list:{owner}", "{kind}/{owner}", "items"));
}

TEST(ConfigFeeds, ByDecodingHaveTheSameTablesAndASlot) {
  const auto config = read(R"([feeds.app]
source = "db"
by = "decoding"
slot = "shop_1"
poll_every = "500ms"
rows_max = 5
batch_max = 6
backlog_max = 7
[feeds.app.tables."shop.items"]
tags = ["list:{owner}"]
)");
  ASSERT_TRUE(config);
  const auto& options = std::get<PostgresDecodingOptions>(config->feeds[0].options);
  EXPECT_EQ(options.decoding.name, "shop_1");
  ASSERT_EQ(options.decoding.tables.size(), 2u);
  EXPECT_EQ(options.decoding.tables[0].table, "shop.users");
  EXPECT_THAT(options.decoding.tables[1].values, ElementsAre("owner"));
  EXPECT_EQ(options.poll_every, std::chrono::milliseconds(500));
  EXPECT_EQ(options.rows_max, 5u);
  EXPECT_EQ(options.batch_max, 6u);
  EXPECT_EQ(options.backlog_max, 7u);
}

TEST(ConfigFeeds, ByDecodingTellEveryFaultInItsPlace) {
  const std::string feed = "[feeds.app]\nsource = \"db\"\nby = \"decoding\"\n";
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"db\"\nby = \"log\"\n"),
              ElementsAre(HasSubstr("h.toml:18:6: feeds.app.by: ")));
  EXPECT_THAT(faults_in(feed + "notify = false\n"),
              ElementsAre(HasSubstr("h.toml:19:1: feeds.app.notify: ")));
  EXPECT_THAT(faults_in(feed + "outbox = \"a\"\n"),
              ElementsAre(HasSubstr("h.toml:19:1: feeds.app.outbox: ")));
  EXPECT_THAT(faults_in(feed + "slot = \"A-b\"\n"),
              ElementsAre(HasSubstr("h.toml:19:8: feeds.app.slot: must be 1 to 24 lower-case")));
  EXPECT_THAT(faults_in(feed + "bound = \"900ms\"\n"),
              ElementsAre(HasSubstr("feeds.app.bound: must be at least four times poll_every")));
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"db\"\nslot = \"a\"\n"),
              ElementsAre(HasSubstr("h.toml:18:1: feeds.app.slot: ")));
  EXPECT_THAT(faults_in(feed + "[feeds.more]\nsource = \"db\"\nby = \"decoding\"\n"),
              Contains(HasSubstr("feeds.more.slot: is that of feed \"app\" too")));
}

constexpr std::string_view firestore = R"([sources.fs]
kind = "firestore"
project = "p"
[policies.doc]
source = "fs"
collection = "users"
fields = ["v"]
[policies.own]
source = "fs"
collection = "users/{entity}/items"
fields = ["v"]
)";

TEST(ConfigFeeds, OfFirestoreListenToWhatTheirPoliciesAskFor) {
  const auto config = read(std::string(firestore) + R"([feeds.live]
source = "fs"
lease = "leases/live"
prove_every = "2s"
resume_within = "0s"
backlog_max = 5
)");
  ASSERT_TRUE(config);
  const FeedConfig& feed = config->feeds[0];
  EXPECT_THAT(feed.cover.policies, ElementsAre("doc", "own"));
  EXPECT_EQ(feed.cover.bound, std::chrono::seconds(10));
  const auto& options = std::get<FirestoreFeedOptions>(feed.options);
  EXPECT_THAT(options.collections,
              ElementsAre(FirestoreFeedCollection{.path = "users"},
                          FirestoreFeedCollection{.path = "items", .everywhere = true}));
  EXPECT_EQ(options.lease, "leases/live");
  EXPECT_EQ(options.prove_every, std::chrono::seconds(2));
  EXPECT_EQ(options.resume_within, Duration::zero());
  EXPECT_EQ(options.backlog_max, 5u);
}

TEST(ConfigFeeds, OfFirestoreTellEveryFault) {
  const std::string feed = std::string(firestore) + "[feeds.live]\nsource = \"fs\"\n";
  EXPECT_THAT(faults_in(feed + "policies = [\"user\"]\n"),
              ElementsAre(HasSubstr("policy \"user\" does not ask source \"fs\"")));
  EXPECT_THAT(faults_in("[sources.fs]\nkind = \"firestore\"\nproject = \"p\"\n"
                        "[feeds.live]\nsource = \"fs\"\n"),
              ElementsAre(HasSubstr("it covers nothing")));
  for (const std::string lease : {"leases", "/a", "a/", "a//b", "a/b/c"}) {
    EXPECT_THAT(faults_in(feed + "lease = \"" + lease + "\"\n"),
                ElementsAre(HasSubstr("feeds.live.lease: must be the name")))
        << lease;
  }
  for (const std::string lease : {"users/a", "users/7/items/a"}) {
    EXPECT_THAT(faults_in(feed + "lease = \"" + lease + "\"\n"),
                ElementsAre(HasSubstr("feeds.live.lease: must not be in a collection")))
        << lease;
  }
  EXPECT_THAT(faults_in(feed + "bound = \"4s\"\n"),
              ElementsAre(HasSubstr("at least five times prove_every")));
  EXPECT_THAT(faults_in(feed + "silent_max = \"2s\"\n"),
              ElementsAre(HasSubstr("at least three times prove_every")));
  EXPECT_THAT(faults_in(feed + "prove_every = \"1ms\"\n"),
              ElementsAre(HasSubstr("must be 10ms to 1m")));
  EXPECT_THAT(faults_in(feed + "resume_within = \"25h\"\n"),
              ElementsAre(HasSubstr("must be 24h at most")));
  EXPECT_THAT(faults_in(feed + "outbox = \"a\"\n"), ElementsAre(HasSubstr("outbox")));
  EXPECT_THAT(faults_in(feed + "[feeds.more]\nsource = \"fs\"\n"),
              Contains(HasSubstr("feeds.more.lease: is that of feed \"live\" too")));
}

constexpr std::string_view summary = R"([snapshots.summary.sections.core]
source = "db"
table = "users"
fields = ["name"]
depends_on = ["prices", "orders[owner={entity}]", "orders[kind={entity}]", "shop.users"]
[feeds.app]
source = "db"
snapshots = ["summary"]
)";

TEST(ConfigFeeds, KeepTheRevisionsOfSnapshots) {
  const auto config = read(summary);
  ASSERT_TRUE(config) << testing::PrintToString(faults_in(summary));
  const FeedConfig& feed = config->feeds[0];
  EXPECT_THAT(feed.cover.policies, ElementsAre("user", "summary.revisions"));
  ASSERT_TRUE(config->snapshots[0].vector);
  const Policy& policy = config->snapshots[0].vector->policy;
  EXPECT_EQ(policy.name, "summary.revisions");
  EXPECT_THAT(policy.tags, ElementsAre("summary.revisions", "summary.revisions {entity}"));
  EXPECT_THAT(feed.cover.tables,
              ElementsAre(FeedCoverOptions::Tags{"prices", {"summary.revisions"}},
                          FeedCoverOptions::Tags{"orders", {"summary.revisions {owner}"}},
                          FeedCoverOptions::Tags{"orders", {"summary.revisions {kind}"}},
                          FeedCoverOptions::Tags{"shop.users", {"summary.revisions"}}));
  const auto& tables = std::get<PostgresFeedOptions>(feed.options).outbox.tables;
  ASSERT_EQ(tables.size(), 3u);
  EXPECT_EQ(tables[1].table, "orders");
  EXPECT_THAT(tables[1].values, ElementsAre("owner", "kind"));
  EXPECT_EQ(config->all_policies().size(), 4u);
}

TEST(ConfigFeeds, OfFirestoreKeepTheRevisionsOfDocuments) {
  const auto config = read(std::string(firestore) + R"([snapshots.card.sections.all]
source = "fs"
collection = "users"
fields = ["v"]
depends_on = ["users[__name__={entity}]", "teams/red/members[__name__={entity}]"]
[feeds.live]
source = "fs"
policies = []
snapshots = ["card"]
)");
  ASSERT_TRUE(config);
  const FeedConfig& feed = config->feeds[0];
  EXPECT_THAT(feed.cover.policies, ElementsAre("card.revisions"));
  EXPECT_THAT(feed.cover.tables,
              ElementsAre(FeedCoverOptions::Tags{"\"users\"", {"card.revisions {__name__}"}},
                          FeedCoverOptions::Tags{"\"members\"", {"card.revisions {__name__}"}}));
  EXPECT_THAT(std::get<FirestoreFeedOptions>(feed.options).collections,
              ElementsAre(FirestoreFeedCollection{.path = "users"},
                          FirestoreFeedCollection{.path = "teams/red/members"}));
}

TEST(ConfigFeeds, RefuseSnapshotsWhoseRevisionsTheyCannotKeep) {
  const std::string text(summary);
  EXPECT_THAT(faults_in(text + "when_behind = \"own-bound\"\n"),
              ElementsAre(HasSubstr("feeds.app.when_behind: must be \"bypass\"")));
  EXPECT_THAT(faults_in(text + "[feeds.more]\nsource = \"db\"\noutbox = \"o\"\npolicies = []\n"
                               "snapshots = [\"summary\"]\n"),
              Contains(HasSubstr("is that of another feed")));
  EXPECT_THAT(faults_in(text + "[policies.\"summary.revisions\"]\nsource = \"db\"\n"
                               "table = \"a\"\nfields = [\"b\"]\n"),
              ElementsAre(HasSubstr("which there is already")));
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"db\"\nsnapshots = [\"x\"]\n"),
              ElementsAre(HasSubstr("h.toml:18:14: feeds.app.snapshots: there is no snapshot")));
  EXPECT_THAT(faults_in("[snapshots.s.sections.a]\nsource = \"file\"\ntable = \"t\"\n"
                        "fields = [\"f\"]\ndepends_on = [\"t\"]\n"
                        "[feeds.app]\nsource = \"db\"\nsnapshots = [\"s\"]\n"),
              ElementsAre(HasSubstr("depends on parts of source \"file\"")));
  EXPECT_THAT(faults_in("[snapshots.s.sections.a]\nsource = \"db\"\ntable = \"t\"\n"
                        "fields = [\"f\"]\ntags = [\"t\"]\n"
                        "[feeds.app]\nsource = \"db\"\nsnapshots = [\"s\"]\n"),
              ElementsAre(HasSubstr("depends on no parts")));
  std::string many =
      "[snapshots.s.sections.a]\nsource = \"db\"\ntable = \"t\"\n"
      "fields = [\"f\"]\ndepends_on = [\"t\"";
  for (int i = 0; i < 16; ++i) many += ", \"t[c=" + std::to_string(i) + "]\"";
  EXPECT_THAT(faults_in(many + "]\n[feeds.app]\nsource = \"db\"\nsnapshots = [\"s\"]\n"),
              ElementsAre(HasSubstr("names more than 15 values")));
}

constexpr std::string_view sqlite = R"([policies.note]
source = "file"
table = "Notes"
fields = ["text"]
[policies.notes]
source = "file"
query = "SELECT text FROM Notes WHERE owner = ?"
fields = ["text"]
rows = "many"
tags = ["notes:{entity}"]
)";

TEST(ConfigFeeds, OfSqliteHaveAnOutboxToo) {
  const auto config = read(std::string(sqlite) + R"([feeds.file]
source = "file"
policies = ["note", "notes"]
outbox = "own"
poll_every = "10ms"
batch_max = 7
backlog_max = 8
[feeds.file.tables.Notes]
tags = ["notes:{owner}"]
[feeds.file.tables.'an "odd" one']
tags = ["odd"]
)");
  ASSERT_TRUE(config);
  const FeedConfig& feed = config->feeds[0];
  EXPECT_EQ(feed.cover.bound, std::chrono::seconds(2));
  const auto& options = std::get<SqliteFeedOptions>(feed.options);
  EXPECT_EQ(options.outbox.name, "own");
  EXPECT_EQ(options.poll_every, std::chrono::milliseconds(10));
  EXPECT_EQ(options.batch_max, 7u);
  EXPECT_EQ(options.backlog_max, 8u);
  EXPECT_THAT(options.outbox.tables,
              testing::UnorderedElementsAre(OutboxTable{.table = "Notes", .values = {"owner"}},
                                            OutboxTable{.table = "an \"odd\" one"}));
  // Tags are found by the name as the schema has it.
  std::vector<std::string> tables;
  for (const FeedCoverOptions::Tags& one : feed.cover.tables) tables.push_back(one.table);
  EXPECT_THAT(tables, testing::UnorderedElementsAre("\"Notes\"", "\"an \"\"odd\"\" one\""));
  const auto plain = read(std::string(sqlite) + "[feeds.file]\nsource = \"file\"\n");
  ASSERT_TRUE(plain);
  EXPECT_THAT(plain->feeds[0].cover.policies, ElementsAre("note"));
  EXPECT_EQ(std::get<SqliteFeedOptions>(plain->feeds[0].options).poll_every,
            std::chrono::milliseconds(20));
}

TEST(ConfigFeeds, OfSqliteTellEveryFault) {
  const std::string feed = std::string(sqlite) + "[feeds.file]\nsource = \"file\"\n";
  EXPECT_THAT(faults_in(feed + "notify = false\n"),
              ElementsAre(HasSubstr("h.toml:28:1: feeds.file.notify: unknown key")));
  EXPECT_THAT(faults_in(feed + "rows_max = 5\n"),
              ElementsAre(HasSubstr("h.toml:28:1: feeds.file.rows_max: unknown key")));
  EXPECT_THAT(
      faults_in(feed + "outbox = \"App\"\n"),
      ElementsAre(HasSubstr("h.toml:28:10: feeds.file.outbox: must be 1 to 24 lower-case")));
  EXPECT_THAT(faults_in(feed + "poll_every = \"6s\"\nbound = \"13s\"\n"),
              ElementsAre(HasSubstr("h.toml:28:14: feeds.file.poll_every: must be 10ms to 5s")));
  EXPECT_THAT(faults_in(feed + "poll_every = \"2s\"\n"),
              ElementsAre(HasSubstr("at least twice poll_every")));
  EXPECT_THAT(faults_in(feed + "[feeds.more]\nsource = \"file\"\n"),
              ElementsAre(HasSubstr("feeds.more.outbox: is that of feed \"file\" too"),
                          HasSubstr("policy \"note\" is covered by feed \"file\" too")));
}

TEST(ConfigFeeds, EveryFaultIsToldInItsPlace) {
  EXPECT_THAT(faults_in("[feeds.app]\n"),
              ElementsAre(HasSubstr("h.toml:16:1: feeds.app: source is missing")));
  EXPECT_THAT(faults_in("[feeds.app]\nsource = \"fil\"\n"), ElementsAre(HasSubstr("did you mean")));
  EXPECT_THAT(faults_in("[sources.web]\nkind = \"http\"\nurl = \"http://h/{entity}\"\n"
                        "[feeds.app]\nsource = \"web\"\n"),
              Contains(HasSubstr("h.toml:20:10: feeds.app.source: \"web\" is of kind \"http\"")));
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
