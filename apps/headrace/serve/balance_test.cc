// Balances in answers: what there may stand, and what it means.
#include "serve/balance.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace::app {
namespace {

using config::BalanceConfig;
using Means = BalanceConfig::Means;

std::string text(const Result<Balance>& balance) {
  if (!balance) return "fault: " + balance.error().what;
  if (std::holds_alternative<Unknown>(*balance)) return "unknown";
  if (std::holds_alternative<Unlimited>(*balance)) return "unlimited";
  return std::to_string(std::get<Amount>(*balance));
}
std::string left(std::string_view json, BalanceConfig where = {.field = "left"}) {
  return text(balance_in(where, Kind::value, json));
}
std::string difference(std::string_view json) {
  return left(json, {.limit = "limit", .used = "used", .unlimited = "no limit"});
}

TEST(BalanceInAnswer, IsTheFieldsNumberRoundedDown) {
  EXPECT_EQ(left(R"({"left":720,"other":1})"), "720");
  EXPECT_EQ(left(R"({"left":0})"), "0");
  EXPECT_EQ(left(R"({"left":-3})"), "-3") << "it was overspent";
  EXPECT_EQ(left(R"({"left":12.90})"), "12");
  EXPECT_EQ(left(R"({"left":-0.5})"), "-1");
  EXPECT_EQ(left(R"({"left":12345678901234567890})"), std::to_string(amount_max));
  EXPECT_EQ(left(R"({"left":-1e300})"), std::to_string(-amount_max));
}

TEST(BalanceInAnswer, NullAndAbsenceMeanWhatTheConfigurationSays) {
  EXPECT_EQ(left(R"({"left":null})"), "unlimited");
  EXPECT_EQ(left("null"), "unlimited");
  EXPECT_EQ(left(R"({"right":1})"), "unknown");
  BalanceConfig where{
      .field = "left", .when_null = Means::exhausted, .when_absent = Means::unlimited};
  EXPECT_EQ(left(R"({"left":null})", where), "0");
  EXPECT_EQ(left("{}", where), "unlimited");
  EXPECT_EQ(text(balance_in(where, Kind::absent, "")), "unlimited");
  EXPECT_EQ(text(balance_in(where, Kind::null, "")), "0");
  where.when_absent = Means::exhausted;
  EXPECT_EQ(text(balance_in(where, Kind::absent, "")), "0");
}

TEST(BalanceInAnswer, ATextIsUnlimitedIfItIsTheOneThatSaysSo) {
  const BalanceConfig where{.field = "left", .unlimited = "no limit"};
  EXPECT_EQ(left(R"({"left":"no limit"})", where), "unlimited");
  EXPECT_EQ(left(R"({"left":"720"})", where), "fault: the balance's field \"left\" is no number");
  EXPECT_EQ(left(R"({"left":""})"), "fault: the balance's field \"left\" is no number");
}

TEST(BalanceInAnswer, MayBeADifference) {
  EXPECT_EQ(difference(R"({"limit":720,"used":7})"), "713");
  EXPECT_EQ(difference(R"({"limit":10,"used":2.5})"), "7");
  EXPECT_EQ(difference(R"({"limit":1,"used":5})"), "-4");
  EXPECT_EQ(difference(R"({"limit":null,"used":5})"), "unlimited");
  EXPECT_EQ(difference(R"({"limit":"no limit","used":null})"), "unlimited");
  EXPECT_EQ(difference(R"({"used":5})"), "unknown");
  EXPECT_EQ(difference(R"({"limit":1})"), "fault: the balance's field \"used\" is not there");
  EXPECT_EQ(difference(R"({"limit":1,"used":null})"),
            "fault: the balance's field \"used\" is no number");
}

TEST(BalanceInAnswer, PointsGoIntoObjects) {
  const BalanceConfig where{.field = "plan.hours.left"};
  EXPECT_EQ(left(R"({"plan":{"hours":{"left":3}}})", where), "3");
  EXPECT_EQ(left(R"({"plan":{"hours.left":4}})", where), "4") << "a column's name may have one";
  EXPECT_EQ(left(R"({"plan":7})", where), "unknown");
}

TEST(BalanceInAnswer, WhatIsNoneIsAFault) {
  EXPECT_EQ(left(R"({"left":true})"), "fault: the balance's field \"left\" is no number");
  EXPECT_EQ(left("{"), "fault: the balance's policy answered what is no JSON");
  EXPECT_EQ(left("[]"), "unknown");
}

}  // namespace
}  // namespace headrace::app
