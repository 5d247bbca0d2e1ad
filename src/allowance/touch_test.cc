// Two instances on one ledger: leases, and what becomes of them when the store fails, forgets, goes
// back, or answers too late.
#include "allowance/fixture.h"
#include "allowance/ledger.h"

namespace headrace {
namespace {

using kit::Fleet;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class TouchTest : public Fleet {
 protected:
  TouchTest() { meter->plans = {{"1", "100"}}; }

  // What is granted, and reported at once.
  Amount reported_spend(Instance& on, Amount amount) {
    const Amount granted = spend(on, amount).granted;
    meter->report("1", granted, {});
    return granted;
  }
};

TEST_F(TouchTest, EachTakesALeaseAndTheOtherSeesTheRest) {
  Instance& one = add();
  Instance& other = add();
  EXPECT_EQ(spends(one, 4), "4, 96 left");  // And 6 are leased: its own.
  EXPECT_EQ(spends(other, 0), "0, 90 left") << "4 are granted, and 10 are leased";
  EXPECT_EQ(meter->reads, 1u) << "the figure is shared";
  EXPECT_EQ(spends(other, 90), "90, 0 left, shut");
  EXPECT_EQ(spends(one, 50), "6, 0 left, shut");
}

// It cannot know what was signalled before it came.
TEST_F(TouchTest, WhoComesLaterThanTheFigureReadsItAgain) {
  Instance& one = add();
  Instance& other = add();
  EXPECT_EQ(spends(one, 4), "4, 96 left");
  world.advance(minutes(5));  // Nobody is there any more.
  meter->report("1", 4, {});
  meter->plans["1"] = "10";
  invalidate(one, key());
  EXPECT_EQ(spends(other, 100), "6, 0 left, shut");
  EXPECT_EQ(meter->reads, 2u);
}

TEST_F(TouchTest, WithinItsLeaseMemoryAnswers) {
  Instance& one = add();
  spend(one, 1);
  const auto calls = one.way.calls;
  for (int i = 0; i < 4; ++i) EXPECT_EQ(one.allowances->try_spend("1", 1)->granted, 1);
  EXPECT_EQ(one.way.calls, calls);
  (void)one.allowances->try_spend("1",
                                  1);  // Less than half is left of it: the next is taken behind it.
  world.run();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(one.allowances->try_spend("1", 1)->granted, 1);
}

TEST_F(TouchTest, WhatIsNotSpentGoesBackWhenTheLeaseEnds) {
  Instance& one = add();
  Instance& other = add();
  reported_spend(one, 4);
  EXPECT_EQ(reported_spend(other, 100), 90);
  Amount granted = 0;
  for (int i = 0; i < 60; ++i) {
    world.advance(seconds(10));
    granted += reported_spend(other, 100);
  }
  EXPECT_EQ(granted, 6);
  EXPECT_EQ(meter->reported["1"], 100);
}

TEST_F(TouchTest, ALeaseThatHasEndedIsNotSpent) {
  Instance& one = add({.name = "hours",
                       .balance = "users",
                       .lease_amount = 10,
                       .without_store = WithoutStore::refuse});
  EXPECT_EQ(spends(one, 1), "1, 99 left");
  one.way.down = true;
  EXPECT_EQ(spends(one, 1), "1, 98 left");
  world.advance(minutes(1));
  EXPECT_EQ(spend(one, 1).granted, 0);
}

TEST_F(TouchTest, WhoDiesKeepsWhatItHadUntilThatMustBeInTheFigure) {
  Instance& one = add();
  Instance& other = add();
  spend(one, 4);
  one.way.down = true;  // It is gone, and what it has used is reported as late as may be.
  meter->report("1", 4, minutes(2));
  EXPECT_EQ(reported_spend(other, 100), 90);
  Amount granted = 0;
  for (int i = 0; i < 17; ++i) {
    world.advance(seconds(10));
    granted += reported_spend(other, 100);
  }
  EXPECT_EQ(granted, 0) << "a lease and a report are not over yet";
  for (int i = 0; i < 30; ++i) {
    world.advance(seconds(10));
    granted += reported_spend(other, 100);
  }
  EXPECT_EQ(granted, 6);
}

TEST_F(TouchTest, WithoutTheStoreEachGrantsOneLeaseInEachTime) {
  Instance& one = add();
  spend(one, 1);
  one.way.down = true;
  Amount granted = 0;
  for (int i = 0; i < 59; ++i) {
    granted += spend(one, 5).granted;
    world.advance(seconds(1));
  }
  EXPECT_EQ(granted, 5 + 10) << "the lease is that instead of what it had";
  for (int i = 0; i < 5; ++i) {
    world.advance(seconds(10));
    granted += spend(one, 5).granted;
  }
  EXPECT_EQ(granted, 5 + 2 * 10);
  one.way.down = false;
  world.advance(minutes(2));
  EXPECT_EQ(spends(one, 0), std::to_string(0) + ", " + std::to_string(99 - granted) + " left");
}

TEST_F(TouchTest, WithoutTheStoreNothingMoreIfThePolicySaysSo) {
  AllowancePolicy policy = plain();
  policy.without_store = WithoutStore::refuse;
  Instance& one = add(policy);
  spend(one, 1);
  one.way.down = true;
  EXPECT_EQ(spends(one, 100), "9, 90 left, shut");
  EXPECT_EQ(spends(one, 100), "0, 90 left, shut");
  one.way.down = false;
  world.advance(seconds(2));
  EXPECT_EQ(spend(one, 20).granted, 20);
}

TEST_F(TouchTest, WithoutTheStoreTheSourceIsReadAllTheSame) {
  Instance& one = add();
  one.way.down = true;
  EXPECT_EQ(spends(one, 4), "4, 96 left");
  meter->plans["1"] = "500";
  invalidate(one, key());
  EXPECT_EQ(text(one.allowances->try_spend("1", 0)->left), "496 left");
  one.way.down = false;
  world.advance(minutes(2));
  EXPECT_EQ(spends(one, 0), "0, 496 left") << "what it has read then stands in the ledger";
}

TEST_F(TouchTest, AStoreThatHangsIsWaitedForNoLongerThanStoreWithin) {
  Instance& one = add();
  spend(one, 1);
  store.mood = PlainStore::Mood::hanging;
  std::optional<Spent> spent;
  start(one.allowances->spend("1", 15), [&](Spent what) { spent = what; });
  world.advance(milliseconds(999));
  EXPECT_FALSE(spent.has_value());
  world.advance(milliseconds(1));
  ASSERT_TRUE(spent.has_value());
  EXPECT_EQ(spent->granted, 10) << "one lease more, without the store";
  EXPECT_EQ(one.allowances->stats().ledger_failures, 1u);
}

TEST_F(TouchTest, ALedgerThatIsLostIsMadeAgainAndTheSourceRead) {
  Instance& one = add();
  Instance& other = add();
  spend(one, 4);
  spend(other, 4);
  meter->report("1", 8, minutes(1));
  store.lose(ledger_key());
  spend(one, 20);  // 20 leases: it looks, and declares again.
  EXPECT_EQ(one.allowances->stats().ledgers_lost, 1u);
  EXPECT_EQ(meter->reads, 2u);
  world.advance(seconds(50));
  EXPECT_EQ(other.allowances->stats().ledgers_lost, 1u);
  world.advance(minutes(2));
  EXPECT_EQ(spends(one, 0), "0, 72 left");
}

TEST_F(TouchTest, ADamagedLedgerIsALostOne) {
  Instance& one = add();
  spend(one, 4);
  store.damage(ledger_key());
  EXPECT_EQ(spends(one, 20), "20, 76 left");
  EXPECT_EQ(one.allowances->stats().ledgers_lost, 1u);
}

// An older ledger, of a replica that has taken over, has an older figure, and older shares.
TEST_F(TouchTest, OfAnotherIncarnationNoFigureCounts) {
  Instance& one = add();
  Instance& other = add();
  spend(one, 4);
  const kit::Slots replica = store.state();
  meter->plans["1"] = "50";
  invalidate(one, key());
  EXPECT_EQ(spends(one, 40), "40, 6 left");
  store.state() = replica;
  store.present_incarnation = {.high = 1, .low = 2};
  const auto reads = meter->reads;
  const Amount granted = spend(other, 100).granted;
  EXPECT_GT(meter->reads, reads);
  EXPECT_LE(granted, 50 - 4 + 0) << "of the new plan, and not of the old one";
}

TEST_F(TouchTest, WhoIsRefusedLooksAgain) {
  Instance& one = add();
  Instance& other = add();
  spend(one, 0);
  one.way.late_max = milliseconds(20);
  other.way.late_max = milliseconds(20);
  Amount granted = 0;
  int ended = 0;
  for (int i = 0; i < 10; ++i) {
    for (Instance* each : {&one, &other}) {
      start(each->allowances->spend("1", 3), [&](Spent what) {
        granted += what.granted;
        ++ended;
      });
    }
    world.advance(milliseconds(200));
  }
  world.advance(seconds(2));
  EXPECT_EQ(ended, 20);
  EXPECT_EQ(granted, 60);
  EXPECT_EQ(one.allowances->stats().ledger_failures + other.allowances->stats().ledger_failures,
            0u);
}

TEST_F(TouchTest, APlanThatShrinksTakesBackWhatIsLeased) {
  Instance& one = add();
  spend(one, 1);
  meter->plans["1"] = "3";
  invalidate(one, key());
  EXPECT_EQ(spends(one, 100), "2, 0 left, shut");
}

TEST_F(TouchTest, WhatWasGrantedWithoutLimitCountsOnceThereIsOne) {
  meter->plans["1"] = "unlimited";
  Instance& one = add();
  Instance& other = add();
  EXPECT_EQ(spends(one, 30), "30, unlimited");
  world.advance(minutes(1));  // It has declared that.
  meter->plans["1"] = "100";
  invalidate(other, key());
  EXPECT_EQ(spends(other, 100), "70, 0 left, shut");
}

TEST_F(TouchTest, ForWhomThereIsNoRoomInTheLedgerIsGivenNothing) {
  settles = false;  // The shares that are there already must not grow old.
  Ledger full;
  full.figure = {.balance = Amount(100000), .id = world.token(), .read_at = world.now()};
  for (std::size_t i = 0; i < Ledger::shares_max; ++i) {
    full.shares.push_back({.owner = world.token(), .taken = 1});
  }
  Envelope envelope;
  envelope.id = world.token();
  envelope.key = "/allowance/hours/1";
  envelope.payload = full.encode(world.now());
  ASSERT_TRUE(world.run(store.put(ledger_key(), envelope, minutes(60)))->has_value());
  Instance& one = add();
  EXPECT_EQ(spend(one, 1).granted, 0);
  EXPECT_LT(one.way.calls, 10u);
  for (int i = 0; i < 40; ++i) {
    world.advance(minutes(1));
    spend(one, 1);
  }
  EXPECT_EQ(spend(one, 1).granted, 1) << "those who died have gone";
}

}  // namespace
}  // namespace headrace
