// What the operator does: tenants, keys, and the log of it.
#include "tenants/fixture.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

class ChangesTest : public TenantBookFixture {
 protected:
  ~ChangesTest() override { close(*book); }
  std::unique_ptr<TenantBook> book = make_book();
};

TEST_F(ChangesTest, AKeyIsShownOnceAndNowhereKept) {
  create(*book, "shop");
  const MadeKey made = key(*book, {.tenant = "shop", .name = "web"});
  EXPECT_EQ(who(*book, made.text)->tenant_name, "shop");
  const std::string secret = made.text.substr(made.text.size() - 38, 32);
  const auto page = run(records.list(RecordKey(system_tenant, "keys", ""), "", 100)).value();
  ASSERT_EQ(page.keys.size(), 1U);
  const auto kept = run(records.read(page.keys)).value().front();
  for (const auto& [name, value] : kept->fields) {
    EXPECT_EQ(value.find(secret), std::string::npos) << name;
  }
  const auto listed = run(book->keys("shop")).value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].name, "web");
}

TEST_F(ChangesTest, WhatIsNotThereIsNotChanged) {
  EXPECT_FALSE(run(book->create_key({.tenant = "none"}, root)).value());
  EXPECT_FALSE(run(book->rotate_key("none", 0s, root)).value());
  EXPECT_FALSE(run(book->revoke_key("none", root)).value());
  EXPECT_FALSE(run(book->change_tenant("none", {}, root)).value());
  EXPECT_EQ(records.edits, 0U);
}

TEST_F(ChangesTest, RotatedKeysOverlap) {
  create(*book, "shop");
  const MadeKey old = key(*book, {.tenant = "shop", .policies = {"users"}});
  const MadeKey made = rotate(*book, old.key.id, 1h);
  EXPECT_NE(who(*book, old.text), nullptr);
  EXPECT_TRUE(who(*book, old.text)->replaced);
  EXPECT_EQ(who(*book, made.text)->policies, (std::vector<std::string>{"users"}));
  EXPECT_FALSE(who(*book, made.text)->replaced);
  world.advance(1h);
  EXPECT_EQ(refusal(*book, old.text), Code::not_allowed);
  EXPECT_NE(who(*book, made.text), nullptr);
  EXPECT_EQ(run(book->keys("shop")).value().size(), 1U);
  EXPECT_FALSE(run(book->rotate_key(old.key.id, 1h, root)).value());
  EXPECT_FALSE(run(book->rotate_key(made.key.id, -1s, root)));
  EXPECT_FALSE(run(book->rotate_key(made.key.id, std::chrono::days(31), root)));
}

TEST_F(ChangesTest, ARevokedKeyIsRefusedFromThenOn) {
  create(*book, "shop");
  const MadeKey made = key(*book, {.tenant = "shop"});
  const IdentityRef held = who(*book, made.text);
  EXPECT_TRUE(run(book->revoke_key(made.key.id, root)).value());
  EXPECT_EQ(refusal(*book, made.text), Code::not_allowed);
  EXPECT_TRUE(held->has_ended);
  EXPECT_FALSE(run(book->revoke_key(made.key.id, root)).value());
}

TEST_F(ChangesTest, LimitsHoldAtOnce) {
  create(*book, "shop", {.burst = 5});
  const MadeKey made = key(*book, {.tenant = "shop"});
  EXPECT_EQ(who(*book, made.text)->meter->quotas()[0], 5U);
  const auto changed = run(book->change_tenant("shop", {.burst = 7, .bytes_max = 100}, root));
  EXPECT_EQ((*changed)->rates.burst, 7U);
  EXPECT_EQ(who(*book, made.text)->meter->quotas()[0], 7U);
  EXPECT_EQ(who(*book, made.text)->ceiling.bytes_max, 100U);
  (void)run(book->change_tenant("shop", {.is_suspended = true}, root));
  EXPECT_EQ(refusal(*book, made.text), Code::not_allowed);
  (void)run(book->change_tenant("shop", {.is_suspended = false}, root));
  EXPECT_NE(who(*book, made.text), nullptr);
}

TEST_F(ChangesTest, EachChangeIsInTheLog) {
  create(*book, "shop");
  const MadeKey made = key(*book, {.tenant = "shop"});
  (void)rotate(*book, made.key.id, 1h);
  (void)run(book->revoke_key(made.key.id, root));
  (void)run(book->change_tenant("shop", {.daily = 9}, root));
  const auto events = run(book->events(100)).value();
  std::vector<std::string> what;
  for (const TenantEvent& one : events) {
    what.push_back(one.what);
    EXPECT_EQ(one.actor.who, "operator");
    EXPECT_EQ(one.tenant, "shop");
    EXPECT_EQ(one.detail.find(made.text), std::string::npos);
  }
  EXPECT_EQ(what, (std::vector<std::string>{"tenant.changed", "key.revoked", "key.rotated",
                                            "key.created", "tenant.created"}));
  EXPECT_EQ(run(book->events(2)).value().size(), 2U);
}

TEST_F(ChangesTest, LastUseIsKnownToTheMinuteAndWrittenOnceInOne) {
  create(*book, "shop");
  const MadeKey made = key(*book, {.tenant = "shop"});
  const auto last_used = [&] { return run(book->keys("shop")).value().at(0).last_used; };
  world.advance(1s);
  EXPECT_FALSE(last_used());
  const std::uint64_t edits = records.edits;
  const WallTime minute = std::chrono::floor<std::chrono::minutes>(world.wall_now());
  for (int i = 0; i < 20; ++i) {
    (void)who(*book, made.text);
    world.advance(300ms);
  }
  EXPECT_EQ(last_used(), minute);
  EXPECT_LE(records.edits, edits + 1);
  world.advance(1min);
  EXPECT_EQ(last_used(), minute);
  (void)who(*book, made.text);
  world.advance(1s);
  EXPECT_GT(last_used(), minute);
}

TEST_F(ChangesTest, WhoKeepsAnIdentityAndRenewsItUsesItsKey) {
  create(*book, "shop");
  const IdentityRef kept = who(*book, key(*book, {.tenant = "shop"}).text);
  world.advance(5min);
  const WallTime minute = std::chrono::floor<std::chrono::minutes>(world.wall_now());
  ASSERT_TRUE(book->renew(kept));
  world.advance(1s);
  EXPECT_EQ(run(book->keys("shop")).value().at(0).last_used, minute);
}

}  // namespace
}  // namespace headrace
