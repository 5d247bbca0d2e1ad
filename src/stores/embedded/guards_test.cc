#include "stores/embedded/guards.h"

#include "embedded/database.h"
#include "kit/world.h"
#include "stores/embedded/store_fixture.h"

namespace headrace::embedded {
namespace {

using namespace std::chrono_literals;

constexpr StoreKey k1{{1, 2, 3, 4}};
constexpr StoreKey k2{{4, 3, 2, 1}};
constexpr Token a{.high = 1, .low = 1};
constexpr Token b{.high = 2, .low = 2};

// What stands, in memory.

TEST(Guards, StandUntilTheirEnd) {
  kit::World world;
  Guards guards(8);
  EXPECT_FALSE(guards.stands(k1, world));
  EXPECT_EQ(guards.add(k1, a, world.now() + 10s), world.now() + 10s);
  world.advance(10s - Duration(1));
  EXPECT_TRUE(guards.stands(k1, world));
  EXPECT_FALSE(guards.stands(k2, world));
  world.advance(Duration(1));
  EXPECT_FALSE(guards.stands(k1, world));
}

TEST(Guards, TheSameTwiceIsOneThatEndsWhenTheLaterDoes) {
  kit::World world;
  Guards guards(8);
  guards.add(k1, a, world.now() + 10s);
  EXPECT_EQ(guards.add(k1, a, world.now() + 5s), world.now() + 10s);
  EXPECT_EQ(guards.add(k1, a, world.now() + 20s), world.now() + 20s);
  EXPECT_EQ(guards.size(), 1u);
  world.advance(15s);
  EXPECT_TRUE(guards.stands(k1, world));
  guards.remove(k1, a);
  EXPECT_FALSE(guards.stands(k1, world));
  EXPECT_EQ(guards.size(), 0u);
}

TEST(Guards, OneIsTakenAwayAndNoOther) {
  kit::World world;
  Guards guards(8);
  guards.add(k1, a, world.now() + 10s);
  guards.add(k1, b, world.now() + 10s);
  guards.add(k2, a, world.now() + 10s);
  guards.remove(k1, a);
  guards.remove(k1, a);
  EXPECT_TRUE(guards.stands(k1, world));
  EXPECT_TRUE(guards.stands(k2, world));
  EXPECT_EQ(guards.size(), 2u);
}

TEST(Guards, RoomCountsWhatStandsOnce) {
  kit::World world;
  Guards guards(2);
  EXPECT_TRUE(guards.has_room({k1, k2}, a, world.now()));
  guards.add(k1, a, world.now() + 10s);
  guards.add(k2, a, world.now() + 20s);
  EXPECT_FALSE(guards.has_room({k1}, b, world.now()));
  EXPECT_TRUE(guards.has_room({k1, k2}, a, world.now())) << "they stand there already";
  EXPECT_TRUE(guards.has_room({}, b, world.now()));
  EXPECT_TRUE(guards.has_room({k1}, b, world.now() + 10s)) << "one has ended";
  EXPECT_FALSE(guards.has_room({k1, k2}, b, world.now() + 10s));
  guards.expire(world.now() + 20s);
  EXPECT_EQ(guards.size(), 0u);
}

// What stands, through restarts.

std::int64_t rows(const TestStore& store) {
  auto database = Database::open(store.options.path);
  return database->number("SELECT COUNT(*) FROM guards").value();
}

void run_sql(const TestStore& store, const std::string& sql) {
  auto database = Database::open(store.options.path);
  ASSERT_TRUE(database.has_value());
  const auto done = database->run(sql);
  ASSERT_TRUE(done.has_value()) << done.error().what;
}

TEST(EmbeddedGuards, StandThroughARestartAndEndWhenTheyWould) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  store.guard(key(1), 100s);
  const Token freed = store.guard(key(2), 100s);
  ASSERT_TRUE(wait(store->unguard({key(2)}, freed)).has_value());
  store.close();
  store.threads.advance(40s);
  store.threads.step_wall(10h);
  store.open();
  EXPECT_TRUE(store.look(key(1)).guarded);
  EXPECT_FALSE(store.look(key(2)).guarded);
  EXPECT_EQ(store->usage().guards, 1u);
  store.threads.step_wall(-20h);
  store.threads.advance(60s - Duration(1));
  EXPECT_TRUE(store.look(key(1)).guarded) << "within a boot the calendar does not count";
  store.threads.advance(Duration(1));
  EXPECT_FALSE(store.look(key(1)).guarded);
  EXPECT_EQ(store.notices(), "");
}

TEST(EmbeddedGuards, OneThatHasEndedDoesNotComeBack) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  store.guard(key(1), 10s);
  store.close();
  store.threads.advance(10s);
  store.open();
  EXPECT_FALSE(store.look(key(1)).guarded);
  EXPECT_EQ(store->usage().guards, 0u);
}

