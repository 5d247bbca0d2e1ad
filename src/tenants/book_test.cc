#include "tenants/book.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::chrono_literals;

class BookTest : public testing::Test {
 protected:
  void add_tenant(const std::string& name) {
    const auto change = plan_tenant(book, name, {}, limits, now);
    ASSERT_TRUE(change) << change.error().what;
    book.make(*change);
  }
  Result<BookChange> plan(NewKey wanted) {
    return plan_key(book, wanted, limits, {.id = next_id(), .digest = "d", .now = now});
  }
  std::string add_key(NewKey wanted) {
    const auto change = plan(std::move(wanted));
    EXPECT_TRUE(change) << change.error().what;
    book.make(*change);
    return change->keys.front().id;
  }
  std::string next_id() { return "key" + std::to_string(++ids); }
  template <class T>
  static Code code_of(const Result<T>& result) {
    EXPECT_FALSE(result);
    return result ? Code::closed : result.error().code;
  }

  Book book;
  BookLimits limits{.tenants_max = 3, .keys_max = 5, .keys_per_tenant_max = 3};
  const WallTime now{1'000'000ms};
  int ids = 0;
};

TEST_F(BookTest, TenantsHaveNamesAndIdsThatNobodyElseHad) {
  add_tenant("a");
  add_tenant("b-2_c");
  EXPECT_EQ(book.tenant("a")->id, default_tenant + 1);
  EXPECT_EQ(book.tenant("b-2_c")->id, default_tenant + 2);
  EXPECT_EQ(book.generation, 2U);
  book.tenants.erase("b-2_c");
  add_tenant("c");
  EXPECT_EQ(book.tenant("c")->id, default_tenant + 3);
}

TEST_F(BookTest, NamesHaveRules) {
  for (const char* const name : {"", "A", "-a", "_a", "a b", "a/b", "a.b", "\xc3\xa9",
                                 "a23456789012345678901234567890123"}) {
    EXPECT_EQ(code_of(plan_tenant(book, name, {}, limits, now)), Code::invalid_argument) << name;
  }
  add_tenant("a");
  EXPECT_EQ(code_of(plan_tenant(book, "a", {}, limits, now)), Code::not_allowed);
  EXPECT_EQ(code_of(plan_tenant(book, "default", {}, limits, now)), Code::not_allowed);
}

TEST_F(BookTest, ThereIsRoomForSoManyTenants) {
  for (const char* const name : {"a", "b", "c"}) add_tenant(name);
  const auto refused = plan_tenant(book, "d", {}, limits, now);
  EXPECT_EQ(code_of(refused), Code::refused);
  EXPECT_NE(refused.error().what.find("tenants_max"), std::string::npos);
}

TEST_F(BookTest, ChangesSayWhatIsOtherwise) {
  add_tenant("a");
  const auto change =
      plan_tenant_change(book, "a", {.is_suspended = true, .burst = 100, .daily = 0});
  ASSERT_TRUE(change);
  EXPECT_EQ(change->event.detail, "suspended 0 -> 1, burst 0 -> 100");
  book.make(*change);
  EXPECT_TRUE(book.tenant("a")->is_suspended);
  EXPECT_EQ(book.tenant("a")->rates.burst, 100U);
  EXPECT_FALSE(plan_tenant_change(book, "a", {.burst = Meter::quota_max + 1}));
  EXPECT_FALSE(plan_tenant_change(book, "a", {.value_bytes_max = 0}));
}

TEST_F(BookTest, AKeyMayWhatItsKindMay) {
  add_tenant("a");
  EXPECT_EQ(book.key(add_key({.tenant = "a"}))->scopes, app_scopes);
  const auto reads = book.key(add_key({.tenant = "a", .kind = KeyKind::read_only}))->scopes;
  EXPECT_TRUE(reads.is_within(read_scopes));
  EXPECT_TRUE(reads.has(Scope::kv_read));
  EXPECT_FALSE(plan({.tenant = "a", .kind = KeyKind::read_only, .scopes = app_scopes}));
  EXPECT_FALSE(plan({.tenant = "a", .scopes = no_scopes}));
}

