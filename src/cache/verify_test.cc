// Verification of answers: what is asked again, what counts as a mismatch, and what comes of it.
#include "cache/within.h"
#include "kit/bench_top.h"
#include "kit/two_engines.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using kit::TwoEngines;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Verifies each answer of what lives long.
Policy verified(Policy policy) {
  policy.verify_share = 1;
  policy.fresh_for = hours(10);
  return policy;
}

// What came of all that was compared.
std::string outcomes(const VerifyStats& now) {
  return std::to_string(now.checks) + " checked: " + std::to_string(now.matches) + " right, " +
         std::to_string(now.within_bound) + " within bound, " + std::to_string(now.violations) +
         " violations, " + std::to_string(now.undecided) + " undecided, " +
         std::to_string(now.failures) + " failed";
}

class VerifyTest : public BenchTop {
 protected:
  explicit VerifyTest(bool with_store = true) : BenchTop(with_store) {
    source->rows = {{"1", "v1"}, {"2", "w1"}, {"3", "x1"}};
    define(verified(plain_policy()));
  }
  void redefine(const std::function<void(Policy&)>& change) {
    Policy policy = verified(plain_policy());
    change(policy);
    define(policy);
  }
  // Once differences have settled.
  std::string told() {
    world.advance(seconds(1));
    return outcomes(stats().verify);
  }
  // An answer from memory that is verified, after the source has got another value.
  void answer_outdated(const std::string& entity = "1") {
    source->rows[entity] = "old" + entity;
    EXPECT_TRUE(invalidate(key(entity))->has_value());
    read(entity);
    source->rows[entity] = "new" + entity;
    EXPECT_EQ(text(read(entity)), "old" + entity);
  }
  Rollout rollout() { return engine->policies().at(0).policy.rollout; }
};

class VerifyInMemoryTest : public VerifyTest {
 protected:
  VerifyInMemoryTest() : VerifyTest(false) {}
};

TEST_F(VerifyTest, AHitIsAskedAgainBehindItsReader) {
  read("1");
  const Outcome hit = ask("1");
  EXPECT_EQ(text(hit), "v1");  // The source has not been asked by then.
  EXPECT_EQ(source->reads, 1u);
  world.run();
  EXPECT_EQ(source->reads, 2u);
  EXPECT_EQ(told(), "1 checked: 1 right, 0 within bound, 0 violations, 0 undecided, 0 failed");
  EXPECT_TRUE(source->asked.back().primary);
  EXPECT_EQ(stats().verify.reads, 1u);
  EXPECT_EQ(stats().source_reads, 2u);  // The source has billed it.
  EXPECT_EQ(stats().fills_kept, 1u);
  EXPECT_EQ(stats().kept_answers(), 1u);
}

TEST_F(VerifyTest, WithoutAShareNothingIsAskedAgain) {
  redefine([](Policy& policy) { policy.verify_share = 0; });
  for (int i = 0; i < 100; ++i) read("1");
  EXPECT_EQ(source->reads, 1u);
}

TEST_F(VerifyTest, AMismatchIsCountedOnceItIsSettledAndThenNobodyIsAnsweredWithIt) {
  read("1");
  world.advance(seconds(7));
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v1");
  world.advance(milliseconds(900));
  EXPECT_EQ(stats().verify.within_bound, 0u);
  EXPECT_EQ(text(read("1")), "v1");  // What verification has read fills nothing.
  EXPECT_EQ(stats().verify.checks, 1u);
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
  EXPECT_EQ(stats().verify.ages.oldest, seconds(7));
  const AnyResult next = read("1");
  EXPECT_EQ(text(next), "v2");
  EXPECT_EQ(next->origin(), Origin::source);
  EXPECT_EQ(stats().invalidations, 1u);
  EXPECT_EQ(rollout(), Rollout::on);
}

TEST_F(VerifyInMemoryTest, MemoryAloneIsVerifiedToo) {
  answer_outdated();
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
  EXPECT_EQ(text(read("1")), "new1");
}

TEST_F(VerifyTest, AnEntityThatCameOrWentIsAMismatch) {
  redefine([](Policy& policy) { policy.absent_for = seconds(60); });
  read("9");
  source->rows["9"] = "born";
  EXPECT_EQ(text(read("9")), "absent");
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
  read("1");
  source->rows.erase("1");
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(told(), "2 checked: 0 right, 2 within bound, 0 violations, 0 undecided, 0 failed");
}

