// Floors: what was read at a state without a change that has a name is neither kept nor answered,
// whoever has named it and whatever becomes of the store.
#include "cache/floors.h"

#include "cache/fill.h"
#include "kit/bench_top.h"
#include "kit/plain_bus.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Floors, OneWithoutANameIsCoveredByAnything) {
  kit::HeldSource source;
  source.lags = true;
  EXPECT_TRUE(covers_all(source, "", {}));
  EXPECT_TRUE(covers_all(source, "", {""}));
  EXPECT_TRUE(covers_all(source, "2", {"", "1", "2"}));
  EXPECT_FALSE(covers_all(source, "2", {"3", "1"}));
  EXPECT_FALSE(covers_all(source, "", {"1"}));
}

// What a fill does about them.

Fill fill_that(bool has_store, Fill::Purpose purpose = Fill::Purpose::read) {
  Fill fill({.purpose = purpose, .has_store = has_store, .lease = {1, 1}});
  fill.begin();
  return fill;
}

TEST(FillFloors, AreInDoubtUntilTheStoreHasTold) {
  EXPECT_TRUE(fill_that(false).floors_in_doubt());
  EXPECT_TRUE(fill_that(true, Fill::Purpose::bypass).floors_in_doubt());
  Fill granted = fill_that(true);
  granted.asked({.granted = true});
  EXPECT_FALSE(granted.floors_in_doubt());
  Fill failed = fill_that(true);
  failed.ask_failed();
  EXPECT_TRUE(failed.floors_in_doubt());
  Fill failed_later = fill_that(true);
  failed_later.asked({.slot = Slot::State::damaged, .token = {2, 2}});
  failed_later.take_over_failed();
  EXPECT_TRUE(failed_later.floors_in_doubt());
  Fill guarded = fill_that(true);
  guarded.asked({.granted = true, .guarded = true});
  EXPECT_TRUE(guarded.floors_in_doubt()) << "the change has no name yet";
}

TEST(FillFloors, ThePausesDoubleAndLeaveTimeToAsk) {
  Fill fill = fill_that(true);
  fill.asked({.granted = true});
  Duration pause = Fill::floor_wait_min;
  Duration left = seconds(1);
  while (left > pause) {
    const Fill::Step step = fill.too_old(left);
    ASSERT_EQ(step.what, Fill::State::holding_off);
    ASSERT_EQ(step.pause, pause);
    ASSERT_EQ(fill.held_off().what, Fill::State::fetching);
    left -= pause;
    pause = std::min(2 * pause, Fill::floor_wait_max);
  }
  EXPECT_EQ(pause, Fill::floor_wait_max);
  const Fill::Step last = fill.too_old(left);
  EXPECT_EQ(last.what, Fill::State::releasing) << "the lease goes back, as after any failure";
  fill.released();
  EXPECT_EQ(fill.result(), Fill::Result::failed);
  EXPECT_FALSE(fill.may_keep());
}

// Loads.

class FloorTest : public BenchTop {
 protected:
  FloorTest() {
    source->lags = source->revisions = true;
    source->rows["1"] = "1";
  }
  static Invalidation since(std::string revision) {
    Invalidation what;
    what.keys.push_back({"users", "1", std::move(revision)});
    return what;
  }
  // The next reads of the source are answered at these states.
  void answer(std::initializer_list<const char*> revisions) {
    for (const std::string revision : revisions) {
      source->next_answers["1"].push_back({.payload = "v" + revision, .revision = revision});
    }
  }
  // As another instance would.
  void another_raises(const std::string& revision) {
    std::vector<Store::Floor> floors{
        {.key = slot_key(), .revision = revision, .lasts = minutes(1)}};
    EXPECT_TRUE(world.run(store.raise_floors(std::move(floors)))->has_value());
  }
  static StoreKey slot_key() { return store_key_of("default", "users", "1"); }
  std::string stored() {
    const Slot slot = **world.run(store.look(slot_key(), {}, Store::Payload::with));
    return slot.state == Slot::State::held ? slot.envelope.payload : "nothing";
  }
  // An outcome that must come when the source has been asked again.
  std::string after_pauses(const Outcome& outcome) {
    EXPECT_EQ(text(outcome), "pending");
    world.advance(milliseconds(100));
    return text(outcome);
  }
  bool primary(std::size_t fetch) { return source->asked.at(fetch).primary; }
};

TEST_F(FloorTest, WithoutAFloorAReplicaMayAnswer) {
  EXPECT_EQ(text(read("1")), "1");
  invalidate(key("1"));
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_FALSE(primary(0));
  EXPECT_FALSE(primary(1));
  EXPECT_EQ(store.floors(), 0u);
}

