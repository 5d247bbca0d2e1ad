// What a purse decides, step by step: where two instances read the source at once, and in which
// order what they have read is put into the ledger.
#include "allowance/purse.h"

#include <gtest/gtest.h>

#include "kit/world.h"

namespace headrace {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class PurseTest : public testing::Test {
 protected:
  // One look at the ledger, with what is written after it.
  void touch(Purse& purse) {
    purse.begin_touch();
    Ledger found = ledger;
    const bool is_new = purse.write(found, world.now());
    if (is_new) ledger = found;
    purse.touched(std::move(found), is_new, world.now(), world.now());
  }
  // All that is due now; a read answers at once.
  void settle(Purse& purse, Balance says) {
    for (int i = 0; i < 10; ++i) {
      const Purse::Next next = purse.next(world.now());
      if (next.step == Purse::Step::none || next.at > world.now()) return;
      if (next.step == Purse::Step::touch) {
        touch(purse);
      } else {
        purse.begin_read(world.now());
        purse.read(says, world.now());
      }
    }
    ADD_FAILURE() << "it never comes to rest";
  }
  void draw_ticket(Purse& purse) {
    purse.watch(true);
    purse.signal();
    touch(purse);
    ASSERT_EQ(purse.next(world.now()).step, Purse::Step::read);
  }
  static Amount left(const Purse& purse, Instant now) {
    return std::get<Amount>(purse.view(now).left);
  }