TEST_F(VerifyTest, AStoryIsKeptOfEachMismatch) {
  source->revisions = true;
  answer_outdated();
  EXPECT_THAT(engine->mismatches("users"), IsEmpty());
  told();
  const std::vector<Mismatch> last = engine->mismatches("users");
  ASSERT_THAT(last, SizeIs(1));
  EXPECT_EQ(last[0].number, 1u);
  EXPECT_EQ(last[0].entity, "1");
  EXPECT_EQ(last[0].kind, MismatchClass::within_bound);
  EXPECT_THAT(last[0].why, HasSubstr("nobody was told"));
  EXPECT_EQ(last[0].origin, Origin::memory);
  EXPECT_EQ(last[0].bound, hours(10));
  EXPECT_EQ(last[0].revision, "old1");
  EXPECT_THAT(last[0].id, SizeIs(32));
  EXPECT_THAT(last[0].lease, SizeIs(32));
  ASSERT_THAT(last[0].watermarks, SizeIs(4));
  EXPECT_EQ(last[0].watermarks[3].name, "tag:default/user:1");
  EXPECT_TRUE(last[0].watermarks[3].holds);
  EXPECT_THAT(engine->mismatches("nobody"), IsEmpty());
}

// Each invalidation, at each moment of the comparison: before the source is asked, while it
// answers, and before the difference has settled.
TEST_F(VerifyTest, AWriteWhoseInvalidationOverlapsIsNoMismatch) {
  const auto begin_again = [this] {
    source->rows["1"] = "v1";
    EXPECT_TRUE(invalidate(everything())->has_value());
    read("1");
  };
  const auto written = [this](const Invalidation& what) {
    source->rows["1"] = "v2";
    EXPECT_TRUE(invalidate(what)->has_value());
  };
  for (const auto& what : {key("1"), tag("user:1"), whole_policy(), everything()}) {
    begin_again();
    EXPECT_EQ(text(ask("1")), "v1");
    written(what);

    begin_again();
    source->hold = true;
    source->rows["1"] = "v2";
    EXPECT_EQ(text(read("1")), "v1");
    written(what);
    source->hold = false;
    source->release();
    world.run();

    begin_again();
    source->rows["1"] = "v2";
    EXPECT_EQ(text(read("1")), "v1");
    world.advance(milliseconds(900));
    written(what);
  }
  EXPECT_EQ(told(), "8 checked: 0 right, 0 within bound, 0 violations, 8 undecided, 0 failed");
}

TEST_F(VerifyTest, AWriteThroughTheEngineIsNoMismatch) {
  redefine([](Policy& policy) { policy.writable = {"name"}; });
  read("1");
  source->hold_after = true;  // The row has changed, and the writer does not know it yet.
  Write change{.entity = "1", .fields = {{"name", "v2"}}};
  auto outcome = std::make_shared<bool>(false);
  start(engine->write(users, std::move(change)),
        [outcome](const Result<WriteOutcome>& written) { *outcome = written.has_value(); });
  world.run();
  EXPECT_EQ(text(read("1")), "v1");
  source->hold_after = false;
  source->release_writes();
  world.run();
  EXPECT_TRUE(*outcome);
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyTest, AnAnswerThatIsRefreshedMeanwhileIsNotCompared) {
  read("1");
  source->rows["1"] = "v2";
  source->hold = true;
  EXPECT_EQ(text(read("1")), "v1");
  source->hold = false;
  EXPECT_EQ(text(read("1", {.refresh = true})), "v2");
  source->release();
  world.run();
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyTest, WhatAStateBeforeANamedChangeSaysIsNoMismatch) {
  source->lags = true;
  const auto at = [this](const std::string& text, const std::string& revision) {
    source->next_answers["1"].push_back({.payload = text, .revision = revision});
  };
  Invalidation what;
  what.keys.push_back({"users", "1", "5"});
  EXPECT_TRUE(invalidate(std::move(what))->has_value());
  at("v2", "5");
  EXPECT_EQ(text(read("1")), "v2");
  at("v1", "4");
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyTest, StaleAnswersAndThoseOfTheStoreAreVerifiedToo) {
  redefine([](Policy& policy) {
    policy.fresh_for = seconds(10);
    policy.stale_for = seconds(60);
  });
  read("1");
  ASSERT_TRUE(close());
  make_engine();
  redefine([](Policy& policy) {
    policy.fresh_for = seconds(10);
    policy.stale_for = seconds(60);
  });
  source->rows["1"] = "v2";
  EXPECT_EQ(read("1")->origin(), Origin::store);
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
  EXPECT_EQ(engine->mismatches("users").at(0).origin, Origin::store);
  read("1");
  world.advance(seconds(20));
  source->hold = true;
  EXPECT_EQ(read("1")->reason(), Reason::stale);
  EXPECT_EQ(stats().verify.checks, 2u);
}

