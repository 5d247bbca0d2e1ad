// Views that are refused, and why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "headrace/merge.h"

namespace headrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

MergedViewOptions sound() {
  return {.name = "config",
          .scopes = {{.name = "public", .rank = 0, .policy = "shared", .entity = "{name}"},
                     {.name = "domain",
                      .rank = 10,
                      .policy = "settings",
                      .entity = "domain/{domain}/{name}",
                      .settings = "scopes",
                      .settings_entity = "domain/{domain}"},
                     {.name = "user",
                      .rank = 20,
                      .policy = "settings",
                      .entity = "user/{user}/{name}",
                      .settings = "scopes",
                      .settings_entity = "user"}},
          .membership = "members"};
}

// Each as "scope.key: text".
std::vector<std::string> faults(const std::function<void(MergedViewOptions&)>& spoil) {
  MergedViewOptions options = sound();
  spoil(options);
  std::vector<std::string> texts;
  for (const MergedFault& fault : faults_of(options)) {
    texts.push_back(fault.scope + "." + fault.key + ": " + fault.text);
  }
  return texts;
}

TEST(MergedDefinition, ASoundOneHasNoFaults) {
  EXPECT_THAT(faults([](auto&) {}), IsEmpty());
}

TEST(MergedDefinition, NamesFitIntoPathsAndHeaders) {
  for (const std::string bad : {"", "a b", "a,b", "a/b", "a\r\nb", "é"}) {
    EXPECT_THAT(faults([&](auto& view) { view.name = bad; }),
                ElementsAre(HasSubstr("its name must be")));
    EXPECT_THAT(faults([&](auto& view) { view.scopes[1].name = bad; }),
                ElementsAre(HasSubstr("its name must be")));
  }
  EXPECT_THAT(faults([](auto& view) { view.name = std::string(65, 'a'); }),
              ElementsAre(HasSubstr("at most 64")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[2].name = "domain"; }),
              ElementsAre("domain.: there are two scopes of this name"));
}

TEST(MergedDefinition, ScopesAreSomeAndNotTooMany) {
  EXPECT_THAT(faults([](auto& view) { view.scopes.clear(); }), ElementsAre(".: has no scopes"));
  EXPECT_THAT(faults([](auto& view) {
                for (std::size_t i = view.scopes.size(); i <= scopes_max; ++i) {
                  const std::string name = "s" + std::to_string(i);
                  view.scopes.push_back({.name = name, .policy = name, .entity = "{name}"});
                }
              }),
              ElementsAre(".: has 17 scopes; scopes_max is 16"));
}

TEST(MergedDefinition, AScopeNeedsItsPolicyAndTheNameAskedFor) {
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].policy = ""; }),
              ElementsAre(HasSubstr("public.policy: is missing")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].entity = "all"; }),
              ElementsAre(HasSubstr("public.entity: must have {name}")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].entity = ""; }),
              ElementsAre(HasSubstr("public.entity: is missing")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].entity = "{name"; }),
              ElementsAre(HasSubstr("public.entity: has a brace")));
}

TEST(MergedDefinition, TemplatesMustBeInjective) {
  EXPECT_THAT(faults([](auto& view) { view.scopes[2].entity = "user/{user}-{name}"; }),
              ElementsAre(HasSubstr("user.entity: has two braces without a \"/\"")));
}

TEST(MergedDefinition, AttributesNeedAMembership) {
  EXPECT_THAT(faults([](auto& view) { view.membership = ""; }),
              ElementsAre(HasSubstr("domain.entity: has {domain}, an attribute")));
  EXPECT_THAT(faults([](auto& view) {
                view.membership = "";
                view.scopes.erase(view.scopes.begin() + 1);
              }),
              IsEmpty())
      << "the user is none";
}

TEST(MergedDefinition, TheMembershipIsOfTheUserAlone) {
  for (const std::string bad : {"all", "{name}", "{user}/{domain}", "{user}/{name}"}) {
    EXPECT_THAT(faults([&](auto& view) { view.membership_entity = bad; }),
                ElementsAre(HasSubstr(".membership_entity: must have {user}")));
  }
  EXPECT_THAT(faults([](auto& view) { view.membership_entity = "u/{user}"; }), IsEmpty());
}

TEST(MergedDefinition, SettingsAreOfTheScope) {
  EXPECT_THAT(faults([](auto& view) { view.scopes[1].settings = ""; }),
              ElementsAre(HasSubstr("domain.settings: is missing")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[1].settings_entity = ""; }),
              ElementsAre(HasSubstr("domain.settings_entity: is missing")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[1].settings_entity = "{name}"; }),
              ElementsAre(HasSubstr("domain.settings_entity: must not have {name}")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[1].settings_entity = "{user}"; }),
              ElementsAre(HasSubstr("domain.settings_entity: has {user}, which entity has not")));
}

// A user called like a domain would read that domain's fragments, or write them.
TEST(MergedDefinition, ScopesOfOnePolicyNeverMeet) {
  EXPECT_THAT(faults([](auto& view) {
                view.scopes[1].entity = "{domain}/{name}";
                view.scopes[2].entity = "{user}/{name}";
              }),
              ElementsAre(HasSubstr("user.entity: could name an entity of scope \"domain\"")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].policy = "members"; }),
              ElementsAre(HasSubstr("public.entity: could name an entity of the membership")));
  EXPECT_THAT(faults([](auto& view) { view.scopes[0].policy = "scopes"; }),
              ElementsAre(HasSubstr("public.entity: could name the settings of scope \"user\"")));
}

}  // namespace
}  // namespace headrace
