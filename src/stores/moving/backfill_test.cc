#include "stores/moving/backfill.h"

#include "stores/moving/stores_fixture.h"

namespace headrace::moving {
namespace {

class BackfillTest : public StoresTest {
 protected:
  using Running = std::shared_ptr<std::optional<Result<void>>>;

  BackfillTest() {
    for (std::uint64_t n = 1; n <= entries; ++n) {
      fill(plain_from_, std::to_string(n), {a_}, 1h, key(n));
    }
  }
  Backfill& make(Backfill::Progress so_far = {}) {
    const Copier copier({.from = from_, .to = to_, .clock = world_, .random = world_}, 10s);
    backfill_ = std::make_unique<Backfill>(
        copier, from_, WalkOptions{.at_once_max = 2, .page_keys_max = 4, .retry_after = 1s}, world_,
        world_, std::move(so_far));
    return *backfill_;
  }
  Running run() { return begin(backfill_->run()); }
  std::size_t there() {
    std::size_t count = 0;
    for (std::uint64_t n = 1; n <= entries; ++n) {
      count += answer(plain_to_, key(n)) == std::to_string(n) ? 1 : 0;
    }
    return count;
  }
  std::string look_up_last_page() {
    const Store::Page first = ok(plain_from_.list("", 4));
    return ok(plain_from_.list(first.next, 4)).next;
  }
  static void expect_done(const Running& running) {
    ASSERT_TRUE(running->has_value());
    EXPECT_TRUE((*running)->has_value());
  }

