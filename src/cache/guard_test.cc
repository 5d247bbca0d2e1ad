// Guarded writes: while one is under way nothing is kept, wherever it dies; and linearizable
// policies write no other way.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

class GuardTest : public BenchTop {
 protected:
  GuardTest() {
    source->rows["1"] = "v1";
    read("1");
  }

  // A change that has begun, and ends when the test says so.
  struct Held {
    std::coroutine_handle<> waiting;
    Result<void> outcome;
    Instant deadline{};
    bool began = false;
  };
  static Task<Result<void>> hold(std::shared_ptr<Held> held, Instant deadline) {
    struct Until {
      Held& held;
      [[nodiscard]] bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> handle) const { held.waiting = handle; }
      void await_resume() const noexcept {}
    };
    held->began = true;
    held->deadline = deadline;
    const Until until{*held};
    co_await until;
    co_return held->outcome;
  }
  void begin() {
    Change change = [held = held](Instant deadline) { return hold(held, deadline); };
    start(engine->write(key("1"), std::move(change)),
          [this](const Result<headrace::Held>& result) { done = result; });
    world.run();
  }
  void end(Result<void> outcome) {
    held->outcome = std::move(outcome);
    std::exchange(held->waiting, nullptr).resume();
    world.run();
  }
  // What another instance would be told of the slot.
  Slot slot() {
    return **world.run(store.look(store_key_of("default", "users", "1"), {}, Store::Payload::with));
  }
  // A load of another instance's: it takes a lease, and reads.
  Store::Claim other_claims() {
    return **world.run(
        store.get_or_lease(store_key_of("default", "users", "1"), world.token(), seconds(10), {}));
  }

  std::shared_ptr<Held> held = std::make_shared<Held>();
  std::optional<Result<headrace::Held>> done;
};