TEST_F(VerifyTest, AStrictAnswerIsComparedWithWhatTheStoreStillConfirms) {
  redefine([](Policy& policy) { policy.level = Level::strict; });
  read("1");
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v1");
  // Another instance invalidates, and nobody but the store knows.
  const StoreKey slot = store_key_of("default", "users", "1");
  ASSERT_TRUE(world.run(store.invalidate({slot}))->has_value());
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
  answer_outdated();
  EXPECT_EQ(told(), "2 checked: 0 right, 1 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyTest, WithoutABusOthersNeedNotTell) {
  read("1");
  source->rows["1"] = "v2";
  const std::vector<WatermarkId> ids = {WatermarkId::of("tag:default/user:1")};
  ASSERT_TRUE(world.run(store.renew(ids))->has_value());
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
}

TEST_F(VerifyTest, OneEntryIsComparedOnceAtATime) {
  read("1");
  source->hold = true;
  for (int i = 0; i < 10; ++i) read("1");
  EXPECT_EQ(stats().verify.checks, 1u);
  source->release();
  read("1");
  EXPECT_EQ(stats().verify.checks, 2u);
}

TEST_F(VerifyTest, AFailureOfTheSourceSaysNothing) {
  read("1");
  source->failing = true;
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 0 undecided, 1 failed");
  EXPECT_EQ(stats().load_failures, 0u);
}

TEST_F(VerifyTest, ItStopsWhereItsBudgetOfReadsEnds) {
  redefine([](Policy& policy) { policy.verify_reads_per_day = 48; });
  source->billed = 2;
  read("1");
  read("1");
  EXPECT_EQ(stats().verify.reads, 2u);
  for (int i = 0; i < 10; ++i) read("1");
  EXPECT_EQ(stats().verify.checks, 1u);
  EXPECT_EQ(stats().verify.over_budget, 10u);
  world.advance(minutes(31));
  read("1");
  EXPECT_EQ(stats().verify.checks, 2u);
}

TEST_F(VerifyTest, ItLeavesTheSourceToReadersWhoNeedIt) {
  redefine([](Policy& policy) { policy.source_calls_max = 2; });
  read("1");
  source->hold = true;
  const Outcome loading = ask("2");
  world.run();
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(stats().verify.busy, 1u);
  EXPECT_EQ(stats().verify.checks, 0u);
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(text(loading), "w1");
  read("1");
  EXPECT_EQ(stats().verify.checks, 1u);
}

TEST_F(VerifyTest, TooManyMismatchesSwitchThePolicyToShadowUntilAPersonSwitchesIt) {
  redefine([](Policy& policy) {
    policy.mismatches_max = 1;
    policy.mismatch_window = minutes(10);
  });
  answer_outdated("1");
  told();
  EXPECT_EQ(rollout(), Rollout::on);
  answer_outdated("2");
  told();
  EXPECT_EQ(rollout(), Rollout::shadow);
  EXPECT_EQ(stats().switched, 1u);
  const PolicyView view = engine->policies().at(0);
  EXPECT_THAT(view.switched_why, HasSubstr("2 mismatches within 600 s; at most 1"));
  EXPECT_GT(view.switched_wall, WallTime());
  EXPECT_EQ(read("3")->reason(), Reason::shadow);

  // Back on, the window is empty.
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::on}))->has_value());
  EXPECT_THAT(engine->policies().at(0).switched_why, IsEmpty());
  answer_outdated("1");
  told();
  EXPECT_EQ(rollout(), Rollout::on);
  answer_outdated("2");
  told();
  EXPECT_EQ(rollout(), Rollout::shadow);
  EXPECT_EQ(stats().switched, 2u);
}

TEST_F(VerifyTest, MismatchesOutsideTheWindowDoNotAddUp) {
  redefine([](Policy& policy) {
    policy.mismatches_max = 1;
    policy.mismatch_window = minutes(10);
  });
  for (int i = 0; i < 5; ++i) {
    answer_outdated("1");
    world.advance(minutes(11));
  }
  EXPECT_EQ(stats().verify.within_bound, 5u);
  EXPECT_EQ(rollout(), Rollout::on);
}

