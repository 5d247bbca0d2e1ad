#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace headrace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Asks = FirestoreQuestion::Asks;

constexpr std::string_view shop = R"(
[sources.shop]
kind = "firestore"
project = "p"
database = "d"
credentials_file = "key.json"
channels = 3
tries_max = 2
retry_after_max = "2s"
never_cache = ["secret"]

[policies.user]
source = "shop"
collection = "users"
fields = ["name", "address.city"]

[policies.items]
source = "shop"
collection = "items"
where = ["owner == {entity}", "state in [\"open\"]"]
order = ["updated desc"]
limit = 20
fields = ["__name__"]

[policies.below]
source = "shop"
collection = "users/{entity}/items"
fields = ["n"]
)";

Config read(std::string_view text, const Environment& environment = {}) {
  Configured config = read_config(text, "/etc/headrace/h.toml", environment);
  if (config) return std::move(*config);
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

std::string faults(std::string_view text) {
  const Configured config = read_config(text, "h.toml", {});
  std::string all;
  if (!config) {
    for (const ConfigError& error : config.error()) all += to_string(error) + "\n";
  }
  return all;
}

const FirestoreDatabaseOptions& options_of(const Config& config) {
  return std::get<FirestoreDatabaseOptions>(config.sources.at(0).options);
}

TEST(ConfigFirestore, Sources) {
  const Config config = read(shop);
  ASSERT_EQ(config.sources.size(), 1u);
  EXPECT_EQ(config.sources[0].kind(), "firestore");
  const FirestoreDatabaseOptions& options = options_of(config);
  EXPECT_EQ(options.project, "p");
  EXPECT_EQ(options.database, "d");
  EXPECT_EQ(options.emulator, "");
  EXPECT_EQ(options.endpoint, "firestore.googleapis.com:443");
  EXPECT_EQ(options.credentials_file, "/etc/headrace/key.json");
  EXPECT_EQ(options.channels, 3u);
  EXPECT_EQ(options.tries_max, 2u);
  EXPECT_EQ(options.retry_after_max, std::chrono::seconds(2));
}

TEST(ConfigFirestore, TheEnvironmentNamesAnEmulatorUnlessTheFileDoes) {
  const Environment environment{{"FIRESTORE_EMULATOR_HOST", "127.0.0.1:8080"}};
  EXPECT_EQ(options_of(read(shop, environment)).emulator, "127.0.0.1:8080");
  const std::string source = "[sources.s]\nkind = \"firestore\"\nproject = \"p\"\n";
  EXPECT_EQ(options_of(read(source + "emulator = \"h:1\"", environment)).emulator, "h:1");
  EXPECT_EQ(options_of(read(source + "emulator = \"\"", environment)).emulator, "");
}

TEST(ConfigFirestore, AFaultOfTheEnvironmentIsToldAsThat) {
  const Environment environment{{"FIRESTORE_EMULATOR_HOST", "http://h:1"}};
  const std::string two =
      "[sources.a]\nkind = \"firestore\"\nproject = \"p\"\n"
      "[sources.b]\nkind = \"firestore\"\nproject = \"p\"\n";
  const Configured faulty = read_config(two, "h.toml", environment);
  ASSERT_FALSE(faulty.has_value());
  ASSERT_EQ(faulty.error().size(), 1u) << "two sources, but one variable";
  EXPECT_THAT(to_string(faulty.error()[0]), HasSubstr("FIRESTORE_EMULATOR_HOST: must be like"));
  read("[sources.a]\nkind = \"sqlite\"\npath = \"p\"", environment);  // Nobody asks for it.
  read("[sources.a]\nkind = \"firestore\"\nproject = \"p\"\nemulator = \"h:1\"", environment);
}

TEST(ConfigFirestore, Policies) {
  const Config config = read(shop);
  ASSERT_EQ(config.policies.size(), 3u);
  const auto& below = std::get<FirestoreTexts>(config.policies[0].question);
  EXPECT_EQ(below.question.asks, Asks::query);
  const auto& items = std::get<FirestoreTexts>(config.policies[1].question);
  EXPECT_EQ(items.question.asks, Asks::query);
  EXPECT_THAT(items.where, ElementsAre("owner == {entity}", "state in [\"open\"]"));
  EXPECT_THAT(items.order, ElementsAre("updated desc"));
  EXPECT_EQ(items.question.limit, 20u);
  const auto& user = std::get<FirestoreTexts>(config.policies[2].question);
  EXPECT_EQ(user.question.asks, Asks::document);
  EXPECT_EQ(user.question.collection, "users");
  EXPECT_THAT(user.question.fields, ElementsAre("name", "address.city"));
}

// Two questions that differ in anything must not share entries of the store.
TEST(ConfigFirestore, QuestionsThatDifferHaveOtherNames) {
  const std::string base =
      "[sources.s]\nkind = \"firestore\"\nproject = \"p\"\n[policies.a]\nsource = \"s\"\n"
      "fields = [\"f\"]\n";
  std::vector<std::string> names;
  for (const std::string_view more :
       {"collection = \"c\"", "collection = \"d\"", "collection = \"c\"\nlimit = 5",
        "collection = \"c\"\nlimit = 6", "collection = \"c\"\nwhere = [\"a == 1\"]",
        "collection = \"c\"\norder = [\"a == 1\"]", "collection = \"c\"\norder = [\"a\", \"b\"]",
        "collection = \"c\"\nwhere = [\"a\", \"b\"]"}) {
    const std::string name = read(base + std::string(more)).policies.at(0).policy.question;
    EXPECT_THAT(names, Not(testing::Contains(name))) << more;
    names.push_back(name);
  }
}

TEST(ConfigFirestore, Faults) {
  const std::string source = "[sources.s]\nkind = \"firestore\"\nproject = \"p\"\n";
  EXPECT_THAT(faults("[sources.s]\nkind = \"firestore\""), HasSubstr("project is missing"));
  EXPECT_THAT(faults(source + "emulator = \"http://h:1\""),
              HasSubstr("h.toml:4:12: sources.s.emulator: must be like"));
  EXPECT_THAT(faults(source + "endpoint = \"h\""), HasSubstr("sources.s.endpoint: must be like"));
  const std::string kind = "[sources.s]\nkind = \"firestore\"\n";
  for (const std::string_view id : {"a b", "münchen", "a/b", "a\\n", "a\\u007f"}) {
    const std::string text = " = \"" + std::string(id) + "\"";
    EXPECT_THAT(faults(kind + "project" + text),
                HasSubstr("h.toml:3:11: sources.s.project: must have only printable ASCII"));
    EXPECT_THAT(faults(source + "database" + text),
                HasSubstr("h.toml:4:12: sources.s.database: must have only printable ASCII"));
  }
  EXPECT_THAT(faults(source + "trie_max = 1"), HasSubstr("did you mean \"tries_max\"?"));
  const std::string policy =
      source + "never_cache = [\"secret\"]\n[policies.a]\nsource = \"s\"\nfields = [\"f\"]\n";
  EXPECT_THAT(faults(policy), HasSubstr("collection is missing"));
  EXPECT_THAT(faults(policy + "collection = \"c\"\ntable = \"t\""),
              HasSubstr("policies.a.table: does not belong here"));
  EXPECT_THAT(faults(policy + "collection = \"c\"\nwhere = [\"secret == {entity}\"]"),
              HasSubstr("policies.a.where: names \"secret\""));
  EXPECT_THAT(faults(policy + "collection = \"c\"\norder = [\"secret\"]"),
              HasSubstr("policies.a.order: names \"secret\""));
  EXPECT_THAT(faults(policy + "collection = \"c\"\nlimit = 0"), HasSubstr("policies.a.limit"));
  EXPECT_THAT(faults(policy + "collection = \"c\"\nwritable = [\"f\"]"),
              HasSubstr("policies.a.writable: source \"s\" cannot be written to; set its"));
  const std::string writable = source + "writable = true\n" + policy.substr(source.size());
  EXPECT_THAT(faults(writable + "collection = \"c\"\nlimit = 5\nwritable = [\"f\"]"),
              HasSubstr("policies.a.writable: belongs to documents; a query cannot be written to"));
  EXPECT_THAT(faults("[sources.s]\nkind = \"sqlite\"\npath = \"p\"\n[policies.a]\nsource = \"s\"\n"
                     "table = \"t\"\nfields = [\"f\"]\ncollection = \"c\""),
              HasSubstr("policies.a.collection: does not belong here"));
}

// Firestore spells one field in more than one way.
TEST(ConfigFirestore, NoSpellingOfASecretGetsThrough) {
  const std::string begin =
      "[sources.s]\nkind = \"firestore\"\nproject = \"p\"\n"
      "never_cache = [\"password-hash\", \"auth.token\", \"`a key`\"]\n"
      "[policies.a]\nsource = \"s\"\ncollection = \"c\"\n";
  for (const std::string_view field :
       {"password-hash", "`password-hash`", "`PassWord\\\\-hash`", "auth", "`auth`", "`auth`.token",
        "auth.`token`.id", "a key", "`a key`"}) {
    EXPECT_THAT(faults(begin + "fields = [\"n\", \"" + std::string(field) + "\"]"),
                HasSubstr("h.toml:8:16: policies.a.fields: policy \"a\" names field"))
        << field;
  }
  const std::string policy = begin + "fields = [\"n\"]\n";
  for (const std::string_view text :
       {"password-hash", "`password-hash`", "`auth`.token", "`a key`"}) {
    EXPECT_THAT(faults(policy + "where = [\"n == 1\", \"" + std::string(text) + " == {entity}\"]"),
                HasSubstr("h.toml:9:20: policies.a.where: names"))
        << text;
    EXPECT_THAT(faults(policy + "order = [\"n\", \"" + std::string(text) + " desc\"]"),
                HasSubstr("h.toml:9:15: policies.a.order: names"))
        << text;
  }
  EXPECT_EQ(faults(begin + "fields = [\"hash\", \"auth.name\", \"`auth.token`\"]\n"
                           "where = [\"kind == \\\"password-hash\\\"\"]\norder = [\"hash\"]"),
            "");
}

}  // namespace
}  // namespace headrace::config