  static constexpr std::uint64_t entries = 10;
  std::unique_ptr<Backfill> backfill_;
};

TEST_F(BackfillTest, EverythingIsCopiedAndCounted) {
  make();
  invalidate(plain_from_);
  refresh(plain_from_, "3", {a_}, key(3));
  begin(Copier({.from = plain_from_, .to = plain_to_, .clock = world_, .random = world_}, 10s)
            .copy(key(3)));
  expect_done(run());
  EXPECT_EQ(backfill_->progress(),
            (Backfill::Progress{.listed = 9, .copied = 8, .there_already = 1, .is_done = true}));
  EXPECT_EQ(there(), 9u);
}

TEST_F(BackfillTest, ItGoesOnWhereAnotherHasEnded) {
  make();
  to_.stop(Call::publish, When::before, 5);  // In the second page of three.
  const Running running = run();
  const Backfill::Progress then = backfill_->progress();
  EXPECT_EQ(then.copied, 7u);  // The others of that page are there.
  EXPECT_FALSE(then.next.empty());
  backfill_->stop();
  to_.go();
  ASSERT_TRUE(running->has_value());
  EXPECT_EQ((**running).error().code, Code::cancelled);

  make(then);
  expect_done(run());
  EXPECT_EQ(there(), entries);
  // The page that was under way is done again.
  EXPECT_EQ(backfill_->progress().listed, 8u + 6u);
  EXPECT_TRUE(backfill_->progress().is_done);
  EXPECT_EQ(plain_to_.writes, entries);
}

TEST_F(BackfillTest, WhatCannotBeCopiedNowIsTriedAgainAtTheEnd) {
  make();
  const Token guard = world_.token();
  plain_to_.state().guard({key(2)}, guard, world_.now() + 5s);
  const Token lease = world_.token();
  EXPECT_TRUE(ok(plain_to_.get_or_lease(key(3), lease, 2h, {})).granted);
  const Token theirs = world_.token();
  EXPECT_TRUE(ok(plain_to_.get_or_lease(key(4), theirs, 2h, {})).granted);
  plain_to_.state().guard({key(5)}, guard, world_.now() + 2h);
  const Running running = run();
  EXPECT_EQ(backfill_->progress().copied, entries - 4);
  EXPECT_EQ(backfill_->progress().later, 4u);
  ok(plain_to_.release(key(3), lease));
  world_.advance(10min);
  expect_done(running);
  EXPECT_EQ(there(), entries - 2);
  const Backfill::Progress end = backfill_->progress();
  EXPECT_EQ(end.copied, entries - 2);
  EXPECT_EQ(end.left_out, 1u);
  EXPECT_EQ(end.unsettled, 1u);
  EXPECT_EQ(end.later, 0u);
}

TEST_F(BackfillTest, WhatWasPutOffIsTakenUpByWhoGoesOn) {
  for (const bool is_noted : {true, false}) {
    make();
    const Token lease = world_.token();
    EXPECT_TRUE(ok(plain_to_.get_or_lease(key(1), lease, 2h, {})).granted);
    const Running running = run();
    Backfill::Progress then = backfill_->progress();
    EXPECT_EQ(then.later, 1u);
    EXPECT_EQ(then.later_keys, std::vector<StoreKey>{key(1)});
    backfill_->stop();
    world_.advance(10min);
    EXPECT_TRUE(running->has_value());
    ok(plain_to_.release(key(1), lease));

    // Where there were too many to be noted, all is listed once more.
    if (!is_noted) then.later_keys.clear();
    then.listed = 0;
    then.next = look_up_last_page();
    make(then);
    expect_done(run());
    EXPECT_EQ(there(), entries);
    EXPECT_EQ(backfill_->progress().listed, is_noted ? 2u : 2u + entries);
    EXPECT_EQ(backfill_->progress().later, 0u);
    EXPECT_TRUE(backfill_->progress().later_keys.empty());
    ok(plain_to_.invalidate({key(1)}));
  }
}

TEST_F(BackfillTest, AStoreThatStaysAwayEndsItAndThePageIsDoneAgain) {
  make();
  to_.stop(Call::publish, When::before, 5);
  const Running running = run();
  plain_to_.mood = kit::PlainStore::Mood::failing;
  to_.go();
  world_.advance(10min);
  ASSERT_TRUE(running->has_value());
  ASSERT_FALSE((*running)->has_value());
  EXPECT_TRUE((**running).error().what.starts_with("the new store")) << (**running).error().what;
  EXPECT_FALSE(backfill_->progress().is_done);
  plain_to_.mood = kit::PlainStore::Mood::well;
  make(backfill_->progress());
  expect_done(run());
  EXPECT_EQ(backfill_->progress().copied, entries);
}

TEST_F(BackfillTest, KeysAreCounted) {
  std::atomic<std::uint64_t> keys = 0;
  ok(count_keys(&plain_from_, 4, &keys));
  EXPECT_EQ(keys, entries);
}

// Emptying.

TEST_F(BackfillTest, AnEmptiedStoreHoldsNothingAndTakesNoCopyFromBefore) {
  make();
  expect_done(run());
  ok(plain_to_.invalidate({key(1)}));
  // A copy is under way: it has its watermarks, and its look at the old store is over.
  const Copier copier({.from = from_, .to = to_, .clock = world_, .random = world_}, 10s);
  to_.stop(Call::publish, When::before);
  const auto copying = begin(copier.copy(key(1)));
  std::atomic<std::uint64_t> emptied = 0;
  ok(empty(&plain_to_, {a_}, 4, &emptied));
  EXPECT_EQ(emptied, entries - 1);
  EXPECT_TRUE(ok(plain_to_.list("", 10)).keys.empty());
  to_.go();
  EXPECT_TRUE(copying->has_value());
  EXPECT_EQ(there(), 0u);
  EXPECT_EQ(answer(plain_to_, key(1)), "(void)");
}

TEST_F(BackfillTest, WhatAStoreHoldsThatCannotListIsVoid) {
  make();
  expect_done(run());
  to_.lists = false;
  std::atomic<std::uint64_t> emptied = 0;
  ok(empty(&to_, {a_}, 4, &emptied));
  EXPECT_EQ(emptied, 0u);
  EXPECT_EQ(there(), 0u);
}

}  // namespace
}  // namespace headrace::moving
