#include <gtest/gtest.h>

#include "headrace/tenants.h"

namespace headrace {
namespace {

TEST(ScopeTest, NamesAndBitsBelongTogether) {
  EXPECT_EQ(name_of(Scope::kv_read), "kv:read");
  EXPECT_EQ(name_of(Scope::counter_write), "counter:write");
  EXPECT_EQ(name_of(Scope::admin), "admin");
  const auto names = names_of(all_scopes);
  EXPECT_EQ(names.size(), scope_count);
  EXPECT_EQ(parse_scopes(names), all_scopes);
  EXPECT_EQ(parse_scopes({"kv:read", "watch"}), no_scopes.with(Scope::kv_read).with(Scope::watch));
  EXPECT_FALSE(parse_scopes({"kv:read", "kv:everything"}));
}

TEST(ScopeTest, WhatIsUsualNeverAdministersOrReadsThroughPolicies) {
  for (const Scopes scopes : {app_scopes, read_scopes}) EXPECT_FALSE(scopes.has(Scope::admin));
  EXPECT_FALSE(app_scopes.has(Scope::policy_read));
  EXPECT_FALSE(app_scopes.has(Scope::invalidate));
  EXPECT_FALSE(read_scopes.has(Scope::kv_list));
  EXPECT_TRUE(no_scopes.with(Scope::kv_read).is_within(read_scopes));
  EXPECT_FALSE(app_scopes.is_within(read_scopes));
}

TEST(ScopeTest, PoliciesAreReadByNameAndWithTheScopeAlone) {
  Identity who;
  who.policies = {"users"};
  EXPECT_FALSE(who.may_read("users"));
  who.scopes = who.scopes.with(Scope::policy_read);
  EXPECT_TRUE(who.may_read("users"));
  EXPECT_FALSE(who.may_read("user"));
  EXPECT_FALSE(who.may_read("orders"));
  who.policies = {"*"};
  EXPECT_TRUE(who.may_read("orders"));
}

}  // namespace
}  // namespace headrace