TEST_F(FloorTest, AFloorIsHeldByTheStoreAndThePrimaryIsAsked) {
  read("1");
  EXPECT_EQ(**invalidate(since("2")), Held::everywhere);
  EXPECT_EQ(store.floors(), 1u);
  answer({"2"});
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_TRUE(primary(1));
  EXPECT_EQ(stored(), "v2");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(FloorTest, WhatIsTooOldIsNeitherAnsweredNorKept) {
  invalidate(since("2"));
  answer({"1", "1", "3"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(stored(), "nothing");
  EXPECT_EQ(after_pauses(outcome), "v3");
  EXPECT_EQ(source->reads, 3u);
  EXPECT_TRUE(primary(2));
  EXPECT_EQ(stored(), "v3");
}

TEST_F(FloorTest, EveryFloorOfTheKeyMustBeMet) {
  invalidate(since("2"));
  invalidate(since("4"));
  invalidate(since("3"));
  answer({"3", "4"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v4");
}

TEST_F(FloorTest, ALoadThatNeverMeetsItFailsInTheEnd) {
  Policy policy = plain_policy();
  policy.fetch_within = policy.load_within = seconds(2);
  define(policy);
  invalidate(since("2"));
  const Outcome outcome = ask("1");
  world.advance(seconds(2));
  ASSERT_TRUE(outcome->has_value());
  ASSERT_FALSE((*outcome)->has_value());
  EXPECT_EQ((*outcome)->error().code, Code::source_unavailable);
  EXPECT_THAT((*outcome)->error().what, testing::HasSubstr("does not contain a change"));
  EXPECT_EQ(stored(), "nothing");
  EXPECT_GT(source->reads, 8u);
  EXPECT_LT(source->reads, 20u) << "the pauses grow";
  EXPECT_EQ(stats().load_failures, 1u);
}

TEST_F(FloorTest, NobodyAsksAgainForAReaderWhoHasLeft) {
  invalidate(since("2"));
  const Outcome outcome = ask("1", {.within = milliseconds(20)});
  world.advance(milliseconds(100));
  EXPECT_EQ((*outcome)->error().code, Code::timed_out);
  const std::size_t reads = source->reads;
  world.advance(seconds(5));
  EXPECT_EQ(source->reads, reads);
}

TEST_F(FloorTest, FloorsEnd) {
  invalidate(since("2"));
  world.advance(minutes(5));
  EXPECT_EQ(store.floors(), 0u);
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_FALSE(primary(0));
}

TEST_F(FloorTest, AnothersFloorIsToldWithTheLease) {
  another_raises("2");
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_TRUE(primary(0));
  EXPECT_EQ(after_pauses(outcome), "v2");
  EXPECT_EQ(stored(), "v2");
}

// The source is slow: the floor is raised, and the slot emptied, while it is being read.
TEST_F(FloorTest, WhatWasReadBeforeTheFloorIsNotKept) {
  source->hold = true;
  const Outcome before = ask("1");
  world.run();
  another_raises("2");
  source->hold = false;
  source->release();
  world.run();
  EXPECT_EQ(text(before), "1") << "it began before";
  EXPECT_EQ(stored(), "nothing");
}

// Without a lease.

TEST_F(FloorTest, InQuarantineToo) {
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(since("2")), Held::pending);
  store.mood = PlainStore::Mood::well;
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v2");
  world.advance(seconds(1));
  EXPECT_EQ(store.floors(), 1u) << "delivered by now";
}

// What this instance knows is not all: another's commit may not be seen yet, and the store is not
// asked for the value.
TEST_F(FloorTest, InQuarantineAnothersAreAskedForWhereCommitsShowLate) {
  source->shows_late = true;
  define(plain_policy());
  another_raises("3");
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(**invalidate(since("2")), Held::pending);
  store.mood = PlainStore::Mood::well;
  answer({"2", "3"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v3");
}

TEST_F(FloorTest, WhereThePolicyIsOffTheyAreAskedForToo) {
  source->shows_late = true;
  define(plain_policy());
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::off}))->has_value());
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_FALSE(primary(0)) << "the store has told that there is none";
  another_raises("2");
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v2");
  store.mood = PlainStore::Mood::failing;
  answer({"1"});
  EXPECT_EQ(text(read("1")), "v1") << "the source decides";
}

TEST_F(FloorTest, WhileAnotherHasTheLeaseToo) {
  another_raises("2");
  ASSERT_TRUE(
      (**world.run(store.get_or_lease(slot_key(), world.token(), seconds(10), {}))).granted);
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.advance(milliseconds(1900));
  EXPECT_EQ(text(outcome), "v2");
  EXPECT_EQ((*outcome)->value().reason(), Reason::leased);
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(FloorTest, UnderAGuardToo) {
  another_raises("2");
  ASSERT_TRUE(world.run(store.guard({slot_key()}, world.token(), seconds(10)))->has_value());
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v2");
}

// Where nobody has told of the floors.

TEST_F(FloorTest, WhileTheStoreIsAwayThePrimaryIsAsked) {
  store.mood = PlainStore::Mood::failing;
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_TRUE(primary(0));
}

TEST_F(FloorTest, UnderAGuardWithoutAFloorThePrimaryIsAsked) {
  ASSERT_TRUE(world.run(store.guard({slot_key()}, world.token(), seconds(10)))->has_value());
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_TRUE(primary(0));
}

TEST_F(FloorTest, WhereThePolicyIsOffThePrimaryIsAsked) {
  ASSERT_TRUE(world.run(engine->change("users", {.rollout = Rollout::off}))->has_value());
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_TRUE(primary(0));
}

TEST_F(FloorTest, PastTheLimitThePrimaryIsAsked) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 4, .floors_max = 1});
  source->rows["2"] = "1";
  invalidate(since("2"));
  Invalidation other = since("2");
  other.keys[0].entity = "other";
  invalidate(other);
  EXPECT_EQ(text(read("2")), "1");
  EXPECT_TRUE(primary(0));
}

