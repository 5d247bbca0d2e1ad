#include "stores/moving/copier.h"

#include "stores/moving/stores_fixture.h"

namespace headrace::moving {
namespace {

using Outcome = Copied::Outcome;
using Going = std::shared_ptr<std::optional<Result<Copied>>>;

class CopierTest : public StoresTest {
 protected:
  Outcome copy() { return ok(copier_.copy(key())).outcome; }
  Going begin_copy() { return begin(copier_.copy(key())); }
  // Begins a copy that waits after the look at the old store that tells what to copy.
  Going begin_copy_until(GatedStore& store, Call call, When when, int skip = 0) {
    store.stop(call, when, skip);
    Going going = begin_copy();
    EXPECT_TRUE(store.is_stopped());
    return going;
  }
  static Outcome ended(const Going& going) {
    EXPECT_TRUE(going->has_value() && (*going)->has_value());
    return (**going)->outcome;
  }
  // What every invalidation does, in the order in which it does it.
  void invalidate_both() {
    invalidate(plain_from_);
    invalidate(plain_to_);
  }
  void renew_both(WatermarkId id) {
    renew(plain_from_, id);
    renew(plain_to_, id);
  }

  Copier copier_{{.from = from_, .to = to_, .clock = world_, .random = world_}, 10s};
};

TEST_F(CopierTest, ACopyHasTheIdAndTheValueAndDependsOnTheSameNames) {
  const Envelope e = fill(plain_from_, "v", {a_, b_});
  EXPECT_EQ(copy(), Outcome::copied);
  const Slot slot = look(plain_to_, {a_, b_});
  ASSERT_EQ(slot.state, State::held);
  EXPECT_EQ(slot.envelope.id, e.id);
  EXPECT_EQ(slot.envelope.key, e.key);
  EXPECT_FALSE(slot.envelope.lease.is_none());
  EXPECT_NE(slot.envelope.lease, e.lease);
  EXPECT_EQ(answer(plain_to_), "v");
  renew(plain_to_, b_);
  EXPECT_EQ(answer(plain_to_), "(void)");
}

TEST_F(CopierTest, AgeAndTimeLeftGoOnCountingWhereverTheTimePasses) {
  fill(plain_from_, "v", {}, 60s);
  world_.advance(10s);
  from_.stop(Call::look, When::after, 1);  // The answer of the look that counts is 3 s late.
  const Going going = begin_copy();
  world_.advance(3s);
  to_.stop(Call::publish, When::after);
  from_.go();
  to_.go();
  EXPECT_EQ(ended(going), Outcome::copied);
  const Slot slot = look(plain_to_);
  EXPECT_EQ(slot.envelope.age_at_publish + slot.stored_for, 13s);
  EXPECT_EQ(slot.kept_for, 47s);
}

TEST_F(CopierTest, WhatRunsOutOnTheWayIsNotCopied) {
  fill(plain_from_, "v", {}, 5s);
  const Going going = begin_copy_until(from_, Call::look, When::after, 1);
  world_.advance(5s);
  from_.go();
  EXPECT_EQ(ended(going), Outcome::gone);
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

TEST_F(CopierTest, NothingIsCopiedOfWhatCannotBeAnswered) {
  EXPECT_EQ(copy(), Outcome::gone);
  fill(plain_from_, "v", {a_});
  renew(plain_from_, a_);
  EXPECT_EQ(copy(), Outcome::gone);
  invalidate(plain_from_);
  fill(plain_from_, "v");
  plain_from_.damage(key());
  EXPECT_EQ(copy(), Outcome::gone);
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

// The fence.  An invalidation comes at each moment of a copy.

TEST_F(CopierTest, TheLookThatCountsComesAfterTheLease) {
  fill(plain_from_, "old");
  // Voided in both stores while the new one has not granted the lease yet.
  const Going going = begin_copy_until(to_, Call::get_or_lease, When::before);
  invalidate_both();
  to_.go();
  EXPECT_EQ(ended(going), Outcome::gone);
  EXPECT_EQ(answer(plain_to_), "(none)");
  EXPECT_EQ(look(plain_to_).state, State::empty);  // The lease was given back.
}

TEST_F(CopierTest, WhatIsVoidedBehindTheLookThatCountsVoidsTheLease) {
  fill(plain_from_, "old");
  const Going going = begin_copy_until(from_, Call::look, When::after, 1);
  invalidate_both();
  from_.go();
  EXPECT_EQ(ended(going), Outcome::busy);
  EXPECT_EQ(answer(plain_to_), "(none)");
}

TEST_F(CopierTest, WhatIsVoidedInTheOldStoreAloneYetIsVoidedInTheNewOneAfterTheCopy) {
  fill(plain_from_, "old");
  const Going going = begin_copy_until(to_, Call::publish, When::before);
  invalidate(plain_from_);
  to_.go();
  EXPECT_EQ(ended(going), Outcome::copied);
  invalidate(plain_to_);
  EXPECT_EQ(answer(plain_to_), "(none)");
}

TEST_F(CopierTest, WatermarksOfTheNewStoreAreReadBeforeTheLookThatCounts) {
  fill(plain_from_, "old", {a_});
  const Going going = begin_copy_until(from_, Call::look, When::after, 1);
  renew_both(a_);
  from_.go();
  ended(going);
  EXPECT_EQ(answer(plain_to_), "(void)");
}

TEST_F(CopierTest, AnEntryThatLostAWatermarkInBetweenIsNotCopied) {
  fill(plain_from_, "old", {a_});
  const Going going = begin_copy_until(to_, Call::get_or_lease, When::before);
  renew_both(a_);
  to_.go();
  EXPECT_EQ(ended(going), Outcome::gone);
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

TEST_F(CopierTest, AGuardOrAFloorThatComesInBetweenEndsTheCopy) {
  for (const bool is_guard : {true, false}) {
    fill(plain_from_, "old");
    const Going going = begin_copy_until(to_, Call::get_or_lease, When::after);
    if (is_guard) {
      ok(plain_from_.guard({key()}, world_.token(), 1h));
    } else {
      plain_from_.state().raise_floors({{.key = key(), .revision = "7", .lasts = 1h}},
                                       world_.now());
    }
    // A guard stops no publish by itself: somebody has filled the slot again.
    fill(plain_from_, "read under it");
    to_.go();
    EXPECT_EQ(ended(going), Outcome::unsettled);
    EXPECT_EQ(look(plain_to_).state, State::empty);
    // As long as it stands nothing is asked of the new store.
    to_.stop(Call::get_or_lease, When::before);
    EXPECT_EQ(ended(begin_copy()), Outcome::unsettled);
    to_.stop(Call::none, When::before);
    world_.advance(2h);
  }
}

TEST_F(CopierTest, AGuardInTheNewStoreEndsTheCopyToo) {
  fill(plain_from_, "v");
  const Token guard = world_.token();
  ok(plain_to_.guard({key()}, guard, 1h));
  EXPECT_EQ(copy(), Outcome::unsettled);
  EXPECT_EQ(look(plain_to_).state, State::empty);
  ok(plain_to_.unguard({key()}, guard));
  EXPECT_EQ(copy(), Outcome::copied);
}

TEST_F(CopierTest, WhatTookThePlaceOfTheEntryIsCopiedWithAllThatItDependsOn) {
  fill(plain_from_, "old", {a_});
  const Going going = begin_copy_until(to_, Call::get_or_lease, When::after);
  refresh(plain_from_, "new", {a_, b_});
  to_.go();
  EXPECT_EQ(ended(going), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "new");
  renew(plain_to_, b_);
  EXPECT_EQ(answer(plain_to_), "(void)");
}

TEST_F(CopierTest, WhatIsReplacedAgainAndAgainIsLeftForLater) {
  std::vector<WatermarkId> ids;
  fill(plain_from_, "v");
  to_.stop(Call::get_or_lease, When::after);
  const Going going = begin_copy();
  for (int round = 1; round <= Copier::rounds_max; ++round) {
    ids.push_back(WatermarkId::of(std::to_string(round)));
    refresh(plain_from_, "v", ids);
    if (round < Copier::rounds_max) to_.stop(Call::get_or_lease, When::after);
    to_.go();
  }
  EXPECT_EQ(ended(going), Outcome::busy);
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

TEST_F(CopierTest, AnotherIncarnationInBetweenEndsTheCopy) {
  fill(plain_from_, "back from the dead");
  plain_from_.present_incarnation = world_.token();
  const Going going = begin_copy_until(to_, Call::get_or_lease, When::after);
  plain_from_.present_incarnation = world_.token();
  to_.go();
  EXPECT_EQ(ended(going), Outcome::busy);
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

// What the new store holds already.

TEST_F(CopierTest, TheSameEntryIsNotCopiedTwice) {
  fill(plain_from_, "v", {a_});
  EXPECT_EQ(copy(), Outcome::copied);
  EXPECT_EQ(copy(), Outcome::there_already);
  EXPECT_EQ(plain_to_.writes, 1u);
}

TEST_F(CopierTest, ACopyThatLostAWatermarkOfTheNewStoreIsMadeAnew) {
  fill(plain_from_, "v", {a_});
  EXPECT_EQ(copy(), Outcome::copied);
  renew(plain_to_, a_);  // As if it had been evicted there.
  EXPECT_EQ(copy(), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "v");
}

TEST_F(CopierTest, AnOlderEntryIsReplacedAndAYoungerOneStays) {
  fill(plain_to_, "older", {a_});
  world_.advance(1s);
  fill(plain_from_, "v", {a_});
  EXPECT_EQ(copy(), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "v");
  world_.advance(1s);
  refresh(plain_to_, "younger", {a_});
  EXPECT_EQ(copy(), Outcome::there_already);
  EXPECT_EQ(answer(plain_to_), "younger");
  renew(plain_to_, a_);  // What is void is not young.
  EXPECT_EQ(copy(), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "v");
}

TEST_F(CopierTest, WatermarksFromBeforeATakeOverDoNotCount) {
  fill(plain_to_, "older", {a_});
  world_.advance(1s);
  fill(plain_from_, "v", {a_});
  const Going going = begin_copy_until(to_, Call::take_over, When::before);
  renew_both(a_);
  refresh(plain_from_, "newer", {a_});
  to_.go();
  EXPECT_EQ(ended(going), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "newer");
}

TEST_F(CopierTest, ATakeOverThatLosesItsRaceLeavesTheOther) {
  fill(plain_to_, "older");
  world_.advance(1s);
  fill(plain_from_, "v");
  const Going going = begin_copy_until(to_, Call::take_over, When::before);
  refresh(plain_to_, "of another");
  to_.go();
  EXPECT_EQ(ended(going), Outcome::busy);
  EXPECT_EQ(answer(plain_to_), "of another");
}

TEST_F(CopierTest, ADamagedEntryIsReplaced) {
  fill(plain_to_, "x");
  plain_to_.damage(key());
  fill(plain_from_, "v");
  EXPECT_EQ(copy(), Outcome::copied);
  EXPECT_EQ(answer(plain_to_), "v");
}

TEST_F(CopierTest, ASlotThatSomebodyFillsIsLeftToThem) {
  fill(plain_from_, "v");
  const Token theirs = world_.token();
  EXPECT_TRUE(ok(plain_to_.get_or_lease(key(), theirs, 10s, {})).granted);
  EXPECT_EQ(copy(), Outcome::busy);
  EXPECT_EQ(look(plain_to_).token, theirs);
}

// Failures.

TEST_F(CopierTest, AFailureNamesTheStoreAndGivesTheSlotBack) {
  fill(plain_from_, "v");
  plain_to_.mood = kit::PlainStore::Mood::failing;
  Going going = begin_copy();
  ASSERT_FALSE((*going)->has_value());
  EXPECT_EQ((**going).error().code, Code::store_unavailable);
  EXPECT_TRUE((**going).error().what.starts_with("the new store: ")) << (**going).error().what;

  plain_to_.mood = kit::PlainStore::Mood::well;
  going = begin_copy_until(to_, Call::get_or_lease, When::after);
  plain_from_.mood = kit::PlainStore::Mood::failing;
  to_.go();
  ASSERT_FALSE((*going)->has_value());
  EXPECT_TRUE((**going).error().what.starts_with("the old store: ")) << (**going).error().what;
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

}  // namespace
}  // namespace headrace::moving