TEST_F(BookTest, OnlyTheOperatorsOwnKeysAdminister) {
  add_tenant("a");
  EXPECT_FALSE(plan({.tenant = "a", .scopes = all_scopes}));
  EXPECT_FALSE(plan({.tenant = "default", .scopes = all_scopes}));
  EXPECT_FALSE(plan({.tenant = "a", .kind = KeyKind::admin}));
  EXPECT_TRUE(plan({.tenant = "default", .kind = KeyKind::admin}));
}

TEST_F(BookTest, KeysHaveRulesAndLimits) {
  add_tenant("a");
  add_tenant("b");
  EXPECT_FALSE(plan({.tenant = "a", .name = "line\nbreak"}));
  EXPECT_FALSE(plan({.tenant = "a", .name = std::string(101, 'x')}));
  EXPECT_FALSE(plan({.tenant = "a", .policies = {"two words"}}));
  EXPECT_FALSE(plan({.tenant = "a", .key_prefix = std::string(257, 'x')}));
  EXPECT_FALSE(plan({.tenant = "a", .expires = now}));
  for (int i = 0; i < 3; ++i) add_key({.tenant = "a", .expires = now + 1h});
  EXPECT_EQ(code_of(plan({.tenant = "a"})), Code::refused);
  for (int i = 0; i < 2; ++i) add_key({.tenant = "b"});
  EXPECT_NE(plan({.tenant = "b"}).error().what.find("keys_max"), std::string::npos);
  // What has ended takes no room.
  for (auto& [id, key] : book.keys) key.expires = now;
  EXPECT_TRUE(plan({.tenant = "a"}));
}

TEST_F(BookTest, RotationMakesOneThatMayTheSameAndEndsTheOld) {
  add_tenant("a");
  const std::string id = add_key({.tenant = "a", .policies = {"users"}, .key_prefix = "p:"});
  const auto change =
      plan_rotation(book, id, 1h, {.id = "new", .digest = "other", .now = now + 1min});
  ASSERT_TRUE(change);
  book.make(*change);
  EXPECT_EQ(book.key("new")->policies, book.key(id)->policies);
  EXPECT_EQ(book.key("new")->key_prefix, "p:");
  EXPECT_EQ(book.key("new")->digest, "other");
  EXPECT_EQ(book.key("new")->expires, Record::never);
  EXPECT_EQ(book.key(id)->expires, now + 1min + 1h);
  EXPECT_EQ(book.key(id)->replaced, now + 1min);
  EXPECT_EQ(code_of(plan_rotation(book, id, 1h, {.id = "x", .digest = "y", .now = now})),
            Code::not_allowed);
}

TEST_F(BookTest, WithoutGraceTheOldKeyIsGone) {
  add_tenant("a");
  const std::string id = add_key({.tenant = "a"});
  book.make(*plan_rotation(book, id, 0s, {.id = "new", .digest = "d", .now = now}));
  EXPECT_EQ(book.key(id), nullptr);
  EXPECT_NE(book.key("new"), nullptr);
}

TEST_F(BookTest, AKeysOwnEndIsNotPutOff) {
  add_tenant("a");
  const std::string id = add_key({.tenant = "a", .expires = now + 1min});
  book.make(*plan_rotation(book, id, 1h, {.id = "new", .digest = "d", .now = now}));
  EXPECT_EQ(book.key(id)->expires, now + 1min);
}

TEST_F(BookTest, RevocationRemoves) {
  add_tenant("a");
  const std::string id = add_key({.tenant = "a"});
  const auto change = plan_revocation(book, id);
  EXPECT_EQ(change.event.what, "key.revoked");
  EXPECT_EQ(change.event.tenant, "a");
  book.make(change);
  EXPECT_EQ(book.key(id), nullptr);
}

}  // namespace
}  // namespace headrace
