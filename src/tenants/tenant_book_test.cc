// Who is admitted, and for how long after something has changed elsewhere.
#include "headrace/tenant_book.h"

#include <atomic>
#include <set>
#include <thread>

#include "tenants/fixture.h"
#include "tenants/key_text.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

class TenantBookTest : public TenantBookFixture {
 protected:
  // Two instances over records that both use.
  void share() {
    records.shared = true;
    here = make_book();
    there = make_book();
    create(*here, "shop");
    made = key(*here, {.tenant = "shop"});
    world.advance(250ms);
  }
  ~TenantBookTest() override {
    if (here) close(*here);
    if (there) close(*there);
  }

  std::unique_ptr<TenantBook> here;
  std::unique_ptr<TenantBook> there;
  MadeKey made;
};

TEST_F(TenantBookTest, AdmitsWhoHasAKeyAndNobodyElse) {
  here = make_book();
  create(*here, "shop");
  made = key(*here, {.tenant = "shop"});
  ASSERT_NE(who(*here, made.text), nullptr);
  EXPECT_EQ(who(*here, made.text), who(*here, made.text));
  std::string other_secret = made.text;
  other_secret[20] = other_secret[20] == 'a' ? 'b' : 'a';
  for (const std::string& wrong : {std::string(), std::string("hrk_live_"), other_secret,
                                   made.text + "x", std::string(10'000, 'x')}) {
    EXPECT_EQ(refusal(*here, wrong), Code::not_allowed);
  }
  // A key that looks right and was never made.
  create(*here, "other");
  const MadeKey gone = key(*here, {.tenant = "other"});
  (void)run(here->revoke_key(gone.key.id, root));
  EXPECT_EQ(here->admit(gone.text).error().what, here->admit("nonsense").error().what);
}

TEST_F(TenantBookTest, TheOperatorsKeyAlwaysHolds) {
  here = make_book({.operator_keys = {"root-key", "second"}});
  EXPECT_TRUE(who(*here, "root-key")->scopes.has(Scope::admin));
  EXPECT_EQ(who(*here, "second")->tenant, default_tenant);
  EXPECT_EQ(refusal(*here, "root-ke"), Code::not_allowed);
  records.fails = records.shared = true;
  world.advance(10s);
  EXPECT_NE(who(*here, "root-key"), nullptr);
  EXPECT_EQ(*here->renew(who(*here, "root-key")), who(*here, "root-key"));
}

TEST_F(TenantBookTest, StrangersAreWelcomeIfTheyAre) {
  here = make_book({.strangers = TenantBookOptions::Strangers::welcome});
  const IdentityRef before = here->anonymous();
  EXPECT_EQ(before->tenant_name, "default");
  EXPECT_TRUE(before->scopes.has(Scope::kv_write));
  create(*here, "shop");
  EXPECT_TRUE(before->has_ended);
  EXPECT_FALSE((*here->renew(before))->scopes.has(Scope::kv_write));
  there = make_book();
  EXPECT_EQ(there->anonymous(), nullptr);
}

TEST_F(TenantBookTest, WhatOneMakesAllKnow) {
  share();
  EXPECT_NE(who(*there, made.text), nullptr);
}

// The promise: whatever was acknowledged is obeyed everywhere within a second.
TEST_F(TenantBookTest, ARevokedKeyIsRefusedEverywhereWithinASecond) {
  share();
  const IdentityRef held = who(*there, made.text);
  ASSERT_TRUE(run(here->revoke_key(made.key.id, root)).value());
  EXPECT_EQ(refusal(*here, made.text), Code::not_allowed);
  world.advance(250ms);
  EXPECT_EQ(refusal(*there, made.text), Code::not_allowed);
  EXPECT_TRUE(held->has_ended);
  EXPECT_EQ(there->renew(held).error().code, Code::not_allowed);
}

TEST_F(TenantBookTest, WhoCannotConfirmForASecondAdmitsNobody) {
  share();
  const IdentityRef held = who(*there, made.text);
  records.fails = true;
  world.advance(740ms);
  EXPECT_NE(who(*there, made.text), nullptr);
  EXPECT_TRUE(there->renew(held));
  world.advance(260ms);
  EXPECT_EQ(refusal(*there, made.text), Code::store_unavailable);
  EXPECT_EQ(there->renew(held).error().code, Code::store_unavailable);
  EXPECT_FALSE(there->stats().is_sure);
  records.fails = false;
  world.advance(250ms);
  EXPECT_NE(who(*there, made.text), nullptr);
  EXPECT_EQ(*there->renew(held), held);
}

// A revocation in the very moment after a confirmation, and then silence.
TEST_F(TenantBookTest, NoOutageLetsARevokedKeyLiveLonger) {
  share();
  world.advance(250ms);
  ASSERT_TRUE(run(here->revoke_key(made.key.id, root)).value());
  records.fails = true;
  int admitted = 0;
  for (int ms = 0; ms < 3000; ++ms) {
    world.advance(1ms);
    if (!who(*there, made.text)) continue;
    ++admitted;
    EXPECT_LT(ms, 1000);
  }
  EXPECT_GT(admitted, 0);
}

TEST_F(TenantBookTest, AnInstanceThatWasNeverSureAdmitsNobody) {
  records.shared = true;
  here = make_book();
  create(*here, "shop");
  made = key(*here, {.tenant = "shop"});
  records.fails = true;
  there = make_book();
  EXPECT_EQ(refusal(*there, made.text), Code::store_unavailable);
  records.fails = false;
  world.advance(250ms);
  EXPECT_NE(who(*there, made.text), nullptr);
}

TEST_F(TenantBookTest, AnInstanceThatHasNotReadItsBookSaysNotThatAKeyIsNone) {
  records.fails = true;
  here = make_book();
  EXPECT_EQ(refusal(*here, key_text(KeyKind::live, "abcdefgh", std::string(32, 'x'))),
            Code::store_unavailable);
  EXPECT_EQ(refusal(*here, "nonsense"), Code::not_allowed);
}

TEST_F(TenantBookTest, RecordsOfThisProcessAloneNeedNoConfirming) {
  here = make_book();
  create(*here, "shop");
  made = key(*here, {.tenant = "shop"});
  const std::uint64_t reads = records.reads;
  records.fails = true;
  world.advance(1h);
  EXPECT_NE(who(*here, made.text), nullptr);
  EXPECT_EQ(records.reads, reads);
}

TEST_F(TenantBookTest, ExpiredKeysEndWherEverTheyAreHeld) {
  here = make_book();
  create(*here, "shop");
  made = key(*here, {.tenant = "shop", .expires = world.wall_now() + 10100ms});
  const IdentityRef held = who(*here, made.text);
  world.advance(10099ms);
  EXPECT_TRUE(here->renew(held));
  world.advance(1ms);
  EXPECT_EQ(here->renew(held).error().code, Code::not_allowed);
  EXPECT_EQ(refusal(*here, made.text), Code::not_allowed);
  world.advance(250ms);
  EXPECT_TRUE(held->has_ended);
}

TEST_F(TenantBookTest, WhoHoldsAnIdentityIsToldWhatIsOtherwise) {
  share();
  const IdentityRef held = who(*there, made.text);
  (void)run(here->change_tenant("shop", {.records_max = 5}, root));
  world.advance(250ms);
  EXPECT_TRUE(held->has_ended);
  const auto renewed = there->renew(held);
  ASSERT_TRUE(renewed);
  EXPECT_EQ((*renewed)->ceiling.records_max, 5U);
  EXPECT_EQ((*renewed)->meter, held->meter);
}

TEST_F(TenantBookTest, ChangesOfTwoInstancesMeetAndNoneIsLost) {
  share();
  create(*here, "a");
  create(*there, "b");
  create(*here, "c");
  const auto tenants = run(there->tenants()).value();
  ASSERT_EQ(tenants.size(), 4U);
  std::set<TenantId> ids;
  for (const Tenant& one : tenants) ids.insert(one.id);
  EXPECT_EQ(ids.size(), 4U);
}

TEST_F(TenantBookTest, RefusalsAreCountedByAddress) {
  here = make_book({.refusals_per_minute = 3});
  create(*here, "shop");
  made = key(*here, {.tenant = "shop"});
  (void)run(here->revoke_key(made.key.id, root));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(here->refused(made.text, "10.0.0.1").allowed);
  EXPECT_FALSE(here->refused("nonsense", "10.0.0.1").allowed);
  EXPECT_TRUE(here->refused("nonsense", "10.0.0.2").allowed);
  const auto stats = here->stats();
  EXPECT_EQ(stats.refused, 3U);
  EXPECT_EQ(stats.mistyped, 2U);
  EXPECT_EQ(stats.limited, 1U);
}

TEST_F(TenantBookTest, ClosingEndsTheRounds) {
  share();
  close(*here);
  close(*there);
  const std::uint64_t reads = records.reads;
  world.advance(10s);
  EXPECT_EQ(records.reads, reads);
  EXPECT_EQ(world.queued(), 0U);
}

// What counts is when a read began, not when it was answered: a revocation may have come between.
TEST_F(TenantBookTest, SlowRecordsLetNoRevokedKeyLiveLonger) {
  share();
  SlowRecords slow(records, world);
  Keyspace behind({}, {.records = slow, .clock = world, .executor = world});
  TenantBook far({}, {.keyspace = behind, .executor = world, .random = world, .digest = digest_of});
  ASSERT_TRUE(run(far.open()));
  EXPECT_NE(who(far, made.text), nullptr);
  slow.takes = 900ms;
  world.advance(250ms);  // Its next read has begun, and will find the key.
  ASSERT_TRUE(run(here->revoke_key(made.key.id, root)).value());
  for (int ms = 0; ms < 3000; ++ms) {
    world.advance(1ms);
    if (ms >= 1000) EXPECT_EQ(who(far, made.text), nullptr) << ms;
  }
  bool closed = false;
  start(far.close(), [&closed] { closed = true; });
  world.advance(5s);
  EXPECT_TRUE(closed);
}

// A clock that stands, so that threads may read it.
struct StandingClock final : Clock {
  [[nodiscard]] Instant now() const noexcept override { return Instant(1h); }
  [[nodiscard]] WallTime wall_now() const noexcept override { return WallTime(1'000'000'000ms); }
};

// While keys come and go, those that stay are always admitted, and a key is admitted from when it
// was made and never once its revocation has returned.
TEST_F(TenantBookTest, AdmittingGoesOnWhileTheBookChanges) {
  StandingClock clock;
  Keyspace own({}, {.records = records, .clock = clock, .executor = world});
  here = std::make_unique<TenantBook>(
      TenantBookOptions{},
      TenantBook::Ports{.keyspace = own, .executor = world, .random = world, .digest = digest_of});
  ASSERT_TRUE(run(here->open()));
  create(*here, "shop");
  const MadeKey stays = key(*here, {.tenant = "shop"});
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const auto admitted = here->admit(stays.text);
        if (!admitted || (*admitted)->key_id != stays.key.id || !here->renew(*admitted)) ++failed;
      }
    });
  }
  MadeKey current = key(*here, {.tenant = "shop"});
  for (int i = 0; i < 200; ++i) {
    MadeKey next = rotate(*here, current.key.id, 0s);
    EXPECT_EQ(refusal(*here, current.text), Code::not_allowed);
    EXPECT_NE(who(*here, next.text), nullptr);
    current = std::move(next);
  }
  done = true;
  threads.clear();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace headrace
