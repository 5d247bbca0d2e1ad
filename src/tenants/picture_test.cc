#include "tenants/picture.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using namespace std::chrono_literals;

class PictureTest : public testing::Test {
 protected:
  PictureTest() {
    book.tenants["a"] = {.id = 2, .name = "a", .rates = {.burst = 10}};
    book.keys["one"] = {.id = "one", .tenant = "a", .scopes = app_scopes, .digest = "1"};
    book.keys["two"] = {.id = "two", .tenant = "a", .scopes = app_scopes, .digest = "2"};
    book.keys["adm"] = {.id = "adm",
                        .tenant = "default",
                        .kind = KeyKind::admin,
                        .scopes = all_scopes,
                        .digest = "3"};
  }
  Picture take(const Picture* before = nullptr) {
    return {std::make_shared<const Book>(book), options, before};
  }

  Book book;
  Picture::Options options{.instances = 1, .strangers_welcome = true};
};

TEST_F(PictureTest, SaysWhoseAKeyIs) {
  book.tenants["a"].ceiling = {.records_max = 7, .bytes_max = 8};
  const Picture picture = take();
  const IdentityRef one = picture.find("one")->who;
  EXPECT_EQ(one->tenant, 2U);
  EXPECT_EQ(one->tenant_name, "a");
  EXPECT_EQ(one->key_id, "one");
  EXPECT_EQ(one->ceiling.records_max, 7U);
  EXPECT_EQ(one->meter, picture.find("two")->who->meter);
  const IdentityRef admin = picture.find("adm")->who;
  EXPECT_EQ(admin->tenant, default_tenant);
  EXPECT_EQ(admin->meter, nullptr);
  EXPECT_TRUE(admin->may_read("anything"));
  EXPECT_EQ(picture.find("three"), nullptr);
}

TEST_F(PictureTest, WhatHasNotChangedGoesOn) {
  const Picture before = take();
  book.keys.erase("two");
  const Picture after = take(&before);
  after.end_what_is_gone(before);
  EXPECT_EQ(after.find("one")->who, before.find("one")->who);
  EXPECT_FALSE(before.find("one")->who->has_ended);
  EXPECT_TRUE(before.find("two")->who->has_ended);
}

TEST_F(PictureTest, WhatIsOtherwiseEndsAndItsMeterGoesOn) {
  const Picture before = take();
  (void)before.find("one")->who->meter->spend(10, Instant(1h));
  book.tenants["a"].value_bytes_max = 5;
  book.tenants["a"].rates.burst = 20;
  const Picture after = take(&before);
  after.end_what_is_gone(before);
  const IdentityRef now = after.find("one")->who;
  EXPECT_TRUE(before.find("one")->who->has_ended);
  EXPECT_FALSE(now->has_ended);
  EXPECT_EQ(now->use, before.find("one")->who->use) << "the key is the same";
  EXPECT_EQ(now->value_bytes_max, 5U);
  EXPECT_EQ(now->meter->quotas()[0], 20U);
  EXPECT_FALSE(now->meter->spend(20, Instant(1h)).allowed);
}

TEST_F(PictureTest, RatesAloneEndNothing) {
  const Picture before = take();
  book.tenants["a"].rates.burst = 20;
  const Picture after = take(&before);
  after.end_what_is_gone(before);
  EXPECT_FALSE(before.find("one")->who->has_ended);
  EXPECT_EQ(before.find("one")->who->meter->quotas()[0], 20U);
}

TEST_F(PictureTest, RatesAreDividedAmongInstances) {
  options.instances = 4;
  EXPECT_EQ(take().find("one")->who->meter->quotas()[0], 2U);
}

TEST_F(PictureTest, TheKeysOfASuspendedTenantDoNotHold) {
  const Picture before = take();
  book.tenants["a"].is_suspended = true;
  const Picture after = take(&before);
  after.end_what_is_gone(before);
  EXPECT_EQ(after.find("one"), nullptr);
  EXPECT_TRUE(before.find("one")->who->has_ended);
  EXPECT_NE(after.find("adm"), nullptr);
}

TEST_F(PictureTest, AKeyWithoutItsTenantDoesNotHold) {
  book.tenants.erase("a");
  EXPECT_EQ(take().find("one"), nullptr);
}

TEST_F(PictureTest, KeysWhoseTimeIsOverEnd) {
  book.keys["one"].expires = WallTime(1000ms);
  const Picture picture = take();
  picture.end_what_expired(WallTime(999ms));
  EXPECT_FALSE(picture.find("one")->who->has_ended);
  picture.end_what_expired(WallTime(1000ms));
  EXPECT_TRUE(picture.find("one")->who->has_ended);
  EXPECT_FALSE(picture.find("two")->who->has_ended);
}

TEST_F(PictureTest, StrangersHaveTheServiceWhileThereIsNoTenant) {
  options.strangers_welcome = false;
  EXPECT_EQ(take().stranger(), nullptr);
  options.strangers_welcome = true;
  const Picture with = take();
  EXPECT_FALSE(with.stranger()->scopes.has(Scope::kv_read));
  EXPECT_TRUE(with.stranger()->scopes.has(Scope::admin));
  book.tenants.clear();
  const Picture without = take(&with);
  without.end_what_is_gone(with);
  EXPECT_EQ(without.stranger()->scopes, all_scopes);
  EXPECT_EQ(without.stranger()->tenant, default_tenant);
  EXPECT_TRUE(with.stranger()->has_ended);
}

}  // namespace
}  // namespace headrace