// What an answer's state is.

TEST_F(FloorTest, AnAbsenceHasAStateToo) {
  Policy policy = plain_policy();
  policy.absent_for = seconds(1);
  define(policy);
  invalidate(since("2"));
  source->next_answers["1"] = {{.kind = Kind::absent, .revision = "1"},
                               {.kind = Kind::absent},
                               {.kind = Kind::absent, .revision = "2"}};
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "absent");
  EXPECT_EQ(source->reads, 3u);
}

TEST_F(FloorTest, WhatIsUnchangedHasTheStateOfTheCopyThatWasOffered) {
  Policy policy = plain_policy();
  policy.stale_for = seconds(20);
  define(policy);
  source->rows["1"] = "3";
  read("1");
  world.advance(seconds(11));
  // The floor is raised in the store alone, so that the copy in memory is still there.
  another_raises("2");
  source->next_answers["1"] = {{.unchanged = true}};
  const AnyResult stale = read("1");
  EXPECT_EQ(text(stale), "3");
  EXPECT_EQ(source->asked.back().revision, "3");
  EXPECT_EQ(source->reads, 2u) << "state 3 contains change 2";
  another_raises("4");
  world.advance(seconds(11));
  source->next_answers["1"] = {{.unchanged = true}, {.payload = "v4", .revision = "4"}};
  read("1");
  world.advance(milliseconds(100));
  EXPECT_EQ(text(read("1")), "v4");
}

// A caller's own fetch is told, and nobody can say what its revisions mean.
TEST_F(FloorTest, ACallersOwnFetchIsTold) {
  invalidate(since("2"));
  auto fetched = std::make_shared<Fetch>();
  Loader loader = [fetched](Fetch fetch) -> Task<Result<Loaded>> {
    *fetched = std::move(fetch);
    co_return Loaded{.value = std::make_shared<const std::string>("own")};
  };
  const Outcome outcome = catch_outcome(engine->read(users, "1", std::move(loader)));
  world.run();
  EXPECT_EQ(text(outcome), "own");
  EXPECT_TRUE(fetched->primary);
}

// Invalidations that carry them.

TEST_F(FloorTest, KeysWithAndWithoutOneInOneInvalidation) {
  source->rows["2"] = "1";
  read("1");
  read("2");
  Invalidation what = since("2");
  what.keys.push_back({"users", "2"});
  what.tags.push_back("user:3");
  EXPECT_EQ(**invalidate(what), Held::everywhere);
  EXPECT_EQ(store.floors(), 1u);
  EXPECT_EQ(store.size(), 0u) << "both slots are empty";
}

TEST_F(FloorTest, ARevisionThatIsTooLongIsRefused) {
  const auto refused = invalidate(since(std::string(revision_bytes_max + 1, '1')));
  EXPECT_EQ(refused->error().code, Code::too_large);
  EXPECT_THAT(refused->error().what, testing::HasSubstr("revision_bytes_max"));
}

TEST_F(FloorTest, AGuardedWriteNamesNone) {
  bool called = false;
  Change change = [&called](Instant) -> Task<Result<void>> {
    called = true;
    co_return Result<void>();
  };
  const auto refused = world.run(engine->write(since("2"), std::move(change)));
  EXPECT_EQ(refused->error().code, Code::invalid_argument);
  EXPECT_FALSE(called);
}