  kit::World world;
  AllowancePolicy policy{.name = "hours", .balance = "usage"};
  Ledger ledger;
  Purse one{policy, world, world.token(), true, world.now()};
  Purse other{policy, world, world.token(), true, world.now()};
};

TEST_F(PurseTest, AFigureOfAnEarlierTicketDoesNotReplaceALaterOne) {
  draw_ticket(one);
  draw_ticket(other);
  one.begin_read(world.now());
  other.begin_read(world.now());
  other.read(Amount(50), world.now());
  touch(other);
  one.read(Amount(99), world.now());
  touch(one);
  EXPECT_EQ(std::get<Amount>(ledger.figure.balance), 50);
  EXPECT_EQ(one.view(world.now()).changes, 1u) << "the later one answers what it was asked for";
}

TEST_F(PurseTest, AFigureOfALaterTicketReplacesAnEarlierOneWhicheverIsPutFirst) {
  draw_ticket(one);
  draw_ticket(other);
  other.begin_read(world.now());
  other.read(Amount(50), world.now());
  one.begin_read(world.now());
  one.read(Amount(99), world.now());
  touch(one);
  touch(other);
  EXPECT_EQ(std::get<Amount>(ledger.figure.balance), 50);
}

// The older figure would not contain what the newer one has allowed to be forgotten.
TEST_F(PurseTest, WhatWasCountedAndForgottenIsNotGrantedAgain) {
  (void)one.spend(0, world.now());
  settle(one, Amount(100));
  ASSERT_FALSE(one.spend(40, world.now()).has_value());
  one.wait(40);
  settle(one, Amount(100));
  one.leave(40);
  ASSERT_EQ(one.spend(40, world.now())->granted, 40);
  touch(one);
  draw_ticket(other);  // It has seen 40 that are not reported.
  other.begin_read(world.now());
  world.advance(minutes(2));
  one.watch(true);
  one.signal();
  settle(one, Amount(60));  // Here they are.
  EXPECT_TRUE(ledger.shares.empty());
  other.read(Amount(100), world.now());
  touch(other);
  EXPECT_EQ(left(other, world.now()), 60);
}

// Although it is old enough by the time at which the answer is there.
TEST_F(PurseTest, WhatWasYoungWhenTheTicketWasDrawnIsNotInTheFigure) {
  (void)one.spend(1, world.now());
  settle(one, Amount(100));
  ASSERT_EQ(one.spend_at_once(4, world.now()).granted, 4);
  world.advance(policy.reported_within - seconds(1));
  draw_ticket(one);
  one.begin_read(world.now());
  world.advance(seconds(2));
  one.read(Amount(100), world.now());
  touch(one);
  EXPECT_EQ(left(one, world.now()), 96);
}

TEST_F(PurseTest, ASignalDuringAReadIsFollowedByAnotherRead) {
  draw_ticket(one);
  one.begin_read(world.now());
  one.signal();
  one.read(Amount(5), world.now());
  touch(one);
  EXPECT_EQ(one.view(world.now()).changes, 1u);
  settle(one, Amount(6));
  EXPECT_EQ(left(one, world.now()), 6);
  EXPECT_EQ(one.view(world.now()).changes, 2u);
}

TEST_F(PurseTest, ALeaseThatHasEndedIsNotGranted) {
  (void)one.spend(1, world.now());
  settle(one, Amount(100));
  ASSERT_EQ(one.spend_at_once(1, world.now()).granted, 1);
  world.advance(policy.lease_lasts);
  EXPECT_EQ(one.spend_at_once(1, world.now()).granted, 0);
}

TEST_F(PurseTest, AFigureFromBeforeItsTimeIsReadAgainBeforeAnythingIsGranted) {
  (void)one.spend(1, world.now());
  settle(one, Amount(100));
  world.advance(minutes(5));
  Purse late{policy, world, world.token(), true, world.now()};
  EXPECT_FALSE(late.spend(1, world.now()).has_value());
  touch(late);
  EXPECT_EQ(late.spend_at_once(1, world.now()).granted, 0);
  EXPECT_EQ(late.next(world.now()).step, Purse::Step::read);
}

// Its share is wholly in the figure, and begins anew: what it had leased before is not leased now.
TEST_F(PurseTest, AShareThatBeginsAnewWhileTheStoreIsAwayHasNoLease) {
  policy.without_store = WithoutStore::refuse;
  Purse purse{policy, world, world.token(), true, world.now()};
  (void)purse.spend(0, world.now());
  settle(purse, Amount(20));
  purse.wait(10);
  settle(purse, Amount(20));
  purse.leave(10);
  ASSERT_EQ(purse.spend(10, world.now())->granted, 10);
  world.advance(policy.reported_within + seconds(1));
  draw_ticket(purse);
  purse.begin_read(world.now());
  (void)other.spend(0, world.now());
  other.wait(10);
  settle(other, Amount(10));  // All that is left.
  other.leave(10);
  purse.begin_touch();
  purse.touch_failed(world.now());
  purse.read(Amount(10), world.now());
  purse.begin_touch();
  purse.touch_failed(world.now());
  const auto spent = purse.spend(5, world.now());
  EXPECT_EQ(spent ? spent->granted : 0, 0);
  EXPECT_EQ(other.spend(10, world.now())->granted, 10);
}

TEST_F(PurseTest, ATicketOfALedgerThatIsLostIsNone) {
  draw_ticket(one);
  one.begin_read(world.now());
  one.read(Amount(99), world.now());
  ledger = {};
  touch(one);
  EXPECT_TRUE(std::holds_alternative<Unknown>(ledger.figure.balance));
  EXPECT_EQ(one.view(world.now()).changes, 0u);
  settle(one, Amount(98));
  EXPECT_EQ(left(one, world.now()), 98);
  EXPECT_EQ(one.view(world.now()).changes, 1u);
}

TEST_F(PurseTest, WhatGoesBackIsNotGrantedWhileTheLedgerIsTold) {
  (void)one.spend(1, world.now());
  settle(one, Amount(100));
  ASSERT_EQ(one.spend(1, world.now())->granted, 1);
  world.advance(policy.lease_lasts - seconds(1));
  Ledger found = ledger;
  found.figure.balance = Amount(3);  // Somebody has read that.
  one.begin_touch();
  ASSERT_TRUE(one.write(found, world.now()));
  EXPECT_EQ(one.spend_at_once(100, world.now()).granted, 2);
}

TEST_F(PurseTest, ItRestsOnceAllIsReportedAndDeclared) {
  EXPECT_TRUE(one.is_idle(world.now()));
  (void)one.spend(1, world.now());
  settle(one, Amount(100));
  ASSERT_EQ(one.spend(1, world.now())->granted, 1);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(one.is_idle(world.now()));
    world.advance(policy.lease_lasts / 4 * 3);
    settle(one, Amount(100));
  }
  EXPECT_TRUE(one.is_idle(world.now()));
  EXPECT_EQ(one.next(world.now()).step, Purse::Step::none);
}

}  // namespace
}  // namespace headrace
