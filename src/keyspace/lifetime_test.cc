#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "headrace/keyspace.h"
#include "headrace/operations.h"
#include "kit/plain_records.h"
#include "kit/world.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

class SlidingTest : public testing::Test {
 protected:
  void put(Lifetime lifetime) {
    const auto operation = [&](Workspace& work) {
      return headrace::put(work, 0, {.value = "x", .lifetime = lifetime}) == Made::made;
    };
    ASSERT_TRUE(world.run(keyspace().edit({key}, operation, {})).value());
  }
  bool peek() {
    const auto found = keyspace().peek(key.bytes());
    EXPECT_TRUE(found);
    return found && *found != nullptr;
  }
  bool is_there() {
    return world.run(keyspace().read({key}, Keyspace::Access::does_not_count)).value().value()[0] !=
           nullptr;
  }
  // As after kill -9: nothing was written down at the end.
  void crash() { keyspace_.reset(); }
  Keyspace& keyspace() {
    if (!keyspace_) {
      keyspace_.emplace(options,
                        Keyspace::Ports{.records = records, .clock = world, .executor = world});
    }
    return *keyspace_;
  }

  kit::World world;
  kit::PlainRecords records;
  KeyspaceOptions options;
  std::optional<Keyspace> keyspace_;
  const RecordKey key{1, "s", "a"};
};

TEST_F(SlidingTest, EndsAfterItsIdleTimeAndTheSlack) {
  put({.idle = 10s});
  world.advance(10'999ms);
  EXPECT_TRUE(is_there());
  world.advance(1ms);
  EXPECT_FALSE(is_there());
}

TEST_F(SlidingTest, LivesAsLongAsItIsUsed) {
  put({.idle = 10s});
  for (int i = 0; i < 100; ++i) {
    world.advance(9s);
    ASSERT_TRUE(peek()) << i;
  }
  world.advance(11s);
  EXPECT_FALSE(is_there());
}

TEST_F(SlidingTest, LivesAtLeastItsIdleTimeAfterEachAccessWhateverTheRhythm) {
  for (const auto every : {10ms, 100ms, 400ms, 999ms, 1000ms, 1001ms, 2500ms, 9900ms}) {
    put({.idle = 10s});
    for (int i = 0; i < 40; ++i) {
      world.advance(every);
      ASSERT_TRUE(peek()) << every << " " << i;
    }
    world.advance(10s - 1ms);
    EXPECT_TRUE(is_there()) << every;
    world.advance(1s + 1ms);
    EXPECT_FALSE(is_there()) << every;
  }
}

TEST_F(SlidingTest, NeverPastItsEnd) {
  put({.ttl = 25s, .idle = 10s});
  for (int i = 0; i < 24; ++i) {
    world.advance(1s);
    ASSERT_TRUE(peek()) << i;
  }
  world.advance(999ms);
  EXPECT_TRUE(peek());
  world.advance(1ms);
  EXPECT_FALSE(peek());
}

TEST_F(SlidingTest, IsWrittenDownNotMoreOftenThanItsSlack) {
  put({.idle = 1800s});
  const std::uint64_t edits = records.edits;
  for (int i = 0; i < 600; ++i) {
    world.advance(1s);
    ASSERT_TRUE(peek());
  }
  EXPECT_LE(records.edits - edits, 10U);
  EXPECT_GE(records.edits - edits, 9U);
}

// A record whose accesses were all lost lives as if the last of those that were not due had been
// written.
TEST_F(SlidingTest, ACrashDoesNotShortenALife) {
  put({.idle = 1800s});
  world.advance(59s);
  ASSERT_TRUE(peek());  // Not due yet: nothing is noted.
  crash();
  world.advance(1800s - 1ms);
  EXPECT_TRUE(is_there());
}

TEST_F(SlidingTest, AnAccessJustBeforeTheEndIsWrittenAtOnce) {
  put({.idle = 1800s});
  world.advance(1859s);
  const std::uint64_t edits = records.edits;
  ASSERT_TRUE(peek());
  world.run();
  EXPECT_EQ(records.edits, edits + 1);
  crash();
  world.advance(1800s);
  EXPECT_TRUE(is_there());
}

// What is noted and not written counts for all that is seen and done.
TEST_F(SlidingTest, AnAccessCountsBeforeItIsWritten) {
  put({.idle = 10s});
  world.advance(9s);
  ASSERT_TRUE(peek());
  records.fails = true;
  world.advance(9s);
  records.fails = false;
  EXPECT_TRUE(is_there());
  EXPECT_TRUE(peek());
  const auto page = world.run(keyspace().list(RecordKey(1, "s", ""), "", 10)).value();
  EXPECT_EQ(page->keys.size(), 1U);
  EXPECT_EQ(world.run(keyspace().sweep()).value().value(), 0U);
  bool found = false;
  const auto look = [&](Workspace& work) {
    found = work.find(0) != nullptr;
    return false;
  };
  (void)world.run(keyspace().edit({key}, look, {}));
  EXPECT_TRUE(found);
}

TEST_F(SlidingTest, AnAccessToWhatWasRemovedDoesNotCountForWhatCameAfter) {
  put({.idle = 100s});
  world.advance(50s);
  ASSERT_TRUE(peek());
  world.step_wall(1s);
  put({.idle = 1s});
  world.advance(1100ms);
  EXPECT_FALSE(is_there());
}

TEST_F(SlidingTest, WhereThereIsNoRoomTheRestIsForgotten) {
  options.accesses_max = 128;
  for (int i = 0; i < 500; ++i) {
    const auto operation = [](Workspace& work) {
      work.put(0, {.value = "x"});
      return true;
    };
    const std::vector<RecordKey> one{RecordKey(1, "s", std::to_string(i))};
    (void)world.run(keyspace().edit(one, operation, {}));
  }
  world.advance(60s);
  const std::uint64_t edits = records.edits;
  for (int i = 0; i < 500; ++i) {
    (void)keyspace().peek(RecordKey(1, "s", std::to_string(i)).bytes());
  }
  world.advance(1s);
  EXPECT_EQ(records.edits, edits + 1);  // All that had room, in one batch.
}

}  // namespace
}  // namespace headrace
