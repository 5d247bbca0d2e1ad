#include "server/http/stats_text.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace headrace::http {
namespace {

PolicyView view_of(Rollout rollout, double percentage = 25) {
  PolicyView view{.policy = {.name = "users"}};
  view.policy.rollout = rollout;
  view.policy.percentage = percentage;
  return view;
}

TEST(StatsText, TheShareThatIsCached) {
  EXPECT_EQ(cached_percentage(view_of(Rollout::on)), 100);
  EXPECT_EQ(cached_percentage(view_of(Rollout::percentage)), 25);
  EXPECT_EQ(cached_percentage(view_of(Rollout::shadow)), 0);
  EXPECT_EQ(cached_percentage(view_of(Rollout::off)), 0);
  PolicyView beaten = view_of(Rollout::on);
  beaten.reads_on = false;
  EXPECT_EQ(cached_percentage(beaten), 0);
}

TEST(StatsText, OneDocumentForAll) {
  PolicyStats users{.policy = "users", .collection = "people"};
  users.answers[0][0] = 8;
  users.source_reads = users.source_found = 2;
  users.mismatch_ages.oldest = std::chrono::milliseconds(1500);
  StatsInput input{.policies = {view_of(Rollout::shadow), {.policy = {.name = "new"}}},
                   .prices = std::make_shared<const Prices>(
                       Prices{.currency = "EUR", .of = {{"users", {.read = 0.5}}}}),
                   .version = "1.2.3",
                   .uptime = std::chrono::seconds(90),
                   .connections = 4};
  input.engine.policies = {users};
  input.engine.hears_all = false;
  input.engine.memory = {.entries = 3, .bytes = 1000, .bytes_max = 4000};
  std::string text;
  append_stats(text, input);
  const auto json = boost::json::parse(text);
  EXPECT_EQ(json.at("uptime").to_number<double>(), 90);
  EXPECT_EQ(json.at("currency").as_string(), "EUR");
  EXPECT_EQ(json.at("memory").at("bytes_max").as_int64(), 4000);
  EXPECT_FALSE(json.as_object().contains("store"));
  EXPECT_FALSE(json.at("bus_heard").as_bool());
  EXPECT_TRUE(json.at("store_trusted").as_bool());
  const auto& policy = json.at("policies").at(0);
  EXPECT_EQ(policy.at("rollout").as_string(), "shadow");
  EXPECT_EQ(policy.at("reads").as_int64(), 8);
  EXPECT_EQ(policy.at("spent").to_number<double>(), 1);
  EXPECT_EQ(policy.at("saved").to_number<double>(), 4);
  EXPECT_EQ(policy.at("oldest_mismatch").to_number<double>(), 1.5);
  // A policy that was not counted yet has a name, and no numbers that are not true.
  EXPECT_FALSE(json.at("policies").at(1).as_object().contains("reads"));
}

}  // namespace
}  // namespace headrace::http
