// Floors in the embedded store: through restarts, and past their limit.
#include "embedded/database.h"
#include "kit/eventually.h"
#include "stores/embedded/store_fixture.h"

namespace headrace::embedded {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

std::int64_t rows(const TestStore& store) {
  auto database = Database::open(store.options.path);
  return database->number("SELECT COUNT(*) FROM floors").value();
}

void raise(TestStore& store, StoreKey key, std::string revision, Duration lasts) {
  std::vector<Store::Floor> floors{{.key = key, .revision = std::move(revision), .lasts = lasts}};
  ASSERT_TRUE(wait(store->raise_floors(std::move(floors))).has_value());
}

TEST(EmbeddedFloors, StandThroughARestartAndEndWhenTheyWould) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  raise(store, key(1), "a", 100s);
  raise(store, key(1), "b", 50s);
  store.close();
  store.threads.advance(40s);
  store.threads.step_wall(10h);
  store.open();
  EXPECT_EQ(store.look(key(1)).floors, (Names{"a", "b"}));
  EXPECT_TRUE(store.look(key(2)).floors.empty());
  EXPECT_EQ(store->usage().floors, 2u);
  store.threads.advance(10s);
  EXPECT_EQ(store.look(key(1)).floors, Names{"a"});
  store.threads.advance(50s);
  EXPECT_TRUE(store.look(key(1)).floors.empty());
  EXPECT_EQ(store.notices(), "");
}

TEST(EmbeddedFloors, TheSameTwiceEndsWhenTheLaterDoesThroughARestartToo) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  raise(store, key(1), "a", 100s);
  raise(store, key(1), "a", 10s);
  EXPECT_EQ(rows(store), 1);
  store.open();
  store.threads.advance(100s - Duration(1));
  EXPECT_EQ(store.look(key(1)).floors, Names{"a"});
  store.threads.advance(Duration(1));
  EXPECT_TRUE(store.look(key(1)).floors.empty());
}

// As guards: from the first opening of another boot on, and at the second not once more.
TEST(EmbeddedFloors, HaveTheirWholeTimeAgainAfterAReboot) {
  TestStore store;
  store.seams.boot = 1;
  store.open();
  raise(store, key(1), "a", 100s);
  store.close();
  store.threads.advance(50s);
  store.seams.boot = 2;
  store.open();
  store.threads.advance(60s);
  EXPECT_EQ(store.look(key(1)).floors, Names{"a"});
  store.open();
  store.threads.advance(40s - Duration(1));
  EXPECT_EQ(store.look(key(1)).floors, Names{"a"});
  store.threads.advance(Duration(1));
  EXPECT_TRUE(store.look(key(1)).floors.empty());
}

TEST(EmbeddedFloors, TheFileKeepsNoMoreOfAKeyThanItHas) {
  TestStore store;
  store.open();
  for (int i = 0; i < 50; ++i) raise(store, key(1), "r" + std::to_string(i), long_enough);
  EXPECT_EQ(rows(store), static_cast<std::int64_t>(floors_per_key_max));
  const Names before = store.look(key(1)).floors;
  EXPECT_EQ(before.back(), "r49");
  store.open();
  EXPECT_EQ(store.look(key(1)).floors, before);
}

TEST(EmbeddedFloors, ThoseThatHaveEndedAreSwept) {
  TestStore store;
  store.open();
  std::vector<Store::Floor> floors;
  for (std::uint64_t n = 0; n < 3000; ++n) {
    floors.push_back({.key = key(n), .revision = "a", .lasts = 1s});
  }
  ASSERT_TRUE(wait(store->raise_floors(floors)).has_value());
  raise(store, key(5000), "a", long_enough);
  ASSERT_EQ(rows(store), 3001);
  store.threads.advance(6s);
  EXPECT_TRUE(eventually([&] { return rows(store) == 1; }));
  EXPECT_EQ(store->usage().floors, 1u);
  EXPECT_EQ(store.look(key(5000)).floors, Names{"a"});
}

// Those that end first go, and until then every key has one without a name, after a restart too.
TEST(EmbeddedFloors, AreBounded) {
  TestStore store;
  store.options.floors_max = 3;
  store.seams.boot = 1;
  store.open();
  raise(store, key(1), "a", 10s);
  for (std::uint64_t n = 2; n <= 4; ++n) raise(store, key(n), "b", 100s);
  EXPECT_LE(rows(store), 4);
  for (int opening = 0; opening < 2; ++opening) {
    EXPECT_EQ(store.look(key(1)).floors, Names{""});
    EXPECT_EQ(store.look(key(9)).floors, Names{""});
    EXPECT_EQ(store.look(key(4)).floors.front(), "");
    EXPECT_LE(store->usage().floors, 3u);
    store.open();
  }
  store.threads.advance(100s);
  EXPECT_TRUE(store.look(key(1)).floors.empty());
  EXPECT_TRUE(store.look(key(4)).floors.empty());
  EXPECT_EQ(store.notices(), "");
}

TEST(EmbeddedFloors, OneThatCannotBeReadSetsTheFileAside) {
  TestStore store;
  store.open();
  raise(store, key(1), "a", long_enough);
  store.close();
  {
    auto database = Database::open(store.options.path);
    ASSERT_TRUE(database->run("UPDATE floors SET store_key = x'00'").has_value());
  }
  store.open();
  EXPECT_NE(store.notices().find("a floor"), std::string::npos) << store.notices();
  EXPECT_TRUE(store.put(key(1), "works").has_value());
}

// The hook runs when the floor has been raised and is not yet committed: readers still see what the
// slot held before, and are told.
TEST(EmbeddedFloors, WhoReadsWhileAFloorCommitsIsTold) {
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
  std::vector<Store::Floor> floors{{.key = key(1), .revision = "a", .lasts = long_enough},
                                   {.key = key(2), .revision = "a", .lasts = long_enough}};
  ASSERT_TRUE(wait(store->raise_floors(std::move(floors))).has_value());
  EXPECT_TRUE(empty.granted);
  EXPECT_EQ(empty.slot.floors, Names{"a"});
  EXPECT_FALSE(store.publish(key(1), late, "late"));
  ASSERT_EQ(held.slot.state, Slot::State::held);
  EXPECT_EQ(held.slot.floors, Names{"a"});
  EXPECT_FALSE(store.publish(key(2), held.slot.token, "late"));
  EXPECT_EQ(store.look(key(1)).state, Slot::State::empty);
}

}  // namespace
}  // namespace headrace::embedded
