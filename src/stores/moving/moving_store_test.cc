#include "headrace/stores/moving.h"

#include <thread>

#include "kit/eventually.h"
#include "stores/moving/stores_fixture.h"

namespace headrace::moving {
namespace {

using Mood = kit::PlainStore::Mood;

class MovingStoreTest : public StoresTest {
 protected:
  static constexpr Duration beside_lasts_max = 5min;

  MovingStore& make(MovingPhase phase, std::size_t copies_max = 8) {
    moving_.reset();
    moving_ = make_moving_store({.phase = phase,
                                 .beside_lasts_max = beside_lasts_max,
                                 .copies_max = copies_max,
                                 .waiting_max = 2},
                                {.from = from_, .to = to_, .clock = world_, .random = world_});
    log_.clear();
    return *moving_;
  }
  void set(MovingPhase phase) {
    const Result<void> done = moving_->set_phase(phase);
    EXPECT_TRUE(done.has_value()) << done.error().what;
  }
  bool is_guarded(Store& store) { return look(store).guarded; }

  // Each call that voids, and what says that a store has carried it out.
  struct Voiding {
    std::string name;
    Call call;
    std::function<Task<Result<Token>>(Store&)> make;
  };
  std::vector<Voiding> voidings() {
    const auto raise = [](Store& store) {
      std::vector<Store::Floor> floors{{.key = key(), .revision = "7", .lasts = 1h}};
      return store.raise_floors(std::move(floors));
    };
    return {{"invalidate", Call::invalidate, [](Store& s) { return s.invalidate({key()}); }},
            {"renew", Call::renew, [this](Store& s) { return s.renew({a_}); }},
            {"guard", Call::guard, [](Store& s) { return s.guard({key()}, {1, 2}, 1h); }},
            {"raise_floors", Call::raise_floors, raise}};
  }