// Another boot has another clock, and the calendar may have been set: the guard gets its whole time
// again, from the first opening on, and at the second not once more.
TEST(EmbeddedGuards, HaveTheirWholeTimeAgainAfterAReboot) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  store.guard(key(1), 100s);
  store.close();
  store.threads.advance(50s);
  store.threads.step_wall(10h);
  store.seams.boot = 2;
  store.open();
  store.threads.advance(60s);
  EXPECT_TRUE(store.look(key(1)).guarded);
  store.open();
  store.threads.advance(40s - Duration(1));
  EXPECT_TRUE(store.look(key(1)).guarded);
  store.threads.advance(Duration(1));
  EXPECT_FALSE(store.look(key(1)).guarded) << "the second opening dated it anew";
}

TEST(EmbeddedGuards, NoneStandsLongerThanItCould) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  store.guard(key(1), 100s);
  store.close();
  run_sql(store, "UPDATE guards SET ends = 9223372036854775807");
  store.open();
  store.threads.advance(100s - Duration(1));
  EXPECT_TRUE(store.look(key(1)).guarded);
  store.threads.advance(Duration(1));
  EXPECT_FALSE(store.look(key(1)).guarded);
  store.guard(key(1), 100s);
  store.close();
  run_sql(store, "UPDATE guards SET boot = 9, lasts = 9223372036854775807");
  store.open();
  store.threads.advance(Store::guard_lasts_max - Duration(1));
  EXPECT_TRUE(store.look(key(1)).guarded);
  store.threads.advance(Duration(1));
  EXPECT_FALSE(store.look(key(1)).guarded);
}

TEST(EmbeddedGuards, OneThatCannotBeReadSetsTheFileAside) {
  TestStore store;
  store.open();
  store.guard(key(1));
  store.close();
  run_sql(store, "UPDATE guards SET store_key = x'00'");
  store.open();
  EXPECT_NE(store.notices().find("write guard"), std::string::npos) << store.notices();
  EXPECT_TRUE(store.put(key(1), "works").has_value());
}

TEST(EmbeddedGuards, ThoseThatHaveEndedAreSwept) {
  TestStore store;
  store.open();
  std::vector<StoreKey> keys;
  for (std::uint64_t n = 0; n < 3000; ++n) keys.push_back(key(n));
  ASSERT_TRUE(wait(store->guard(keys, store.threads.token(), 1s)).has_value());
  const Token stays = store.guard(key(5000));
  ASSERT_EQ(store->usage().guards, 3001u);
  ASSERT_EQ(rows(store), 3001);
  store.threads.advance(6s);
  EXPECT_TRUE(eventually([&] { return rows(store) == 1; }));
  EXPECT_EQ(store->usage().guards, 1u);
  EXPECT_TRUE(store.look(key(5000)).guarded);
  EXPECT_EQ(store->usage().expired_total, 0u) << "guards are no entries";
  ASSERT_TRUE(wait(store->unguard({key(5000)}, stays)).has_value());
  EXPECT_EQ(rows(store), 0);
}

TEST(EmbeddedGuards, AreBounded) {
  TestStore store;
  store.options.guards_max = 3;
  store.open();
  const Token mine = store.threads.token();
  ASSERT_TRUE(wait(store->guard({key(1), key(2)}, mine, 10s)).has_value());
  ASSERT_TRUE(store.put(key(3), "v").has_value());
  const auto full = wait(store->guard({key(3), key(4)}, store.threads.token(), 10s));
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, Code::store_unavailable);
  EXPECT_NE(full.error().what.find("guards_max"), std::string::npos) << full.error().what;
  EXPECT_EQ(store.payload(key(3)), "v") << "nothing was done by halves";
  EXPECT_FALSE(store.look(key(3)).guarded);
  EXPECT_EQ(store->usage().trouble, "");
  EXPECT_EQ(store->usage().refused_total, 0u);
  EXPECT_EQ(store.notices(), "");
  EXPECT_TRUE(wait(store->guard({key(1), key(2)}, mine, 10s)).has_value()) << "they stand already";
  store.threads.advance(10s);
  EXPECT_TRUE(wait(store->guard({key(3), key(4)}, store.threads.token(), 10s)).has_value());
}