TEST_F(GuardTest, WhileItStandsReadsAskTheSourceAndKeepNothing) {
  begin();
  ASSERT_TRUE(held->began);
  EXPECT_TRUE(slot().guarded);
  EXPECT_EQ(slot().state, Slot::State::empty);
  EXPECT_EQ(text(read("1")), "v1");
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(slot().state, Slot::State::empty);
  end({});
  EXPECT_EQ(**done, headrace::Held::everywhere);
  EXPECT_FALSE(slot().guarded);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(GuardTest, AnotherIsTold) {
  begin();
  const Store::Claim claim = other_claims();
  EXPECT_TRUE(claim.granted);
  EXPECT_TRUE(claim.slot.guarded);
  end({});
}

TEST_F(GuardTest, ALoadThatIsToldOfAGuardKeepsNothingAndGivesItsLeaseBack) {
  const std::vector<StoreKey> keys{store_key_of("default", "users", "1")};
  invalidate(key("1"));
  ASSERT_TRUE(world.run(store.guard(keys, world.token(), seconds(5)))->has_value());
  for (int i = 0; i < 2; ++i) {
    const AnyResult answer = read("1");
    EXPECT_EQ(answer->origin(), Origin::source);
    EXPECT_EQ(answer->reason(), Reason::guarded);
    EXPECT_EQ(slot().state, Slot::State::empty);
  }
  world.advance(seconds(6));
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(GuardTest, AnotherLeaseFromBeforeIsVoid) {
  invalidate(key("1"));
  const Token lease = world.token();
  const StoreKey here = store_key_of("default", "users", "1");
  ASSERT_TRUE((*world.run(store.get_or_lease(here, lease, seconds(10), {})))->granted);
  begin();
  const auto published = world.run(
      store.publish(here, lease, {.id = world.token(), .key = "k", .payload = "v1"}, seconds(9)));
  EXPECT_EQ(**published, Published::refused);
  end({});
}

TEST_F(GuardTest, WhatItIsKnownNotToHaveChangedIsFreeAtOnce) {
  begin();
  end(failure(Code::refused, "a constraint"));
  EXPECT_EQ(done->error().code, Code::refused);
  EXPECT_FALSE(slot().guarded);
  EXPECT_EQ(read("1")->reason(), Reason::cold);
}

TEST_F(GuardTest, WhereItIsUnknownTheGuardStandsUntilNobodyCanMakeTheChange) {
  begin();
  end(failure(Code::source_unavailable, "the connection broke"));
  EXPECT_EQ(done->error().code, Code::source_unavailable);
  EXPECT_TRUE(slot().guarded);
  EXPECT_EQ(text(read("1")), "v1");
  world.advance(held->deadline - world.now());
  source->rows["1"] = "v2";  // It is made at the last moment.
  EXPECT_TRUE(slot().guarded);
  EXPECT_EQ(text(read("1")), "v2");
  world.advance(seconds(6));
  EXPECT_FALSE(slot().guarded);
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(GuardTest, AChangeThatDoesNotEndIsGivenUpInTime) {
  begin();
  world.advance(seconds(25));
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->error().code, Code::timed_out);
  EXPECT_TRUE(slot().guarded);
  end({});
}

TEST_F(GuardTest, WithoutAGuardNothingIsChanged) {
  store.mood = PlainStore::Mood::failing;
  begin();
  EXPECT_FALSE(held->began);
  EXPECT_EQ(done->error().code, Code::store_unavailable);
  EXPECT_EQ(engine->stats().invalidations_pending, 0u);
}

TEST_F(GuardTest, WhatTheChangeThrowsIsAnError) {
  Change change = [](Instant) -> Task<Result<void>> { throw std::runtime_error("no such row"); };
  const auto outcome = world.run(engine->write(key("1"), std::move(change)));
  EXPECT_EQ(outcome->error().code, Code::loader_threw);
  EXPECT_THAT(outcome->error().what, testing::HasSubstr("no such row"));
}

TEST_F(GuardTest, ItMustNameKeys) {
  Change change = [held = held](Instant deadline) { return hold(held, deadline); };
  const auto outcome = world.run(engine->write(tag("user:1"), std::move(change)));
  EXPECT_EQ(outcome->error().code, Code::invalid_argument);
  EXPECT_FALSE(held->began);
}

class GuardWithoutStoreTest : public BenchTop {
 protected:
  GuardWithoutStoreTest() : BenchTop(false) {}
};

TEST_F(GuardWithoutStoreTest, MemoryKeepsNothingMeanwhile) {
  source->rows["1"] = "v1";
  read("1");
  Change change = [this](Instant) -> Task<Result<void>> {
    EXPECT_EQ(text(read("1")), "v1");
    source->rows["1"] = "v2";
    co_return Result<void>();
  };
  EXPECT_EQ(**world.run(engine->write(key("1"), std::move(change))), Held::everywhere);
  EXPECT_EQ(text(read("1")), "v2");
}

class LinearizableTest : public BenchTop {
 protected:
  LinearizableTest() {
    Policy policy = plain_policy();
    policy.level = Level::linearizable;
    policy.writable = {"name"};
    define(policy);
    source->rows["1"] = "v1";
  }
};

TEST_F(LinearizableTest, AHitIsConfirmedByTheStore) {
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  const StoreKey here = store_key_of("default", "users", "1");
  ASSERT_TRUE(world.run(store.invalidate({here}))->has_value());
  EXPECT_EQ(read("1")->origin(), Origin::source);
}

TEST_F(LinearizableTest, AWriteThroughIsGuarded) {
  read("1");
  source->hold_writes = true;
  std::optional<Result<WriteOutcome>> done;
  start(engine->write(users, {.entity = "1", .fields = {{"name", "\"v2\""}}}),
        [&](const Result<WriteOutcome>& outcome) { done = outcome; });
  world.run();
  const StoreKey here = store_key_of("default", "users", "1");
  EXPECT_TRUE((**world.run(store.look(here, {}, Store::Payload::with))).guarded);
  source->release_writes();
  world.run();
  ASSERT_TRUE(done && *done) << (*done).error().what;
  EXPECT_EQ((*done)->held, Held::everywhere);
  EXPECT_FALSE((**world.run(store.look(here, {}, Store::Payload::with))).guarded);
}

TEST_F(LinearizableTest, NothingIsPut) {
  EXPECT_EQ(put("1", "v2")->error().code, Code::not_allowed);
}

}  // namespace
}  // namespace headrace