  std::unique_ptr<MovingStore> moving_;
};

TEST_F(MovingStoreTest, OffIsTheOldStoreAlone) {
  MovingStore& moving = make(MovingPhase::off);
  fill(moving, "v");
  for (const Voiding& voiding : voidings()) ok(voiding.make(moving));
  ok(moving.put(key(), {.id = world_.token(), .payload = "w"}, 1h));
  ok(moving.unguard({key()}, {1, 2}));
  EXPECT_EQ(answer(moving), "w");
  EXPECT_EQ(log_, (GatedStore::Log{"old publish", "old invalidate", "old renew", "old guard",
                                   "old raise_floors", "old put", "old unguard"}));
  EXPECT_EQ(plain_to_.size(), 0u);
}

TEST_F(MovingStoreTest, WhatVoidsGoesToTheOldStoreFirstAndIsAcknowledgedByBoth) {
  for (const MovingPhase phase : {MovingPhase::dual, MovingPhase::next}) {
    for (const Voiding& voiding : voidings()) {
      MovingStore& moving = make(phase);
      from_.stop(voiding.call, When::before);
      to_.stop(voiding.call, When::before);
      const auto going = begin(voiding.make(moving));
      ASSERT_TRUE(from_.is_stopped()) << voiding.name;
      EXPECT_FALSE(to_.is_stopped()) << voiding.name;
      from_.go();
      ASSERT_TRUE(to_.is_stopped()) << voiding.name;
      EXPECT_FALSE(going->has_value()) << voiding.name;
      to_.go();
      ASSERT_TRUE(going->has_value()) << voiding.name;
      EXPECT_TRUE((*going)->has_value());
      EXPECT_EQ(log_, (GatedStore::Log{"old " + voiding.name, "new " + voiding.name}));
    }
  }
}

TEST_F(MovingStoreTest, WhatOneStoreDoesNotAcknowledgeIsNotAcknowledged) {
  for (const MovingPhase phase : {MovingPhase::dual, MovingPhase::next}) {
    MovingStore& moving = make(phase);
    for (kit::PlainStore* broken : {&plain_from_, &plain_to_}) {
      broken->mood = Mood::failing;
      for (const Voiding& voiding : voidings()) {
        const auto outcome = world_.run(voiding.make(moving));
        ASSERT_FALSE(outcome->has_value()) << voiding.name;
        EXPECT_EQ(outcome->error().code, Code::store_unavailable);
        const bool is_old = broken == &plain_from_;
        EXPECT_TRUE(outcome->error().what.starts_with(is_old ? "the old" : "the new"));
      }
      EXPECT_FALSE(world_.run(moving.put(key(), {.id = world_.token()}, 1h))->has_value());
      EXPECT_FALSE(world_.run(moving.unguard({key()}, {1, 2}))->has_value());
      broken->mood = Mood::well;
    }
  }
}

TEST_F(MovingStoreTest, WhatBeganInOffAndEndsInDualIsToldToTheNewStore) {
  for (const Voiding& voiding : voidings()) {
    MovingStore& moving = make(MovingPhase::off);
    from_.stop(voiding.call, When::after);
    const auto going = begin(voiding.make(moving));
    set(MovingPhase::dual);
    from_.go();
    ASSERT_TRUE(going->has_value() && (*going)->has_value());
    EXPECT_EQ(log_.back(), "new " + voiding.name);
  }
  MovingStore& moving = make(MovingPhase::off);
  from_.stop(Call::put, When::after);
  const auto going = begin(moving.put(key(), {.id = world_.token()}, 1h));
  set(MovingPhase::dual);
  from_.go();
  ASSERT_TRUE(going->has_value() && (*going)->has_value());
  EXPECT_EQ(log_.back(), "new invalidate");
}

TEST_F(MovingStoreTest, ReadsAreAnsweredByTheStoreOfThePhase) {
  MovingStore& moving = make(MovingPhase::dual);
  fill(plain_from_, "of the old");
  fill(plain_to_, "of the new");
  EXPECT_EQ(answer(moving), "of the old");
  EXPECT_EQ(ok(moving.get_or_lease(key(), {1, 1}, 1s, {})).slot.envelope.payload, "of the old");
  EXPECT_EQ(moving.usage().entries, plain_from_.size());
  make(MovingPhase::next);
  EXPECT_EQ(answer(*moving_), "of the new");
  EXPECT_EQ(ok(moving_->get_or_lease(key(), {1, 1}, 1s, {})).slot.envelope.payload, "of the new");
  invalidate(plain_from_);
  EXPECT_EQ(ok(moving_->list("", 10)).keys.size(), 1u);
}

TEST_F(MovingStoreTest, LeasesAndFillsAreOfTheStoreOfThePhase) {
  MovingStore& moving = make(MovingPhase::next);
  const Envelope e = fill(moving, "v");
  EXPECT_EQ(look(plain_from_).state, State::empty);
  EXPECT_EQ(answer(plain_to_), "v");
  EXPECT_EQ(ok(moving.take_over(key(), e.id, {3, 3}, 1s)), Published::stored);
  EXPECT_EQ(look(plain_to_).token, (Token{3, 3}));
  ok(moving.release(key(), {3, 3}));
  EXPECT_EQ(look(plain_to_).state, State::empty);
}

TEST_F(MovingStoreTest, ALeaseOfTheOldStoreFillsNothingInTheNewOne) {
  MovingStore& moving = make(MovingPhase::dual);
  const Token lease = world_.token();
  EXPECT_TRUE(ok(moving.get_or_lease(key(), lease, 10s, {})).granted);
  world_.advance(beside_lasts_max);
  set(MovingPhase::next);
  EXPECT_EQ(ok(moving.publish(key(), lease, {.id = world_.token()}, 1h)), Published::refused);
}

TEST_F(MovingStoreTest, AFillInDualIsCopiedAndNobodyWaitsForThat) {
  MovingStore& moving = make(MovingPhase::dual);
  to_.stop(Call::publish, When::before);
  fill(moving, "v", {a_});
  ASSERT_TRUE(to_.is_stopped());
  EXPECT_EQ(moving.counters().copying, 1u);
  to_.go();
  EXPECT_EQ(moving.counters().copying, 0u);
  EXPECT_EQ(moving.counters().copied_total, 1u);
  EXPECT_EQ(answer(plain_to_), "v");
  refresh(moving, "w", {a_});
  EXPECT_EQ(answer(plain_to_), "w");
  renew(moving, a_);
  EXPECT_EQ(answer(plain_to_), "(void)");
}

TEST_F(MovingStoreTest, CopiesWaitForTheirTurnAndBeyondTheirBoundAreLeftOut) {
  MovingStore& moving = make(MovingPhase::dual, 1);
  to_.stop(Call::get_or_lease, When::before);
  fill(moving, "v");
  for (std::uint64_t n = 2; n <= 4; ++n) fill(moving, std::to_string(n), {}, 1h, key(n));
  EXPECT_EQ(moving.counters().copying, 1u);
  EXPECT_EQ(moving.counters().waiting, 2u);
  EXPECT_EQ(moving.counters().left_out_total, 1u);
  EXPECT_EQ(look(plain_to_, {}, key(2)).state, State::empty);
  to_.go();
  EXPECT_EQ(moving.counters().copied_total, 3u);
  EXPECT_EQ(moving.counters().copying + moving.counters().waiting, 0u);
  EXPECT_EQ(answer(plain_to_, key(2)), "2");
  EXPECT_EQ(answer(plain_to_, key(3)), "3");
  EXPECT_EQ(look(plain_to_, {}, key(4)).state, State::empty);
}

TEST_F(MovingStoreTest, WhatCouldNotBeCopiedIsCounted) {
  MovingStore& moving = make(MovingPhase::dual);
  plain_to_.mood = Mood::failing;
  fill(moving, "v");
  EXPECT_EQ(moving.counters().failed_total, 1u);
  plain_to_.mood = Mood::well;
  ok(moving.guard({key(3)}, {1, 2}, 1h));
  fill(moving, "under a guard", {}, 1h, key(3));
  EXPECT_EQ(moving.counters().left_out_total, 1u);
}

TEST_F(MovingStoreTest, NothingIsCopiedInOtherPhases) {
  for (const MovingPhase phase : {MovingPhase::off, MovingPhase::next}) {
    fill(make(phase), "v", {}, 1h, key(static_cast<std::uint64_t>(phase)));
    EXPECT_EQ(std::ranges::count(log_, "new publish"), phase == MovingPhase::next ? 1 : 0);
    EXPECT_EQ(moving_->counters().copied_total + moving_->counters().left_out_total, 0u);
  }
}

// What is put has the watermarks of the store that is read, and voids what the other holds.
TEST_F(MovingStoreTest, WhatIsPutVoidsTheOtherStoresEntry) {
  MovingStore& moving = make(MovingPhase::dual);
  fill(plain_to_, "older");
  world_.advance(1s);
  Envelope e{.id = world_.token()};
  e.payload = "put";
  e.watermarks = {{.id = a_, .token = look(moving, {a_}).watermarks[0]}};
  ok(moving.put(key(), e, 1h));
  EXPECT_EQ(log_, (GatedStore::Log{"old put", "new invalidate", "new publish"}));
  EXPECT_EQ(answer(plain_from_), "put");
  EXPECT_EQ(answer(plain_to_), "put");  // By its copy, with the watermarks there.

  make(MovingPhase::next);
  e.id = world_.token();
  e.payload = "put again";
  e.watermarks[0].token = look(*moving_, {a_}).watermarks[0];
  ok(moving_->put(key(), e, 1h));
  EXPECT_EQ(log_, (GatedStore::Log{"old invalidate", "new put"}));
  EXPECT_EQ(answer(plain_from_), "(none)");
  EXPECT_EQ(answer(plain_to_), "put again");
}

TEST_F(MovingStoreTest, NothingIsCommittedInTheDatabaseOfOneStoreAlone) {
  for (const MovingPhase phase : {MovingPhase::off, MovingPhase::dual, MovingPhase::next}) {
    const MovingStore& moving = make(phase);
    EXPECT_EQ(moving.commits_in(), "");
    EXPECT_TRUE(moving.voiding({key()}, {a_}).empty());
  }
}

TEST_F(MovingStoreTest, AGuardStandsInBothStoresAndGoesFromBoth) {
  MovingStore& moving = make(MovingPhase::dual);
  ok(moving.guard({key()}, {1, 2}, 1h));
  EXPECT_TRUE(is_guarded(plain_from_) && is_guarded(plain_to_));
  from_.stop(Call::unguard, When::before);
  const auto going = begin(moving.unguard({key()}, {1, 2}));
  // What is filled in the old store from here on can be copied.
  EXPECT_TRUE(is_guarded(plain_from_));
  EXPECT_FALSE(is_guarded(plain_to_));
  from_.go();
  EXPECT_TRUE(going->has_value());
  EXPECT_FALSE(is_guarded(plain_from_));
}

TEST_F(MovingStoreTest, TheIncarnationIsThatOfBothStores) {
  MovingStore& moving = make(MovingPhase::dual);
  const auto told = [&] { return ok(moving.incarnation()); };
  EXPECT_TRUE(told().is_none());  // Of two that never forget.
  plain_from_.present_incarnation = {1, 1};
  const Token first = told();
  EXPECT_FALSE(first.is_none());
  EXPECT_NE(first, (Token{1, 1}));
  EXPECT_EQ(look(moving).incarnation, first);
  plain_to_.present_incarnation = {2, 2};
  EXPECT_EQ(look(moving).incarnation, first);  // Nobody has seen it yet.
  const Token second = ok(moving.invalidate({key()}));
  EXPECT_NE(second, first);
  EXPECT_EQ(look(moving).incarnation, second);
  EXPECT_EQ(ok(moving.get_or_lease(key(), {5, 5}, 1s, {})).slot.incarnation, second);

  // The same two the other way round are another.
  std::swap(plain_from_.present_incarnation, plain_to_.present_incarnation);
  EXPECT_NE(told(), second);
  std::swap(plain_from_.present_incarnation, plain_to_.present_incarnation);

  // Who does not answer has not become another.
  EXPECT_EQ(told(), second);
  plain_to_.mood = Mood::failing;
  EXPECT_EQ(told(), second);
  plain_from_.mood = Mood::failing;
  EXPECT_FALSE(world_.run(moving.incarnation())->has_value());
  plain_from_.mood = plain_to_.mood = Mood::well;

  world_.advance(beside_lasts_max);
  set(MovingPhase::next);
  EXPECT_EQ(look(moving).incarnation, second);  // No change: nothing has been forgotten.
  set(MovingPhase::dual);
  set(MovingPhase::off);
  EXPECT_EQ(look(moving).incarnation, (Token{1, 1}));
  EXPECT_EQ(told(), (Token{1, 1}));
}

TEST_F(MovingStoreTest, ACopyToldOfAnotherIncarnationTellsOfIt) {
  MovingStore& moving = make(MovingPhase::dual);
  const Token first = ok(moving.incarnation());
  plain_to_.present_incarnation = {2, 2};
  fill(moving, "v");
  EXPECT_NE(look(moving).incarnation, first);
}

TEST_F(MovingStoreTest, PhasesChangeByOneStepAndNewOnlyWhenOldGuardsHaveEnded) {
  MovingStore& moving = make(MovingPhase::off);
  EXPECT_EQ(moving.set_phase(MovingPhase::next).error().code, Code::not_allowed);
  EXPECT_EQ(moving.next_in(), beside_lasts_max);
  world_.advance(1h);
  set(MovingPhase::dual);
  EXPECT_EQ(moving.phase_since(), world_.now());
  world_.advance(beside_lasts_max - 1500ms);
  EXPECT_EQ(moving.next_in(), 1500ms);
  const Result<void> early = moving.set_phase(MovingPhase::next);
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, Code::not_allowed);
  EXPECT_NE(early.error().what.find("for 2 s yet"), std::string::npos) << early.error().what;
  EXPECT_EQ(moving.phase(), MovingPhase::dual);
  world_.advance(1500ms);
  set(MovingPhase::next);
  EXPECT_EQ(moving.next_in(), Duration(0));
  EXPECT_EQ(moving.set_phase(MovingPhase::off).error().code, Code::not_allowed);