// Races with a reader.

// The clock is read on the way from an empty snapshot to the grant; a guard that is set there, and
// acknowledged, is told of.
TEST(EmbeddedGuards, OneThatIsSetBeforeTheGrantIsTold) {
  TestStore paths;
  Interrupted clock(paths.threads);
  auto store = open_embedded_store(paths.options, clock, paths.threads, paths.threads);
  ASSERT_TRUE(store.has_value());
  clock.interrupt = [&] {
    const std::vector<StoreKey> keys{key(1)};
    EXPECT_TRUE(wait((*store)->guard(keys, paths.threads.token(), long_enough)).has_value());
  };
  clock.armed = true;
  const auto claim = wait((*store)->get_or_lease(key(1), paths.threads.token(), long_enough, {}));
  ASSERT_TRUE(claim.has_value());
  EXPECT_TRUE(claim->granted);
  EXPECT_TRUE(claim->slot.guarded);
}

// The hook runs when the guard has been carried out and is not yet committed: readers still see
// what the slot held before.
TEST(EmbeddedGuards, WhoReadsWhileAGuardCommitsIsTold) {
  std::atomic<bool> armed = false;
  Store::Claim empty;
  Store::Claim held;
  TestStore store;
  const Token late = store.threads.token();
  store.seams.before_commit = [&] {
    if (!armed.exchange(false)) return;
    empty = wait(store->get_or_lease(key(1), late, long_enough, {})).value();
    held = wait(store->get_or_lease(key(2), late, long_enough, {})).value();
  };
  store.open();
  ASSERT_TRUE(store.put(key(2), "old").has_value());
  armed = true;
  const std::vector<StoreKey> keys{key(1), key(2)};
  ASSERT_TRUE(wait(store->guard(keys, store.threads.token(), long_enough)).has_value());
  EXPECT_TRUE(empty.granted);
  EXPECT_TRUE(empty.slot.guarded);
  EXPECT_FALSE(store.publish(key(1), late, "late"));
  ASSERT_EQ(held.slot.state, Slot::State::held);
  EXPECT_TRUE(held.slot.guarded);
  EXPECT_FALSE(store.publish(key(2), held.slot.token, "late"));
  EXPECT_EQ(store.look(key(1)).state, Slot::State::empty);
  EXPECT_EQ(store.look(key(2)).state, Slot::State::empty);
}

// In one group, in the order of the queue: what was called last holds.
TEST(EmbeddedGuards, SetAndTakenAwayInOneGroupInTheirOrder) {
  kit::Turnstile gate;
  TestStore store;
  store.seams.before_group = [&gate] { gate.pass(); };
  store.open();
  const Token mine = store.guard(key(1));
  const int before = gate.arrivals();
  gate.close();
  kit::Started<Token> held(store->invalidate({key(9)}));
  ASSERT_TRUE(eventually([&] { return gate.arrivals() > before; }));
  kit::Started<void> freed(store->unguard({key(1)}, mine));
  kit::Started<Token> again(store->guard({key(1)}, mine, long_enough));
  kit::Started<Token> other(store->guard({key(2)}, mine, long_enough));
  kit::Started<void> gone(store->unguard({key(2)}, mine));
  gate.open();
  EXPECT_TRUE(held.get().has_value());
  EXPECT_TRUE(freed.get().has_value());
  EXPECT_TRUE(again.get().has_value());
  EXPECT_TRUE(other.get().has_value());
  EXPECT_TRUE(gone.get().has_value());
  EXPECT_TRUE(store.look(key(1)).guarded);
  EXPECT_FALSE(store.look(key(2)).guarded);
  store.seams = {};
  store.open();
  EXPECT_TRUE(store.look(key(1)).guarded);
  EXPECT_FALSE(store.look(key(2)).guarded);
}

}  // namespace
}  // namespace headrace::embedded
