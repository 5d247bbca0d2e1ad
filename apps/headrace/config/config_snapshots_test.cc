#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config.h"

namespace headrace::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view base = R"([sources.db]
kind = "sqlite"
path = "a.db"
[sources.other]
kind = "sqlite"
path = "b.db"
[sources.api]
kind = "http"
url = "http://h"
)";

std::vector<std::string> faults_in(std::string_view text) {
  const auto config = read_config(std::string(base) + std::string(text), "h.toml", {});
  std::vector<std::string> faults;
  if (config) return faults;
  for (const ConfigError& error : config.error()) faults.push_back(to_string(error));
  return faults;
}

constexpr std::string_view summary = R"([snapshots.summary]
stale_for = "2m"
[snapshots.summary.sections.tail]
source = "db"
query = "SELECT count(*) AS n FROM progress WHERE user_id = ?"
fields = ["n"]
depends_on = ["progress[user_id={entity}]", '"Odd [Name]"']
[snapshots.summary.sections.core]
source = "db"
table = "users"
fields = ["name"]
fresh_for = "1h"
depends_on = ["users"]
tags = ["user:{entity}"]
)";

TEST(ConfigSnapshots, AreRead) {
  const auto config = read_config(std::string(base) + std::string(summary), "h.toml", {});
  ASSERT_TRUE(config) << testing::PrintToString(faults_in(summary));
  ASSERT_EQ(config->snapshots.size(), 1u);
  const SnapshotConfig& one = config->snapshots[0];
  EXPECT_EQ(one.name, "summary");
  EXPECT_EQ(one.stale_for, std::chrono::minutes(2));
  EXPECT_EQ(one.check_within, std::chrono::seconds(1));
  ASSERT_EQ(one.sections.size(), 2u);  // In the order of the file.
  const SnapshotSectionConfig& tail = one.sections[0];
  EXPECT_EQ(tail.name, "tail");
  EXPECT_EQ(tail.policy.policy.name, "summary.tail");
  EXPECT_EQ(tail.policy.policy.fresh_for, std::chrono::hours(24));
  EXPECT_EQ(tail.policy.policy.absent_for, std::chrono::hours(24));
  EXPECT_THAT(tail.parts,
              ElementsAre(Part{.table = "progress", .column = "user_id", .value = "{entity}"},
                          Part{.table = "\"Odd [Name]\""}));
  EXPECT_EQ(one.sections[1].policy.policy.fresh_for, std::chrono::hours(1));
  EXPECT_EQ(one.sections[1].policy.policy.absent_for, std::chrono::hours(1));
  EXPECT_EQ(config->all_policies().size(), 2u);
  EXPECT_TRUE(config->policies.empty());
}

TEST(ConfigSnapshots, EveryFaultIsToldInItsPlace) {
  const std::string section =
      "[snapshots.s.sections.a]\nsource = \"db\"\ntable = \"t\"\nfields = [\"f\"]\n";
  EXPECT_THAT(faults_in("[snapshots.s]\n"),
              ElementsAre(HasSubstr("h.toml:10:1: snapshots.s: sections are missing")));
  EXPECT_THAT(faults_in(section),
              ElementsAre(HasSubstr("h.toml:10:1: snapshots.s.sections.a: depends_on is missing")));
  for (const std::string part :
       {"", "t[", "t[c]", "t[c=]", "t[=v]", "t{entity}", "t[c={user}]", "[c=v]", "t[c=v"}) {
    EXPECT_THAT(
        faults_in(section + "depends_on = [\"t\", '" + part + "']\n"),
        ElementsAre(HasSubstr("h.toml:14:20: snapshots.s.sections.a.depends_on: must be a table")))
        << part;
  }
  EXPECT_THAT(
      faults_in(section + "depends_on = [\"t\"]\nwritable = [\"f\"]\n"),
      Contains(HasSubstr("h.toml:15:12: snapshots.s.sections.a.writable: does not belong")));
  EXPECT_THAT(faults_in(section + "depends_on = [\"t\"]\nstale_for = \"1h\"\n"),
              Contains(HasSubstr("stale_for: does not belong to a section")));
  EXPECT_THAT(faults_in(section + "depends_on = [\"t\"]\nverify_share = 0.5\n"),
              Contains(HasSubstr("verify_share: does not belong to a section")));
  EXPECT_THAT(faults_in(section + "depends_on = [\"t\"]\n[snapshots.s]\ncheck_within = \"0s\"\n"),
              ElementsAre(HasSubstr("check_within: must be longer than zero")));
  EXPECT_THAT(faults_in(section + "depends_on = [\"t\"]\ndepends_no = 1\n"),
              ElementsAre(HasSubstr("did you mean")));
}

TEST(ConfigSnapshots, RevisionsAreOfOneSourceThatKeepsThem) {
  EXPECT_THAT(faults_in(std::string(summary) +
                        "[snapshots.summary.sections.more]\nsource = \"other\"\ntable = \"t\"\n"
                        "fields = [\"f\"]\ndepends_on = [\"t\"]\n"),
              ElementsAre(HasSubstr("depend on tables of two sources, \"db\" and \"other\"")));
  EXPECT_THAT(faults_in("[snapshots.s.sections.a]\nsource = \"api\"\npath = \"/{entity}\"\n"
                        "fields = [\"f\"]\ndepends_on = [\"t\"]\n"),
              ElementsAre(HasSubstr("is of kind \"http\", which keeps no revisions; use tags")));
  EXPECT_THAT(faults_in("[snapshots.s.sections.a]\nsource = \"api\"\npath = \"/{entity}\"\n"
                        "fields = [\"f\"]\ntags = [\"t\"]\n"),
              testing::IsEmpty());
}

TEST(ConfigSnapshots, OfFirestoreAPartIsADocument) {
  const std::string section =
      "[sources.fire]\nkind = \"firestore\"\nproject = \"p\"\n[snapshots.s.sections.a]\n"
      "source = \"fire\"\ncollection = \"users\"\nfields = [\"f\"]\n";
  EXPECT_THAT(faults_in(section + "depends_on = [\"users[__name__={entity}]\"]\n"),
              testing::IsEmpty());
  EXPECT_THAT(faults_in(section + "depends_on = [\"users[__name__=7]\", \"users\"]\n"),
              ElementsAre(HasSubstr("depends_on: of a firestore source it names documents")));
}

TEST(ConfigSnapshots, WhatIsTooMuchIsToldHere) {
  std::string many;
  for (int n = 0; n < 33; ++n) {
    many += "[snapshots.s.sections.s" + std::to_string(n) + "]\nsource = \"db\"\ntable = \"t\"\n" +
            "fields = [\"f\"]\ndepends_on = [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"]\n";
  }
  EXPECT_THAT(faults_in(many),
              ElementsAre(HasSubstr("more than 32 sections"), HasSubstr("more than 256 parts")));
  EXPECT_THAT(faults_in("[snapshots.s.sections.\"a.b\"]\nsource = \"db\"\ntable = \"t\"\n"
                        "fields = [\"f\"]\ndepends_on = [\"t\"]\n"),
              ElementsAre(HasSubstr("no point in it")));
}

TEST(ConfigSnapshots, ASectionIsNoOtherPolicy) {
  EXPECT_THAT(faults_in(std::string(summary) + "[policies.\"summary.core\"]\nsource = \"db\"\n"
                                               "table = \"t\"\nfields = [\"f\"]\n"),
              ElementsAre(HasSubstr("there is a policy \"summary.core\" already")));
}

}  // namespace
}  // namespace headrace::config
