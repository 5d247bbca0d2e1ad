// contract/guard_contract.h: what every store must do about write guards and incarnations.
//
// Part of contract/store_contract.h; by itself for a store that only one thread may use.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "contract/store_fixture.h"

namespace headrace::contract {

// A guard empties the slot.

TEST_P(StoreContract, AGuardVoidsAnEnvelope) {
  const Token id = fill(key(1), "v");
  guard(key(1));
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), id, envelope("refresh")));
  EXPECT_FALSE(take_over(key(1), id, token()));
}

TEST_P(StoreContract, AFillUnderALeaseFromBeforeTheGuardIsRefused) {
  const Token late = lease(key(1));
  const Token mine = guard(key(1));
  EXPECT_EQ(look(key(1)).state, State::empty);
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  unguard(key(1), mine);
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
  EXPECT_EQ(look(key(1)).state, State::empty);
}

TEST_P(StoreContract, ATakenOverLeaseFromBeforeTheGuardIsVoid) {
  const Token late = token();
  ASSERT_TRUE(take_over(key(1), fill(key(1), "v"), late));
  guard(key(1));
  EXPECT_FALSE(publish(key(1), late, envelope("old")));
}

TEST_P(StoreContract, AGuardRepeatedEmptiesTheSlotAgain) {
  const Token mine = guard(key(1));
  const Token between = lease(key(1));
  guard(key(1), mine);
  EXPECT_FALSE(publish(key(1), between, envelope("old")));
}

// Whoever asks is told.

TEST_P(StoreContract, ALeaseGrantedUnderAGuardIsTold) {
  EXPECT_FALSE(claim(key(1), token(), {}, tick()).slot.guarded);
  guard(key(1));
  const Store::Claim got = claim(key(1), token(), {tag_a});
  EXPECT_TRUE(got.granted);
  EXPECT_TRUE(got.slot.guarded);
  EXPECT_EQ(got.slot.watermarks.size(), 1u);
}

TEST_P(StoreContract, EveryStateTellsOfAGuard) {
  EXPECT_FALSE(look(key(1)).guarded);
  guard(key(1));
  EXPECT_TRUE(look(key(1)).guarded);
  const Token mine = lease(key(1));
  EXPECT_TRUE(look(key(1)).guarded);
  const Store::Claim second = claim(key(1), token());
  EXPECT_FALSE(second.granted);
  EXPECT_TRUE(second.slot.guarded);
  ASSERT_TRUE(publish(key(1), mine, envelope("v"))) << "a guard stops no publish by itself";
  const Store::Claim held = claim(key(1), token());
  EXPECT_EQ(held.slot.state, State::held);
  EXPECT_TRUE(held.slot.guarded);
  EXPECT_TRUE(look(key(1)).guarded);
  EXPECT_TRUE(ok(store().look(key(1), {}, Store::Payload::without)).guarded);
  damage(key(1));
  EXPECT_TRUE(claim(key(1), token()).slot.guarded);
}

TEST_P(StoreContract, AGuardLeavesOtherKeysAlone) {
  const Token id = fill(key(2), "other");
  const Token leased = lease(key(3));
  guard(key(1));
  EXPECT_FALSE(look(key(2)).guarded);
  EXPECT_EQ(payload(key(2)), "other");
  EXPECT_FALSE(look(key(3)).guarded);
  EXPECT_TRUE(publish(key(3), leased, envelope("v")));
  EXPECT_TRUE(publish(key(2), id, envelope("w")));
}

TEST_P(StoreContract, OneGuardStandsOnManyKeys) {
  std::vector<StoreKey> keys;
  for (std::uint64_t n = 1; n <= 50; ++n) keys.push_back(key(n));
  for (const StoreKey& k : keys) put(k, envelope("v"));
  keys.push_back(key(1));
  const Token mine = token();
  ok(store().guard(keys, mine, long_enough));
  for (const StoreKey& k : keys) {
    const Slot slot = look(k);
    EXPECT_TRUE(slot.guarded);
    EXPECT_EQ(slot.state, State::empty);
  }
  unguard(key(2), mine);
  EXPECT_FALSE(look(key(2)).guarded);
  EXPECT_TRUE(look(key(3)).guarded);
  ok(store().unguard(keys, mine));
  for (const StoreKey& k : keys) EXPECT_FALSE(look(k).guarded);
  ok(store().guard(std::vector<StoreKey>{}, mine, long_enough));
  ok(store().unguard(std::vector<StoreKey>{}, mine));
}

// Guards are a set.

TEST_P(StoreContract, TwoGuardsAndOneTakenAwayLeaveTheOther) {
  const Token first = guard(key(1));
  const Token second = guard(key(1));
  unguard(key(1), first);
  EXPECT_TRUE(look(key(1)).guarded);
  EXPECT_TRUE(claim(key(1), token()).slot.guarded);
  unguard(key(1), second);
  EXPECT_FALSE(look(key(1)).guarded);
}

