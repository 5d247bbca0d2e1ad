// Allowances in a configuration.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "config/config.h"

namespace headrace::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Means = BalanceConfig::Means;

constexpr std::string_view policies = R"([sources.db]
kind = "sqlite"
path = "app.db"
[policies.usage]
source = "db"
table = "usage"
fields = ["hours_left", "quota", "used"]
[policies.lists]
source = "db"
query = "SELECT quota FROM usage WHERE owner = ?"
fields = ["quota"]
rows = "many"
)";  // Twelve lines.

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

TEST(ConfigAllowances, ReadsOneWithItsDefaults) {
  const Config config = read("[allowances.hours]\nbalance = \"usage\"\nfield = \"hours_left\"\n");
  ASSERT_EQ(config.allowances.size(), 1u);
  const AllowanceConfig& hours = config.allowances.front();
  EXPECT_EQ(hours.policy, (AllowancePolicy{.name = "hours", .balance = "usage"}));
  EXPECT_EQ(hours.balance, (BalanceConfig{.field = "hours_left"}));
  EXPECT_EQ(hours.balance.when_null, Means::unlimited);
  EXPECT_EQ(hours.balance.when_absent, Means::unknown);
}

TEST(ConfigAllowances, ReadsEveryKey) {
  const Config config = read(R"([allowances.hours]
balance = "usage"
limit = "quota"
used = "used"
unlimited = "no limit"
when_null = "exhausted"
when_absent = "unlimited"
refresh_after = "20m"
refresh_exhausted_after = "2m"
retry_after = "2s"
retry_after_max = "3m"
reported_within = "3m"
lease_amount = 7
lease_lasts = "90s"
when_unknown = "allow"
without_store = "refuse"
spend_within = "500ms"
store_within = "250ms"
entities_max = 11
waiters_max = 12
gates_max = 13
)");
  ASSERT_EQ(config.allowances.size(), 1u);
  const AllowancePolicy wanted{.name = "hours",
                               .balance = "usage",
                               .refresh_after = minutes(20),
                               .refresh_exhausted_after = minutes(2),
                               .retry_after = seconds(2),
                               .retry_after_max = minutes(3),
                               .reported_within = minutes(3),
                               .lease_amount = 7,
                               .lease_lasts = seconds(90),
                               .when_unknown = WhenUnknown::allow,
                               .without_store = WithoutStore::refuse,
                               .spend_within = milliseconds(500),
                               .store_within = milliseconds(250),
                               .entities_max = 11,
                               .waiters_max = 12,
                               .gates_max = 13};
  EXPECT_EQ(config.allowances.front().policy, wanted);
  const BalanceConfig balance{.limit = "quota",
                              .used = "used",
                              .unlimited = "no limit",
                              .when_null = Means::exhausted,
                              .when_absent = Means::unlimited};
  EXPECT_EQ(config.allowances.front().balance, balance);
}

TEST(ConfigAllowances, TellsEveryFaultWithItsPlace) {
  EXPECT_THAT(
      faults(R"([allowances.hours]
balance = "usages"
field = "hours_left"
when_null = "nothing"
refresh_after = "0s"
retry_after = "2m"
lease_amount = 0
lease_lasts = "1s"
without_store = "maybe"
[allowances.b]
balance = "usage"
field = "hours"
leases = 2
)"),
      ElementsAre(
          HasSubstr("h.toml:13:1: allowances.hours.refresh_exhausted_after: must be at"),
          HasSubstr("h.toml:13:1: allowances.hours.store_within: must be an eighth"),
          HasSubstr("h.toml:14:11: allowances.hours.balance: there is no policy \"usages\"; "
                    "did you mean \"usage\"?"),
          HasSubstr("h.toml:16:13: allowances.hours.when_null: must be one of"),
          HasSubstr("h.toml:17:17: allowances.hours.refresh_after: must be longer than zero"),
          HasSubstr("h.toml:18:15: allowances.hours.retry_after: must be at most"),
          HasSubstr("h.toml:19:16: allowances.hours.lease_amount: must be a whole number"),
          HasSubstr("h.toml:21:17: allowances.hours.without_store: must be one of"),
          HasSubstr("h.toml:24:9: allowances.b.field: policy \"usage\" has no field"),
          HasSubstr("h.toml:25:1: allowances.b.leases: unknown key")));
}

TEST(ConfigAllowances, OneIsCheckedAsAWhole) {
  EXPECT_THAT(faults("[allowances.a]\nfield = \"quota\"\n"),
              ElementsAre(HasSubstr("h.toml:13:1: allowances.a.balance: names the policy")));
  EXPECT_THAT(faults("[allowances.\"a b\"]\nbalance = \"usage\"\nfield = \"quota\"\n"),
              ElementsAre(HasSubstr("its name \"a b\" must be 1 to 64")));
  EXPECT_THAT(
      faults("[allowances.a]\nbalance = \"lists\"\nfield = \"quota\"\n"),
      ElementsAre(HasSubstr("h.toml:14:11: allowances.a.balance: policy \"lists\" answers")));
  // A lease that would run out before the store has answered.
  EXPECT_THAT(faults("[allowances.a]\nbalance = \"usage\"\nfield = \"quota\"\n"
                     "lease_lasts = \"4s\"\n"),
              ElementsAre(HasSubstr("allowances.a.store_within: must be an eighth")));
}

TEST(ConfigAllowances, TheBalanceIsAFieldOrADifference) {
  const std::string a = "[allowances.a]\nbalance = \"usage\"\n";
  EXPECT_THAT(faults(a), ElementsAre(HasSubstr("h.toml:13:1: allowances.a: field is missing")));
  EXPECT_THAT(faults(a + "limit = \"quota\"\n"),
              ElementsAre(HasSubstr("h.toml:15:9: allowances.a.limit: the balance is limit less")));
  EXPECT_THAT(faults(a + "used = \"used\"\n"),
              ElementsAre(HasSubstr("h.toml:15:8: allowances.a.used: the balance is limit less")));
  EXPECT_THAT(faults(a + "field = \"quota\"\nused = \"used\"\n"),
              ElementsAre(HasSubstr("h.toml:15:9: allowances.a.field: has the balance itself")));
  EXPECT_THAT(
      faults(a + "limit = \"quotas\"\nused = \"used.up\"\n"),
      ElementsAre(HasSubstr("h.toml:15:9: allowances.a.limit: policy \"usage\" has no field "
                            "\"quotas\"; did you mean \"quota\"?")));
  EXPECT_THAT(faults(a + "limit = \"quota\"\nused = \"used\"\n"), IsEmpty());
}

}  // namespace
}  // namespace headrace::config
