// Merged views in a configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.h"

namespace headrace::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view policies = R"([sources.db]
kind = "sqlite"
path = "app.db"
[policies.settings]
source = "db"
table = "settings"
fields = ["value"]
[policies.members]
source = "db"
table = "members"
fields = ["domain"]
)";  // Eleven lines.

Config read(const std::string& more) {
  const Configured config = read_config(std::string(policies) + more, "h.toml", {});
  if (config) return *config;
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

std::vector<std::string> faults(const std::string& more) {
  const Configured config = read_config(std::string(policies) + more, "h.toml", {});
  std::vector<std::string> texts;
  if (config) return texts;
  for (const ConfigError& error : config.error()) texts.push_back(to_string(error));
  return texts;
}

TEST(ConfigMerged, ReadsAView) {
  const Config config = read(R"(
[merged.config]
membership = "members"
membership_entity = "member/{user}"
[merged.config.scopes.user]
rank = 20
policy = "settings"
entity = "user/{user}/{name}"
[merged.config.scopes.domain]
rank = 10
policy = "settings"
entity = "domain/{domain}/{name}"
field = "value"
settings = "settings"
settings_entity = "scope/{domain}"
)");
  ASSERT_EQ(config.merged.size(), 1u);
  const MergedViewOptions& view = config.merged.front();
  EXPECT_EQ(view.name, "config");
  EXPECT_EQ(view.membership, "members");
  EXPECT_EQ(view.membership_entity, "member/{user}");
  ASSERT_EQ(view.scopes.size(), 2u);
  EXPECT_EQ(view.scopes[0].name, "user");
  EXPECT_EQ(view.scopes[0].rank, 20);
  EXPECT_EQ(view.scopes[0].entity, "user/{user}/{name}");
  EXPECT_EQ(view.scopes[1].field, "value");
  EXPECT_EQ(view.scopes[1].settings, "settings");
  EXPECT_EQ(view.scopes[1].settings_entity, "scope/{domain}");
}

TEST(ConfigMerged, ScopesKeepTheOrderOfTheFile) {
  std::string text;
  for (const std::string name : {"z", "a", "m"}) {
    text.append("[merged.v.scopes.").append(name).append("]\nrank = 1\npolicy = \"settings\"\n");
    text.append("entity = \"").append(name).append("/{name}\"\n");
  }
  const Config config = read(text);
  ASSERT_EQ(config.merged.size(), 1u);
  std::vector<std::string> names;
  for (const MergedScope& scope : config.merged.front().scopes) names.push_back(scope.name);
  EXPECT_THAT(names, ElementsAre("z", "a", "m"));
}

TEST(ConfigMerged, TellsEveryFaultWithItsPlace) {
  EXPECT_THAT(
      faults(R"([merged.v]
membership = "membres"
[merged.v.scopes.a]
policy = "setings"
entity = "{domain}{name}"
settings = "scopes"
[merged.v.scopes.b]
rank = -1
policy = "settings"
entity = "{domain}/b/{name}"
rnak = 2
)"),
      ElementsAre("h.toml:13:14: merged.v.membership: there is no policy \"membres\"; did "
                  "you mean \"members\"?",
                  "h.toml:14:1: merged.v.scopes.a.settings_entity: is missing: under which "
                  "entity the settings stand",
                  "h.toml:14:1: merged.v.scopes.a: rank is missing: the higher overrides "
                  "the lower",
                  "h.toml:15:10: merged.v.scopes.a.policy: there is no policy \"setings\"; "
                  "did you mean \"settings\"?",
                  HasSubstr("h.toml:16:10: merged.v.scopes.a.entity: has two braces"),
                  "h.toml:17:12: merged.v.scopes.a.settings: there is no policy \"scopes\"",
                  HasSubstr("h.toml:19:8: merged.v.scopes.b.rank: must be a whole number"),
                  "h.toml:22:1: merged.v.scopes.b.rnak: unknown key; did you mean \"rank\"?"));
}

TEST(ConfigMerged, AViewIsCheckedAsAWhole) {
  EXPECT_THAT(faults("[merged.v]\nmembership_entity = \"{user}\"\n"),
              ElementsAre(HasSubstr("h.toml:12:1: merged.v: has no scopes"),
                          HasSubstr("merged.v.membership_entity: has a meaning only with")));
  EXPECT_THAT(faults("[merged.\"a b\".scopes.s]\nrank = 1\npolicy = \"settings\"\n"
                     "entity = \"{name}\"\n"),
              ElementsAre(HasSubstr("its name must be")));
  EXPECT_THAT(faults("[merged.v.scopes.s]\nrank = 1\n"),
              ElementsAre(HasSubstr("merged.v.scopes.s.entity: is missing"),
                          HasSubstr("merged.v.scopes.s.policy: is missing")));
  EXPECT_THAT(faults("[merged.v.scopes]\ns = 1\n"),
              ElementsAre(HasSubstr("merged.v: has no scopes"),
                          HasSubstr("merged.v.scopes.s: must be a section")));
}

}  // namespace
}  // namespace headrace::config
