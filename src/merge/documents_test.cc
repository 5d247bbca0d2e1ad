// What memberships, settings and entries with a fragment in them say.
#include "merge/documents.h"

#include <gtest/gtest.h>

namespace headrace::merge {
namespace {

using Texts = std::vector<std::string>;

TEST(Documents, AttributesAreTextsOrListsOfThem) {
  const auto said = attributes_of(R"({"domain":"d7","team":["b","a"],"none":[],"more":1})",
                                  {"domain", "team", "none", "missing"});
  ASSERT_TRUE(said);
  EXPECT_EQ(*said, (Attributes{{"domain", {"d7"}}, {"team", {"b", "a"}}, {"none", {}}}));
}

TEST(Documents, OnlyWhatIsWantedIsLookedAt) {
  EXPECT_EQ(attributes_of(R"({"user":"eve","name":"x","domain":"d"})", {"domain"}).value(),
            (Attributes{{"domain", {"d"}}}));
  EXPECT_EQ(attributes_of(R"({"domain":null})", {"domain"}).value(), Attributes());
}

TEST(Documents, AttributesOfAnotherTypeAreAnError) {
  for (const std::string_view text :
       {R"({"domain":7})", R"({"domain":{"a":"b"}})", R"({"domain":["a",1]})", R"({"domain":true})",
        "[]", "\"d7\"", "{", ""}) {
    const auto said = attributes_of(text, {"domain"});
    ASSERT_FALSE(said) << text;
    EXPECT_EQ(said.error().code, Code::source_failed);
  }
}

TEST(Documents, SettingsHaveARankAndAList) {
  const auto both = settings_of(R"({"rank":-25,"allow":["b","a"],"id":"x"})");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->rank, -25);
  EXPECT_EQ(both->allow, (Texts{"a", "b"}));
  EXPECT_TRUE(both->allows("a"));
  EXPECT_TRUE(both->allows("b"));
  EXPECT_FALSE(both->allows("c"));
  EXPECT_FALSE(settings_of(R"({"allow":[]})")->allows("a")) << "an empty list allows nothing";
}

TEST(Documents, WhatSettingsDoNotSayChangesNothing) {
  for (const std::string_view text : {"{}", R"({"rank":null,"allow":null})"}) {
    const auto said = settings_of(text);
    ASSERT_TRUE(said) << text;
    EXPECT_EQ(said->rank, std::nullopt);
    EXPECT_TRUE(said->allows("anything"));
  }
}

TEST(Documents, AListMayBeAText) {
  EXPECT_EQ(settings_of(R"({"allow":"[\"a\",\"b\"]"})")->allow, (Texts{"a", "b"}));
}

TEST(Documents, SettingsThatAreNoneAreAnErrorAndNoLackOfThem) {
  for (const std::string_view text :
       {R"({"rank":"25"})", R"({"rank":2.5})", R"({"rank":9223372036854775808})",
        R"({"allow":"a"})", R"({"allow":"\"[]\""})", R"({"allow":{"a":true}})", R"({"allow":[1]})",
        "[]", "null", "{"}) {
    const auto said = settings_of(text);
    ASSERT_FALSE(said) << text;
    EXPECT_EQ(said.error().code, Code::source_failed);
  }
}

std::string fragment(std::string_view json) {
  const auto held = fragment_in(json, "value");
  return held ? held->value_or("none") : "error";
}

TEST(Documents, AFragmentMayStandInAMember) {
  EXPECT_EQ(fragment(R"({"id":1,"value":{"a":1.10}})"), R"({"a":1.10})");
  EXPECT_EQ(fragment(R"({"value":"{\"a\":[\"\\n\"]}"})"), R"({"a":["\n"]})");
  EXPECT_EQ(fragment(R"({"value":"null"})"), "null");
  EXPECT_EQ(fragment(R"({"value": 7 })"), "7");
  EXPECT_EQ(fragment(R"({"v\u0061lue":1,"other":"value"})"), "1");
  EXPECT_EQ(fragment(R"({"value":1,"value":2})"), "2");
  EXPECT_EQ(fragment(R"({"value":null})"), "none");
  EXPECT_EQ(fragment(R"({"other":{"value":1}})"), "none");
  EXPECT_EQ(fragment("[1]"), "error");
  EXPECT_EQ(fragment(R"({"value":1)"), "error");
}

}  // namespace
}  // namespace headrace::merge
