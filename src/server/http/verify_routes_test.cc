// What verification and dry runs have found, over HTTP: policies, mismatches, metrics, readiness.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kit/eventually.h"
#include "server/http/prices.h"
#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using kit::eventually;
using testing::HasSubstr;
using testing::Not;

class VerifyRoutesTest : public ServerTest {
 protected:
  VerifyRoutesTest() {
    define({.name = "users", .verify_share = 1, .mismatches_max = 0});
    options.prices = {.currency = "EUR", .of = {{"users", {.read = 0.5}}}};
  }
  PolicyStats users() {
    for (PolicyStats& one : engine.stats().policies) {
      if (one.policy == "users") return one;
    }
    return {};
  }
};

TEST_F(VerifyRoutesTest, AMismatchAndWhatCameOfItAreTold) {
  source->set("1", R"({"a":"old secret"})");
  Client peer = client();
  EXPECT_THAT(peer.get("/readyz?verbose").body, Not(HasSubstr("policy users")));
  peer.get("/v1/read/users/1");
  source->set("1", R"({"a":"new secret"})");
  peer.get("/v1/read/users/1");
  ASSERT_TRUE(eventually([this] { return users().switched == 1; }));

  const auto policy = json_of(peer.get("/v1/policies/users"));
  EXPECT_EQ(policy.at("rollout").as_string(), "shadow");
  EXPECT_EQ(policy.at("switched_by").as_string(), "mismatches");
  EXPECT_THAT(std::string(policy.at("switched_why").as_string()), HasSubstr("1 mismatches"));
  EXPECT_EQ(policy.at("verify_share").to_number<double>(), 1);
  EXPECT_EQ(policy.at("mismatches_max").as_int64(), 0);
  EXPECT_EQ(policy.at("verification").at("within_bound").as_int64(), 1);
  EXPECT_EQ(policy.at("verification").at("reads").as_int64(), 1);

  const auto response = peer.get("/v1/policies/users/mismatches");
  EXPECT_THAT(response.body, Not(HasSubstr("secret")));
  const auto all = json_of(response);
  const auto& mismatches = all.at("mismatches").as_array();
  ASSERT_EQ(mismatches.size(), 1u);
  EXPECT_EQ(mismatches[0].at("entity").as_string(), "1");
  EXPECT_EQ(mismatches[0].at("class").as_string(), "within_bound");
  EXPECT_EQ(mismatches[0].at("origin").as_string(), "memory");
  EXPECT_EQ(code_of(peer.get("/v1/policies/nobody/mismatches")), "no-such-policy");

  const std::string ready = peer.get("/readyz?verbose").body;
  EXPECT_THAT(ready, HasSubstr("[-]policy users switched to shadow by mismatches: 1 mismatches"));
  const std::string metrics = peer.get("/metrics").body;
  EXPECT_THAT(
      metrics,
      HasSubstr("headrace_verifications_total{policy=\"users\",result=\"within_bound\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("headrace_verify_reads_total{policy=\"users\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("headrace_policy_switched_total{policy=\"users\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("headrace_verify_mismatch_age_seconds_count{policy=\"users\"} 1\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("secret")));
}

TEST_F(VerifyRoutesTest, ADryRunSaysWhatItWouldSaveInMoney) {
  define({.name = "users", .rollout = Rollout::shadow});
  source->set("1", R"({"a":1})");
  Client peer = client();
  EXPECT_FALSE(json_of(peer.get("/v1/policies/users")).as_object().contains("dry_run"));
  for (int i = 0; i < 4; ++i) {
    peer.get("/v1/read/users/1");
    ASSERT_TRUE(eventually([this] { return users().fills_kept == 1; }));
  }
  ASSERT_TRUE(eventually([this] { return users().dry_run.hits == 3; }));
  const auto policy = json_of(peer.get("/v1/policies/users"));
  const auto& run = policy.at("dry_run");
  EXPECT_EQ(run.at("reads").as_int64(), 4);
  EXPECT_EQ(run.at("would_save").as_int64(), 3);
  EXPECT_EQ(run.at("behind_reads").as_int64(), 1);
  EXPECT_EQ(run.at("behind_cost").to_number<double>(), 0.5);
  EXPECT_GT(run.at("would_save_per_month").to_number<double>(), 0);
  EXPECT_EQ(run.at("currency").as_string(), "EUR");
  EXPECT_THAT(peer.get("/metrics").body,
              HasSubstr("headrace_would_save_reads{policy=\"users\"} 3\n"));
}

TEST(DryMoneyTest, IsReckonedForThirtyDays) {
  const DryRun run{.lasted = std::chrono::hours(24), .saved = 100, .behind = 10};
  const DryMoney money = money_of(run, Price{.read = 0.01});
  EXPECT_DOUBLE_EQ(money.saved_per_month, 30);
  EXPECT_DOUBLE_EQ(money.behind, 0.1);
  EXPECT_EQ(money_of(DryRun{}, Price{.read = 1}).saved_per_month, 0);
}

}  // namespace
}  // namespace headrace::http
