#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "headrace/operations.h"
#include "kit/plain_records.h"
#include "kit/world.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t smallest = std::numeric_limits<std::int64_t>::min();

class CounterTest : public testing::Test {
 protected:
  Counted add(Count count) {
    Counted counted;
    const auto operation = [&](Workspace& work) {
      counted = headrace::count(work, 0, count);
      return counted.made == Made::made;
    };
    EXPECT_TRUE(world.run(keyspace.edit(keys, operation, {})).value());
    return counted;
  }
  void put(std::string value) {
    const auto operation = [&](Workspace& work) {
      work.put(0, {.value = value});
      return true;
    };
    EXPECT_TRUE(world.run(keyspace.edit(keys, operation, {})).value());
  }
  RecordRef get() { return world.run(keyspace.read(keys)).value().value()[0]; }

  const std::vector<RecordKey> keys{RecordKey(1, "s", "n")};
  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
};

TEST_F(CounterTest, BeginsWithItsInitialValue) {
  const Counted first = add({.by = 5, .initial = 10});
  EXPECT_EQ(first.value, 15);
  EXPECT_TRUE(first.created);
  const Counted second = add({.by = -20, .initial = 10});
  EXPECT_EQ(second.value, -5);
  EXPECT_FALSE(second.created);
  EXPECT_EQ(get()->value, "-5");
}

TEST_F(CounterTest, AFixedWindowEndsWhereItsFirstCountPutIt) {
  const Count hit{.lifetime = {.ttl = 60s}};
  EXPECT_EQ(add(hit).value, 1);
  world.advance(59s);
  EXPECT_EQ(add(hit).value, 2);
  world.advance(1s);
  EXPECT_TRUE(add(hit).created);
}

TEST_F(CounterTest, AnElasticWindowEndsAfterItsLastCount) {
  const Count hit{.lifetime = {.ttl = 60s}, .renew = Count::Renew::always};
  EXPECT_EQ(add(hit).value, 1);
  for (int i = 2; i < 10; ++i) {
    world.advance(59s);
    EXPECT_EQ(add(hit).value, i);
  }
  world.advance(60s);
  EXPECT_TRUE(add(hit).created);
}

TEST_F(CounterTest, AnEndCanBeLeftAsItIs) {
  (void)add({.lifetime = {.ttl = 60s}});
  const Count hit{.lifetime = {.ttl = 1h}, .renew = Count::Renew::never};
  const WallTime end = add(hit).expires;
  EXPECT_EQ(end - world.wall_now(), 60s);
  world.advance(60s);
  EXPECT_EQ(add(hit).expires, Record::never);
}

TEST_F(CounterTest, WhatWouldNotFitIsRefused) {
  put(std::to_string(largest));
  EXPECT_EQ(add({.by = 1}).made, Made::out_of_range);
  EXPECT_EQ(get()->value, std::to_string(largest));
  EXPECT_EQ(add({.by = smallest}).value, -1);
  EXPECT_EQ(add({.by = smallest}).made, Made::out_of_range);
  put(std::to_string(smallest));
  EXPECT_EQ(add({.by = -1}).made, Made::out_of_range);
  EXPECT_EQ(add({.by = largest}).value, -1);
}

TEST_F(CounterTest, ABoundIsKeptAndTheValueSaid) {
  EXPECT_EQ(add({.by = 3, .max = 2}).made, Made::out_of_range);
  EXPECT_EQ(get(), nullptr);
  EXPECT_EQ(add({.by = 2, .max = 2}).value, 2);
  const Counted over = add({.by = 1, .max = 2});
  EXPECT_EQ(over.made, Made::out_of_range);
  EXPECT_EQ(over.value, 2);
  EXPECT_EQ(add({.by = -3, .min = 0}).made, Made::out_of_range);
  EXPECT_EQ(add({.by = -2, .min = 0}).value, 0);
}

TEST_F(CounterTest, WhatIsNoIntegerIsNotCounted) {
  for (const char* text : {"", "x", "1.5", " 1", "1 ", "+1", "01", "-0", "-", "1e3", "0x1",
                           "9223372036854775808", "-9223372036854775809"}) {
    put(text);
    EXPECT_EQ(add({}).made, Made::wrong_type) << text;
    EXPECT_EQ(get()->value, text);
  }
  const auto map = [](Workspace& work) {
    work.put(0, {.kind = Record::Kind::map, .value = "1"});
    return true;
  };
  EXPECT_TRUE(world.run(keyspace.edit(keys, map, {})).value());
  EXPECT_EQ(add({}).made, Made::wrong_type);
}

TEST_F(CounterTest, KeepsTheTypeOfWhatIsThere) {
  put("5");
  (void)add({});
  EXPECT_EQ(get()->content_type, "");
}

// Against plain arithmetic.
TEST_F(CounterTest, CountsAsTheModelDoes) {
  std::mt19937_64 random(7);
  std::int64_t model = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto by = static_cast<std::int64_t>(random() % 41) - 20;
    const Counted counted = add({.by = by, .min = -50, .max = 50});
    if (model + by < -50 || model + by > 50) {
      EXPECT_EQ(counted.made, Made::out_of_range);
    } else {
      model += by;
      EXPECT_EQ(counted.value, model);
    }
  }
}

}  // namespace
}  // namespace headrace
