// How entities are named: never two things by one name.
#include "merge/entity_template.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace headrace::merge {
namespace {

std::string filled(std::string_view text, const Bound& bound) {
  const auto parsed = EntityTemplate::parse(text);
  return parsed ? parsed->fill(bound) : "error: " + parsed.error().what;
}

bool meet(std::string_view a, std::string_view b) {
  const auto first = EntityTemplate::parse(a);
  const auto second = EntityTemplate::parse(b);
  EXPECT_EQ(first->may_meet(*second), second->may_meet(*first)) << a << " " << b;
  return first->may_meet(*second);
}

constexpr std::string_view nasty[] = {"",    "a",     "b",   "c",    "a/b", "b/c", "/",    "%",
                                      "%2F", "a%2Fb", "%25", "a%2F", "/b",  "//",  "a/b/c"};

TEST(EntityTemplate, PutsValuesInTheirPlaces) {
  EXPECT_EQ(filled("{name}", {{"name", "theme"}}), "theme");
  EXPECT_EQ(filled("d/{domain}/s-{name}.x", {{"name", "n"}, {"domain", "d7"}}), "d/d7/s-n.x");
  EXPECT_EQ(filled("{user}/{user}/", {{"user", "u"}}), "u/u/");
  EXPECT_EQ(filled("public", {}), "public");
  const auto parsed = EntityTemplate::parse("{b}/{a}/{b}");
  EXPECT_EQ(parsed->names(), (std::vector<std::string>{"b", "a"}));
}

TEST(EntityTemplate, SlashesAndPercentSignsOfValuesAreEncoded) {
  EXPECT_EQ(filled("{user}/{name}", {{"user", "a/b"}, {"name", "50%"}}), "a%2Fb/50%25");
  EXPECT_EQ(filled("{name}", {{"name", "é {x}"}}), "é {x}") << "nothing else is";
}

TEST(EntityTemplate, DifferentValuesNeverNameTheSameEntity) {
  for (const std::string_view text : {"{user}/{name}", "{name}/u-{user}", "u/{user}x/y{name}",
                                      "{user}a/a{name}", "{user}//{name}"}) {
    std::map<std::string, std::string> known;
    for (const std::string_view user : nasty) {
      for (const std::string_view name : nasty) {
        const std::string who = std::string(user) + " and " + std::string(name);
        const auto [at, is_new] =
            known.emplace(filled(text, {{"user", user}, {"name", name}}), who);
        EXPECT_TRUE(is_new) << text << ": " << who << " is named as " << at->second;
      }
    }
  }
}

TEST(EntityTemplate, WhatCouldNameTwoThingsIsRefused) {
  for (const std::string_view text : {"{user}{name}", "{user}-{name}", "a{user}:{name}/b"}) {
    EXPECT_NE(filled(text, {}).find("two braces without a \"/\""), std::string::npos) << text;
  }
}

TEST(EntityTemplate, WhatIsNoTemplateIsRefused) {
  EXPECT_EQ(filled("", {}), "error: is empty");
  for (const std::string_view text :
       {"{name", "name}", "}{", "a/{", "{a/b}", "{name}}", "{name}{"}) {
    EXPECT_NE(filled(text, {}).find("other half"), std::string::npos) << text;
  }
  for (const std::string_view text : {"{}", "{a b}", "{a.b}", "{é}"}) {
    EXPECT_NE(filled(text, {}).find("make a name"), std::string::npos) << text;
  }
}

TEST(EntityTemplate, TellsWhichTemplatesMayMeet) {
  EXPECT_TRUE(meet("{name}", "{user}"));
  EXPECT_TRUE(meet("{domain}/{name}", "{user}/{name}"));
  EXPECT_TRUE(meet("public/{name}", "{user}/{name}"));
  EXPECT_TRUE(meet("u-{user}", "u-x-{name}"));
  EXPECT_TRUE(meet("u-{user}", "u-42"));
  EXPECT_FALSE(meet("{name}", "{user}/{name}"));
  EXPECT_FALSE(meet("user/{user}/{name}", "domain/{domain}/{name}"));
  EXPECT_FALSE(meet("u-{user}", "d-{domain}"));
  EXPECT_FALSE(meet("{user}.u", "{domain}.d"));
  EXPECT_FALSE(meet("u-{user}", "public"));
  EXPECT_FALSE(meet("aa{user}aa", "aaa")) << "it is too short";
  EXPECT_FALSE(meet("public", "private"));
}

TEST(EntityTemplate, WhatMeetsMayMeet) {
  constexpr std::string_view texts[] = {"{x}",     "a{x}",      "{x}b",      "a",     "a{x}b/{y}",
                                        "{y}/{x}", "a/{x}",     "{x}/b",     "a/b",   "ab{x}/b{y}",
                                        "a{y}",    "b{x}/{y}a", "{x}a/b{y}", "{x}ab", "ab"};
  for (const std::string_view a : texts) {
    for (const std::string_view b : texts) {
      if (meet(a, b)) continue;
      for (const std::string_view x : nasty) {
        for (const std::string_view y : nasty) {
          for (const std::string_view z : {"a", "b", "ab", "", "aab"}) {
            EXPECT_NE(filled(a, {{"x", x}, {"y", z}}), filled(b, {{"x", y}, {"y", x}}));
            EXPECT_NE(filled(a, {{"x", z}, {"y", x}}), filled(b, {{"x", y}, {"y", z}}));
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace headrace::merge
