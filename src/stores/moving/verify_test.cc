#include "stores/moving/verify.h"

#include "headrace/stores/moving.h"
#include "stores/moving/backfill.h"
#include "stores/moving/stores_fixture.h"

namespace headrace::moving {
namespace {

class VerifyTest : public StoresTest {
 protected:
  VerifyTest() {
    for (std::uint64_t n = 1; n <= entries; ++n) {
      fill(plain_from_, std::to_string(n), {a_}, 1h, key(n));
    }
    for (std::uint64_t n = 1; n <= entries; ++n) copy(key(n));
  }
  void copy(StoreKey k) {
    const Copier copier({.from = plain_from_, .to = plain_to_, .clock = world_, .random = world_},
                        10s);
    ok(copier.copy(k));
  }
  // Runs to the end, with time for as many looks as it takes.
  Verify::Report verify() {
    const auto running = begin_verify();
    world_.advance(10min);
    EXPECT_TRUE(running->has_value() && (*running)->has_value());
    return verify_->report();
  }
  std::shared_ptr<std::optional<Result<void>>> begin_verify() {
    const Copier copier({.from = from_, .to = to_, .clock = world_, .random = world_}, 10s);
    verify_ = std::make_unique<Verify>(
        copier, Verify::Ports{.from = from_, .to = to_, .clock = world_, .executor = world_},
        WalkOptions{.at_once_max = 2, .page_keys_max = page_keys_max_, .retry_after = 1s});
    return begin(verify_->run());
  }
  // With `between` after each look at the new store, and before the next at the old one.
  template <class F>
  void verify_with(F between) {
    to_.stop(Call::look, When::after);
    const auto running = begin_verify();
    for (int looks = 0; to_.is_stopped(); ++looks) {
      between();
      to_.stop(looks < 20 ? Call::look : Call::none, When::after);
      to_.go();
      world_.advance(3min);
    }
    ASSERT_TRUE(running->has_value() && (*running)->has_value());
  }
  void only_the_first() {
    for (std::uint64_t n = 2; n <= entries; ++n) {
      ok(plain_from_.invalidate({key(n)}));
      ok(plain_to_.invalidate({key(n)}));
    }
  }
  // What the new store holds, replaced by what `change` makes of it.
  template <class F>
  void spoil(StoreKey k, F change, Duration keep_for = 1h) {
    Slot slot = look(plain_to_, {a_}, k);
    slot.envelope.age_at_publish += slot.stored_for;
    change(slot.envelope);
    ok(plain_to_.put(k, slot.envelope, keep_for));
  }