TEST_P(StoreContract, TheSameGuardTwiceIsOne) {
  const Token mine = guard(key(1));
  guard(key(1), mine);
  unguard(key(1), mine);
  EXPECT_FALSE(look(key(1)).guarded);
  unguard(key(1), mine);
  EXPECT_FALSE(look(key(1)).guarded);
}

TEST_P(StoreContract, AGuardThatStandsNowhereIsTakenAwayInVain) {
  unguard(key(1), token());
  const Token mine = guard(key(1));
  unguard(key(1), token());
  unguard(key(1), {.high = mine.high, .low = mine.low ^ 1});
  unguard(key(1), {.high = mine.high ^ 1, .low = mine.low});
  unguard(key(2), mine);
  EXPECT_TRUE(look(key(1)).guarded);
}

TEST_P(StoreContract, UnguardLeavesTheSlot) {
  const Token mine = guard(key(1));
  const Token leased = lease(key(1));
  unguard(key(1), mine);
  EXPECT_TRUE(publish(key(1), leased, envelope("v")));
  unguard(key(1), mine);
  EXPECT_EQ(payload(key(1)), "v");
}

TEST_P(StoreContract, NothingButItsEndAndUnguardTakesAGuardAway) {
  guard(key(1));
  invalidate(key(1));
  EXPECT_TRUE(look(key(1)).guarded);
  renew(tag_a);
  EXPECT_TRUE(look(key(1)).guarded);
  put(key(1), envelope("put"));
  EXPECT_TRUE(look(key(1)).guarded);
  invalidate(key(1));
  const Token mine = lease(key(1));
  ok(store().release(key(1), mine));
  EXPECT_TRUE(look(key(1)).guarded);
}

// Guards end.

TEST_P(StoreContract, AGuardEndsByItselfAndNotBefore) {
  guard(key(1), token(), 10 * tick());
  pass(9 * tick());
  EXPECT_TRUE(look(key(1)).guarded);
  pass(2 * tick());
  EXPECT_FALSE(look(key(1)).guarded);
  EXPECT_FALSE(claim(key(1), token()).slot.guarded);
}

TEST_P(StoreContract, EachGuardEndsByItself) {
  guard(key(1), token(), 10 * tick());
  guard(key(1), token(), 30 * tick());
  pass(20 * tick());
  EXPECT_TRUE(look(key(1)).guarded);
  pass(11 * tick());
  EXPECT_FALSE(look(key(1)).guarded);
}

TEST_P(StoreContract, TheSameGuardTwiceEndsWhenTheLaterDoes) {
  const Token longer_first = guard(key(1), token(), 30 * tick());
  guard(key(1), longer_first, 10 * tick());
  const Token shorter_first = guard(key(2), token(), 10 * tick());
  guard(key(2), shorter_first, 30 * tick());
  pass(20 * tick());
  EXPECT_TRUE(look(key(1)).guarded);
  EXPECT_TRUE(look(key(2)).guarded);
  pass(11 * tick());
  EXPECT_FALSE(look(key(1)).guarded);
  EXPECT_FALSE(look(key(2)).guarded);
}

TEST_P(StoreContract, AGuardThatCannotBeIsRefused) {
  const std::vector<StoreKey> keys{key(1)};
  const Duration too_long = Store::guard_lasts_max + Duration(1);
  for (const Duration lasts : {Duration(0), Duration(-1), too_long, Duration::max()}) {
    const auto refused = wait(store().guard(keys, token(), lasts));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, Code::invalid_argument);
  }
  const auto refused = wait(store().guard(keys, Token{}, long_enough));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_FALSE(look(key(1)).guarded);
  guard(key(1), token(), Store::guard_lasts_max);
  EXPECT_TRUE(look(key(1)).guarded);
}

// Incarnations.

TEST_P(StoreContract, WhileItRunsItIsOneIncarnation) {
  const Token one = ok(store().incarnation());
  const std::vector<StoreKey> keys{key(1)};
  EXPECT_EQ(claim(key(1), token()).slot.incarnation, one);
  EXPECT_EQ(claim(key(1), token()).slot.incarnation, one);
  EXPECT_EQ(ok(store().invalidate(keys)), one);
  EXPECT_EQ(ok(store().renew(std::vector<WatermarkId>{tag_a})), one);
  EXPECT_EQ(ok(store().guard(keys, token(), long_enough)), one);
  EXPECT_EQ(look(key(1), {tag_a}).incarnation, one);
  put(key(1), envelope("v"));
  EXPECT_EQ(look(key(1)).incarnation, one);
  EXPECT_EQ(claim(key(1), token()).slot.incarnation, one);
  pass(100 * tick());
  EXPECT_EQ(ok(store().incarnation()), one);
}

}  // namespace headrace::contract
