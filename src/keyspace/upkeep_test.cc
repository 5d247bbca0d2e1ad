#include "keyspace/upkeep.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "keyspace/keyspace_fixture.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

using UpkeepTest = KeyspaceFixture;

TEST_F(UpkeepTest, SweepingFreesWhatHasExpiredAndNothingElse) {
  for (int i = 0; i < 1000; ++i) put("e" + std::to_string(i), {.expires = in(1s)});
  put("stays", {.value = "1", .expires = in(2s)});
  world.step_wall(1s);
  EXPECT_EQ(world.run(keyspace.sweep()).value().value(), 1000U);
  EXPECT_EQ(records.size(), 1U);
  EXPECT_EQ(get("stays")->value, "1");
}

TEST_F(UpkeepTest, WhatLiesApartIsSweptOneByOne) {
  for (int i = 0; i < 10; ++i) put("e" + std::to_string(i), {.expires = in(1s)});
  records.lie_apart = true;
  world.step_wall(1s);
  EXPECT_EQ(world.run(keyspace.sweep()).value().value(), 10U);
  EXPECT_EQ(records.size(), 0U);
}

// What was found expired, and written again before it is removed, stays.
class LateRecords final : public kit::PlainRecords {
 public:
  Task<Result<std::vector<RecordKey>>> expired(WallTime at, std::size_t keys_max) override {
    auto task = PlainRecords::expired(at, keys_max);
    auto keys = co_await std::move(task);
    if (meanwhile) meanwhile();
    co_return keys;
  }
  std::function<void()> meanwhile{};
};

TEST(Sweeping, WhatIsWrittenAgainMeanwhileStays) {
  kit::World world;
  LateRecords records;
  Keyspace keyspace({}, {.records = records, .clock = world, .executor = world});
  const std::vector<RecordKey> keys{RecordKey(1, "s", "a")};
  const auto write = [&](WallTime expires) {
    const auto put = [=](Workspace& work) {
      work.put(0, {.value = "x", .expires = expires});
      return true;
    };
    ASSERT_TRUE(world.run(keyspace.edit(keys, put, {})).value());
  };
  write(world.wall_now() + 1s);
  world.step_wall(2s);
  records.meanwhile = [&] { write(Record::never); };
  EXPECT_EQ(world.run(keyspace.sweep()).value().value(), 0U);
  EXPECT_EQ(world.run(keyspace.read(keys)).value().value()[0]->value, "x");
}

TEST_F(UpkeepTest, SweepsByItselfUntilItIsClosed) {
  put("a", {.value = "1", .expires = in(1s)});
  world.advance(1s);
  EXPECT_EQ(records.size(), 0U);
  put("b", {.value = "1", .expires = in(1500ms)});
  world.advance(1s);
  EXPECT_EQ(records.size(), 1U);
  world.advance(1s);
  EXPECT_EQ(records.size(), 0U);
  put("c", {.value = "1", .expires = in(1s)});
  start_close();
  EXPECT_EQ(world.queued(), 0U);
  world.advance(10s);
  EXPECT_EQ(records.size(), 1U);
}

TEST_F(UpkeepTest, AnOutageDoesNotEndTheSweeping) {
  put("a", {.value = "1", .expires = in(1s)});
  records.fails = true;
  world.advance(3s);
  records.fails = false;
  world.advance(1s);
  EXPECT_EQ(records.size(), 0U);
}

TEST_F(UpkeepTest, AnAccessIsWrittenDownOnceInItsTime) {
  put("a", {.value = "1"});
  const WallTime first = get("a")->accessed;
  const std::uint64_t edits = records.edits;
  world.advance(59s);
  for (int i = 0; i < 10; ++i) (void)keyspace.peek(key_of("a").bytes());
  world.advance(2s);
  EXPECT_EQ(records.edits, edits);
  for (int i = 0; i < 10; ++i) (void)keyspace.peek(key_of("a").bytes());
  (void)get("a");
  world.advance(2s);
  EXPECT_EQ(records.edits, edits + 1);
  const RecordRef after = get("a");
  EXPECT_EQ(after->accessed - first, 61s);
  EXPECT_EQ(after->updated, first);
}

TEST_F(UpkeepTest, ALookThatDoesNotCountIsNotNoted) {
  put("a", {.value = "1"});
  const std::uint64_t edits = records.edits;
  world.advance(120s);
  (void)world.run(keyspace.read({key_of("a")}, Keyspace::Access::does_not_count));
  world.advance(5s);
  EXPECT_EQ(records.edits, edits);
}

TEST_F(UpkeepTest, WhatWaitsIsWrittenDownAtTheEnd) {
  put("a", {.value = "1"});
  const std::uint64_t edits = records.edits;
  world.advance(60s);
  (void)get("a");
  start_close();
  EXPECT_EQ(records.edits, edits + 1);
}

TEST_F(UpkeepTest, AnAccessThatCouldNotBeWrittenIsTriedAgain) {
  put("a", {.value = "1"});
  const std::uint64_t edits = records.edits;
  world.advance(60s);
  (void)get("a");
  records.fails = true;
  world.advance(2s);
  records.fails = false;
  world.advance(1s);
  EXPECT_EQ(records.edits, edits + 1);
}

TEST_F(UpkeepTest, WhatClientsCompareStaysWhenAnAccessIsWritten) {
  put("a", {.value = "1"});
  const RecordRef before = get("a");
  world.advance(60s);
  (void)get("a");
  world.advance(1s);
  const RecordRef after = get("a");
  EXPECT_NE(after->version, before->version);
  EXPECT_EQ(content_version_of(*after), content_version_of(*before));
  put("a", {.value = "1"});
  EXPECT_NE(content_version_of(*get("a")), content_version_of(*before));
}

}  // namespace
}  // namespace headrace