  static constexpr std::uint64_t entries = 10;
  std::size_t page_keys_max_ = 4;
  std::unique_ptr<Verify> verify_;
};

TEST_F(VerifyTest, TwoThatHoldTheSameAreFoundToDoSo) {
  world_.advance(90s);
  const Verify::Report report = verify();
  EXPECT_EQ(report.listed, entries);
  EXPECT_EQ(report.compared, entries);
  EXPECT_EQ(report.listed_new, entries);
  EXPECT_EQ(report.faults() + report.unsettled, 0u);
  EXPECT_EQ(report.time_left_difference_max, Duration(0));
  EXPECT_TRUE(report.is_done && report.new_was_listed);
}

TEST_F(VerifyTest, WhatIsNotThereIsCopied) {
  ok(plain_to_.invalidate({key(1)}));
  spoil(key(2), [this](Envelope& e) { e.watermarks[0].token = world_.token(); });
  plain_to_.damage(key(3));
  spoil(key(4), [](Envelope& e) { e.watermarks.clear(); });
  const Verify::Report report = verify();
  EXPECT_EQ(report.copied, 4u);
  EXPECT_EQ(report.compared, entries);
  EXPECT_EQ(report.faults(), 0u);
  for (std::uint64_t n = 1; n <= 4; ++n) EXPECT_EQ(answer(plain_to_, key(n)), std::to_string(n));
}

TEST_F(VerifyTest, WhatCannotBeCopiedIsLost) {
  ok(plain_to_.invalidate({key(1)}));
  EXPECT_TRUE(ok(plain_to_.get_or_lease(key(1), world_.token(), 1h, {})).granted);
  const Verify::Report report = verify();
  EXPECT_EQ(report.lost, 1u);
  EXPECT_EQ(report.compared, entries);
  EXPECT_EQ(report.faults(), 1u);
  EXPECT_EQ(report.copied, 0u);
}

TEST_F(VerifyTest, MoreThanTrafficLeavesBehindIsLost) {
  page_keys_max_ = Store::page_keys_max;
  const auto another = [](std::uint64_t n) { return StoreKey{{n, n, n, 0}}; };
  for (std::uint64_t n = 0; n <= Verify::missing_max; ++n) {
    fill(plain_from_, "v", {a_}, 1h, another(n));
  }
  Verify::Report report = verify();
  EXPECT_EQ(report.lost, Verify::missing_max + 1);
  EXPECT_EQ(report.copied, 0u);
  copy(another(0));
  report = verify();
  EXPECT_EQ(report.copied, Verify::missing_max);
  EXPECT_EQ(report.faults(), 0u);
}

// The second half of what voids takes the copy of a fill that came after the first half.
TEST_F(VerifyTest, WhatWasFilledBetweenTheHalvesOfAVoidingIsCopied) {
  const auto moving = make_moving_store(
      {.phase = MovingPhase::dual}, {.from = from_, .to = to_, .clock = world_, .random = world_});
  const auto fill_between = [&](Task<Result<Token>> voiding, Call half, StoreKey k,
                                WatermarkId id) {
    to_.stop(half, When::before);
    const auto going = begin(std::move(voiding));
    ASSERT_TRUE(to_.is_stopped());
    fill(*moving, "newer", {id}, 1h, k);
    EXPECT_EQ(answer(plain_to_, k), "newer");
    to_.go();
    EXPECT_TRUE(going->has_value() && (*going)->has_value());
    EXPECT_EQ(answer(plain_from_, k), "newer");
    EXPECT_NE(answer(plain_to_, k), "newer");
  };
  fill_between(moving->invalidate({key(1)}), Call::invalidate, key(1), a_);
  fill_between(moving->renew({b_}), Call::renew, key(20), b_);
  const Verify::Report report = verify();
  EXPECT_EQ(report.faults(), 0u);
  EXPECT_EQ(report.copied, 2u);
  EXPECT_EQ(answer(plain_to_, key(1)), "newer");
  EXPECT_EQ(answer(plain_to_, key(20)), "newer");
  moving->close();
}

// What is filled while a floor stands is not copied, and lasts longer than the floor may.
TEST_F(VerifyTest, WhatIsMissingAtTheLastLookAloneIsCopied) {
  ok(plain_from_.raise_floors({{.key = key(1), .revision = "7", .lasts = 100s}}));
  fill(plain_from_, "newer", {a_}, 1h, key(1));
  ok(plain_to_.invalidate({key(1)}));
  const auto running = begin_verify();
  world_.advance(99s);  // Seven looks; the eighth is 127 s after the first.
  EXPECT_FALSE(running->has_value());
  EXPECT_EQ(verify_->report().copied, 0u);
  world_.advance(1min);
  ASSERT_TRUE(running->has_value() && (*running)->has_value());
  EXPECT_EQ(verify_->report().faults() + verify_->report().unsettled, 0u);
  EXPECT_EQ(verify_->report().copied, 1u);
}

TEST_F(VerifyTest, ACopyThatFailsIsMadeAgain) {
  ok(plain_to_.invalidate({key(1)}));
  to_.stop(Call::get_or_lease, When::after);
  const auto running = begin_verify();
  ASSERT_TRUE(to_.is_stopped());
  plain_from_.mood = kit::PlainStore::Mood::failing;
  to_.go();
  EXPECT_FALSE(running->has_value());
  plain_from_.mood = kit::PlainStore::Mood::well;
  world_.advance(10min);
  ASSERT_TRUE(running->has_value() && (*running)->has_value());
  EXPECT_EQ(verify_->report().faults(), 0u);
  EXPECT_EQ(verify_->report().copied, 1u);
}

TEST_F(VerifyTest, EachDifferenceIsSeen) {
  spoil(key(1), [this](Envelope& e) { e.id = world_.token(); });
  spoil(key(2), [](Envelope& e) { e.payload += "x"; });
  spoil(key(3), [](Envelope& e) { e.kind = Kind::null; });
  spoil(key(4), [](Envelope& e) { e.revision = "x"; });
  spoil(key(5), [](Envelope& e) { e.key = "x"; });
  world_.advance(10s);
  spoil(key(6), [](Envelope& e) { e.age_at_publish -= 2s; }, 1h - 10s);  // Younger.
  spoil(key(7), [](Envelope& e) { e.age_at_publish += 2s; }, 1h - 10s);  // Older is no fault.
  const Verify::Report report = verify();
  EXPECT_EQ(report.different, 6u);
  EXPECT_EQ(report.faults(), 6u);
}

TEST_F(VerifyTest, TimesLeftMayDifferByASecond) {
  world_.advance(10s);
  spoil(key(1), [](Envelope&) {}, 1h - 10s + 1001ms);
  spoil(key(2), [](Envelope&) {}, 1h - 10s - 1001ms);
  spoil(key(3), [](Envelope&) {}, 1h - 10s + 999ms);
  const Verify::Report report = verify();
  EXPECT_EQ(report.time_left_differs, 2u);
  EXPECT_EQ(report.faults(), 2u);
  EXPECT_EQ(report.time_left_difference_max, 1001ms);
}

TEST_F(VerifyTest, WhatOnlyTheNewStoreHoldsIsResurrected) {
  ok(plain_from_.invalidate({key(1)}));
  // Void in the old store, by a watermark that the new one was not told of.
  fill(plain_from_, "x", {b_}, 1h, key(20));
  copy(key(20));
  renew(plain_from_, b_);
  const Verify::Report report = verify();
  EXPECT_EQ(report.resurrected, 2u);
  EXPECT_EQ(report.faults(), 2u);
  EXPECT_EQ(report.compared, entries - 1);
  // What the new store would not answer either is no fault.
  renew(plain_to_, b_);
  ok(plain_to_.invalidate({key(1)}));
  EXPECT_EQ(verify().faults(), 0u);
}

TEST_F(VerifyTest, ANewStoreThatCannotListIsNotAskedForWhatItHoldsAlone) {
  to_.lists = false;
  ok(plain_to_.invalidate({key(1)}));
  ok(plain_from_.invalidate({key(2)}));
  const Verify::Report report = verify();
  EXPECT_FALSE(report.new_was_listed);
  EXPECT_EQ(report.copied, 1u);
  EXPECT_EQ(report.resurrected, 0u);
  // The old one must.
  from_.lists = false;
  const auto running = begin_verify();
  ASSERT_TRUE(running->has_value());
  EXPECT_EQ((**running).error().code, Code::not_allowed);
  EXPECT_FALSE(verify_->report().is_done);
}

TEST_F(VerifyTest, AChangeOnItsWayIsNoDifference) {
  refresh(plain_from_, "newer", {a_}, key(1));
  ok(plain_from_.invalidate({key(2)}));
  const auto running = begin_verify();
  EXPECT_FALSE(running->has_value());
  copy(key(1));
  world_.advance(10s);
  ok(plain_to_.invalidate({key(2)}));
  world_.advance(10min);
  ASSERT_TRUE(running->has_value() && (*running)->has_value());
  EXPECT_EQ(verify_->report().faults(), 0u);
}

TEST_F(VerifyTest, WhatChangesBetweenTheLooksIsLookedAtAgain) {
  to_.stop(Call::look, When::after);
  const auto running = begin_verify();
  ASSERT_TRUE(to_.is_stopped());
  for (std::uint64_t n = 1; n <= entries; ++n) {
    refresh(plain_from_, "newer", {a_}, key(n));
    copy(key(n));
  }
  to_.go();
  world_.advance(10min);
  ASSERT_TRUE(running->has_value() && (*running)->has_value());
  EXPECT_EQ(verify_->report().faults() + verify_->report().unsettled, 0u);
}

TEST_F(VerifyTest, WhatChangesWithEveryLookIsNotCompared) {
  only_the_first();
  verify_with([this] { refresh(plain_from_, "newer", {a_}, key(1)); });
  EXPECT_EQ(verify_->report().unsettled, 1u);
  EXPECT_EQ(verify_->report().faults(), 0u);
}

TEST_F(VerifyTest, TimeThatPassesBetweenTheLooksIsNoDifference) {
  only_the_first();
  verify_with([this] { world_.advance(5s); });
  EXPECT_EQ(verify_->report().compared, 1u);
  EXPECT_EQ(verify_->report().faults(), 0u);
  EXPECT_EQ(verify_->report().time_left_difference_max, Duration(0));
}

TEST_F(VerifyTest, WhatIsGuardedIsNotCompared) {
  plain_from_.state().guard({key(1)}, world_.token(), world_.now() + 2h);
  fill(plain_from_, "under it", {a_});
  const Verify::Report report = verify();
  EXPECT_EQ(report.unsettled, 1u);
  EXPECT_EQ(report.faults(), 0u);
}

TEST_F(VerifyTest, WhatIsGuardedInTheNewStoreAloneIsNotCompared) {
  ok(plain_to_.guard({key(1)}, world_.token(), 2h));
  const Verify::Report report = verify();
  EXPECT_EQ(report.unsettled, 1u);
  EXPECT_EQ(report.faults(), 0u);
}

}  // namespace
}  // namespace headrace::moving