  // Back, and again at once: the new store was told everything all the time.
  set(MovingPhase::dual);
  set(MovingPhase::next);
  set(MovingPhase::dual);
  set(MovingPhase::off);
  set(MovingPhase::dual);
  EXPECT_FALSE(moving.set_phase(MovingPhase::next).has_value());
  const Instant since = moving.phase_since();
  world_.advance(1s);
  set(MovingPhase::dual);  // No change.
  EXPECT_EQ(moving.phase_since(), since);
}

TEST_F(MovingStoreTest, ItClosesWhenTheLastCopyHasEnded) {
  MovingStore& moving = make(MovingPhase::dual);
  to_.stop(Call::publish, When::before);
  fill(moving, "v");
  ASSERT_TRUE(to_.is_stopped());
  std::thread closing([&] { moving.close(); });
  // It has begun to close when another fill is not copied.
  EXPECT_TRUE(kit::eventually([&] {
    ok(plain_from_.invalidate({key(2)}));
    fill(moving, "w", {}, 1h, key(2));
    return moving.counters().left_out_total > 0;
  }));
  EXPECT_EQ(std::ranges::count(log_, "new close"), 0);
  to_.go();
  closing.join();
  const GatedStore::Log end(log_.end() - 3, log_.end());
  EXPECT_EQ(end, (GatedStore::Log{"new publish", "old close", "new close"}));
}

}  // namespace
}  // namespace headrace::moving