TEST_F(VerifyTest, AChangeThatTheFeedHasPassedOverIsAViolation) {
  engine->cover("users", Instant::max(), world.now() - seconds(1));
  answer_outdated();
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 0 undecided, 0 failed");
  // Until then the feed may still tell.
  engine->cover("users", Instant::max(), world.now() - seconds(2));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 0 undecided, 0 failed");
  engine->cover("users", Instant::max(), world.now());
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 1 violations, 0 undecided, 0 failed");
  EXPECT_EQ(rollout(), Rollout::shadow);
  EXPECT_THAT(engine->policies().at(0).switched_why, HasSubstr("feed"));
}

TEST_F(VerifyTest, AChangeThatTheFeedTellsInItsTimeIsNoMismatch) {
  engine->cover("users", Instant::max(), world.now() - seconds(1));
  answer_outdated();
  world.advance(seconds(5));
  EXPECT_TRUE(invalidate(key("1"))->has_value());
  engine->cover("users", Instant::max(), world.now());
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyTest, AFeedThatProvesNothingIsNotWaitedForForever) {
  engine->cover("users", Instant::max(), world.now() - seconds(1));
  answer_outdated();
  world.advance(seconds(29));
  EXPECT_EQ(stats().verify.within_bound, 0u);
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
}

TEST_F(VerifyTest, WhatCannotBeComparedIsRefused) {
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  const auto without = engine->define(verified(plain_policy()), codec, nullptr);
  ASSERT_FALSE(without.has_value());
  EXPECT_THAT(without.error().what, HasSubstr("verify_share: it has no source of its own"));
}

TEST_F(VerifyTest, ItEndsWithTheEngine) {
  answer_outdated("1");
  read("2");
  source->hold = true;
  read("2");
  EXPECT_EQ(stats().verify.checks, 2u);
}

class VerifyOnABusTest : public TwoEngines {
 protected:
  VerifyOnABusTest() {
    define(verified(plain_policy()));
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    second_users = *second->define(verified(plain_policy()), codec, source);
    world.advance(seconds(3));  // They have met.
  }
  std::string told() { return outcomes(stats().verify); }

  // Has changed the source at once, and comes to its end ten seconds later.
  static Task<Result<void>> slow_change(VerifyOnABusTest* test) {
    test->source->rows["1"] = "v2";
    Pause pause{test->world, test->world.now() + seconds(10)};
    co_await pause;
    co_return Result<void>();
  }
};

TEST_F(VerifyOnABusTest, AMismatchIsToldToAllOthers) {
  fill_both();
  read("1");
  world.advance(seconds(2));
  EXPECT_EQ(told(), "1 checked: 0 right, 1 within bound, 0 violations, 0 undecided, 0 failed");
  EXPECT_EQ(text(second_reads("1")), "v2");
}

TEST_F(VerifyOnABusTest, ItWaitsForAProofThatAllWasHeard) {
  fill_both();
  read("1");
  bus.fails = true;
  world.advance(seconds(5));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 0 undecided, 0 failed");
  ASSERT_TRUE(world.run(second->invalidate(key("1")))->has_value());
  bus.fails = false;
  world.advance(seconds(2));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyOnABusTest, WhatAnotherIsWritingUnderAGuardIsNoMismatch) {
  fill_both();
  source->rows["1"] = "v1";
  const auto change = [this](Instant) { return slow_change(this); };
  start(second->write(key("1"), change), [](const Result<Held>&) {});
  world.run();
  EXPECT_EQ(text(read("1")), "v1");
  EXPECT_EQ(source->rows["1"], "v2");
  world.advance(seconds(20));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyOnABusTest, WithoutAProofNothingIsDecided) {
  fill_both();
  read("1");
  bus.fails = true;
  world.advance(seconds(40));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 0 violations, 1 undecided, 0 failed");
}

TEST_F(VerifyOnABusTest, AWatermarkThatIsReplacedAndNotToldIsAViolation) {
  fill_both();
  const std::vector<WatermarkId> ids = {WatermarkId::of("tag:default/user:1")};
  ASSERT_TRUE(world.run(store.renew(ids))->has_value());
  EXPECT_EQ(text(read("1")), "v1");
  world.advance(seconds(2));
  EXPECT_EQ(told(), "1 checked: 0 right, 0 within bound, 1 violations, 0 undecided, 0 failed");
  EXPECT_EQ(engine->policies().at(0).policy.rollout, Rollout::shadow);
  const Mismatch mismatch = engine->mismatches("users").at(0);
  EXPECT_FALSE(mismatch.watermarks.at(3).holds);
  EXPECT_NE(mismatch.watermarks.at(3).then, mismatch.watermarks.at(3).now);
}

}  // namespace
}  // namespace headrace