// The change has named its revision while the store was away for a moment: the end of the guard
// raises the floor before the guard goes.
TEST_F(FloorTest, AGuardGoesOnlyWhenTheStoreHasTheFloorsOfItsChange) {
  bool comes_back = true;
  const auto change = [&](Instant) -> Task<Result<void>> {
    store.mood = PlainStore::Mood::failing;
    auto naming = engine->invalidate(since("2"));
    EXPECT_EQ(*co_await std::move(naming), Held::pending);
    if (comes_back) store.mood = PlainStore::Mood::well;
    co_return Result<void>();
  };
  EXPECT_EQ(**world.run(engine->write(key("1"), change)), Held::everywhere);
  EXPECT_EQ(store.floors(), 1u);
  EXPECT_EQ(store.guards(), 0u);
  comes_back = false;
  EXPECT_EQ(**world.run(engine->write(key("1"), change)), Held::pending);
  store.mood = PlainStore::Mood::well;
  EXPECT_EQ(store.guards(), 1u);
  world.advance(minutes(1));
  EXPECT_EQ(store.guards(), 0u);
}

// Past their limit, pending invalidations become one; the floors stay.
TEST_F(FloorTest, TheyAreDeliveredFromAFullListToo) {
  ASSERT_TRUE(close());
  make_engine({.bytes_max = 1 << 20, .shards = 4, .pending_max = 1});
  store.mood = PlainStore::Mood::failing;
  for (const char* entity : {"1", "2", "3"}) {
    Invalidation what = since("2");
    what.keys[0].entity = entity;
    EXPECT_EQ(**invalidate(what), Held::pending);
  }
  store.mood = PlainStore::Mood::well;
  world.advance(seconds(1));
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  EXPECT_EQ(store.floors(), 3u);
}

TEST_F(FloorTest, AWriteNamesItsRevisionToAllWhoReadTheSame) {
  Policy policy = plain_policy();
  policy.writable = {"name"};
  source->made_of = {{.database = "d", .collection = "users"}};
  source->written_revision = "2";
  define(policy);
  const auto other = [&](std::string name, std::vector<Dependency> made_of) {
    Policy another = plain_policy();
    another.name = std::move(name);
    auto behind = std::make_shared<kit::HeldSource>();
    behind->made_of = std::move(made_of);
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    ASSERT_TRUE(engine->define(another, codec, behind).has_value());
  };
  other("same", {{.database = "d", .collection = "Users"}});
  // Outdated by a trigger, in a table of its own and in another database.
  other("beside", {{.database = "d", .collection = "log"}});
  other("elsewhere", {{.database = "e", .collection = "users"}});
  source->also_changes = {{.database = "d", .collection = "users"},
                          {.database = "d", .collection = "log"},
                          {.database = "e", .collection = "users"}};
  ASSERT_TRUE(
      world.run(engine->write(users, {.entity = "1", .fields = {{"name", "v2"}}}))->has_value());
  const auto floors = [&](const std::string& name) {
    return (**world.run(store.look(store_key_of("default", name, "1"), {}, Store::Payload::with)))
        .floors;
  };
  EXPECT_THAT(floors("users"), ElementsAre("2"));
  EXPECT_THAT(floors("same"), ElementsAre("2"));
  EXPECT_THAT(floors("beside"), IsEmpty());
  EXPECT_THAT(floors("elsewhere"), IsEmpty());
}

// Without a store.

class AloneTest : public FloorTest {
 protected:
  AloneTest() {
    EXPECT_TRUE(close());
    engine = std::make_unique<Engine>(Engine::Limits{.bytes_max = 1 << 20, .shards = 4},
                                      Engine::Ports{world, world, world});
    define(plain_policy());
  }
};

TEST_F(AloneTest, ItsOwnFloorsAreEnoughOnceThoseFromBeforeHaveEnded) {
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_TRUE(primary(0)) << "somebody may have written just before it began";
  world.advance(minutes(5));
  EXPECT_EQ(text(read("1")), "1");
  EXPECT_FALSE(primary(1));
  invalidate(since("2"));
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_TRUE(primary(2));
  EXPECT_EQ(after_pauses(outcome), "v2");
}

// With a bus, others' floors are heard.

TEST_F(FloorTest, WhatIsHeardIsKnownWhileTheStoreIsAway) {
  kit::BusServer server;
  kit::PlainBus bus{server};
  kit::PlainBus other_bus{server};
  ASSERT_TRUE(close());
  const Engine::Limits limits{.bytes_max = 1 << 20, .shards = 4};
  engine = std::make_unique<Engine>(limits, Engine::Ports{world, world, world, &store, &bus});
  define(plain_policy());
  Engine other(limits, Engine::Ports{world, world, world, &store, &other_bus});
  world.run();
  EXPECT_EQ(**world.run(other.invalidate(since("2"))), Held::soon);
  store.mood = PlainStore::Mood::failing;
  answer({"1", "2"});
  const Outcome outcome = ask("1");
  world.run();
  EXPECT_EQ(after_pauses(outcome), "v2");
  store.mood = PlainStore::Mood::well;
  start(other.close(), [] {});
  ASSERT_TRUE(close());
  make_engine();  // Nothing of it may reach for the bus any more.
}

}  // namespace
}  // namespace headrace
