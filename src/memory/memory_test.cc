#include "memory/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <thread>

#include "core/hash.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsEmpty;

constexpr Instant start{std::chrono::hours(1)};

struct Made {
  std::string entity;
  std::size_t value_bytes = 100;
  Duration lives = seconds(60);
  std::vector<Stamp> stamps{};
};

EntryRef make(Made made) {
  return Entry::make({.scope = 1,
                      .entity = made.entity,
                      .value = std::make_shared<int>(0),
                      .value_bytes = made.value_bytes,
                      .read_at = start,
                      .fresh_until = start + made.lives,
                      .stale_until = start + made.lives,
                      .gone_at = start + made.lives,
                      .stamps = std::move(made.stamps)});
}

class MemoryTest : public testing::Test {
 protected:
  void TearDown() override { EXPECT_THAT(memory.audit(), IsEmpty()); }

  Memory::Kept keep(const EntryRef& entry) {
    return memory.keep(entry, [] { return true; });
  }
  EntryRef find(std::string_view entity, Instant now = start) {
    return memory.find(1, hash_of(1, entity), entity, now);
  }

  Memory memory{{.bytes_max = 20000, .entry_bytes_max = 5000, .shards = 4}};
};

TEST_F(MemoryTest, FindsWhatItKeptUnderThatKeyOnly) {
  const EntryRef entry = make({.entity = "a"});
  EXPECT_EQ(keep(entry), Memory::Kept::kept);
  EXPECT_EQ(find("a").get(), entry.get());
  EXPECT_FALSE(find("b"));
  EXPECT_FALSE(memory.find(2, hash_of(1, "a"), "a", start));
}

TEST_F(MemoryTest, AFallenFenceKeepsNothing) {
  EXPECT_EQ(memory.keep(make({.entity = "a"}), [] { return false; }), Memory::Kept::fenced);
  EXPECT_FALSE(find("a"));
  EXPECT_EQ(memory.stats().bytes, 0u);
}

TEST_F(MemoryTest, ReplacesInPlace) {
  keep(make({.entity = "a", .value_bytes = 100}));
  const EntryRef second = make({.entity = "a", .value_bytes = 700});
  keep(second);
  EXPECT_EQ(find("a").get(), second.get());
  EXPECT_EQ(memory.stats().entries, 1u);
  EXPECT_EQ(memory.stats().bytes, second->charge());
}

TEST_F(MemoryTest, NeverPassesItsBudget) {
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    keep(make({.entity = std::to_string(random() % 400), .value_bytes = random() % 4000}));
    ASSERT_LE(memory.stats().bytes, 20000u);
  }
  EXPECT_GT(memory.stats().evicted_total, 0u);
  EXPECT_GT(memory.stats().entries, 0u);
}

TEST_F(MemoryTest, OneShardMayUseWhatTheOthersLeave) {
  // Four entries of a fifth of the budget each fit, wherever they hash to.
  for (int i = 0; i < 4; ++i) keep(make({.entity = std::to_string(i), .value_bytes = 4000}));
  EXPECT_EQ(memory.stats().entries, 4u);
}

TEST_F(MemoryTest, OversizeIsRefusedAndNobodyMakesWay) {
  keep(make({.entity = "a"}));
  EXPECT_EQ(keep(make({.entity = "big", .value_bytes = 5000})), Memory::Kept::oversize);
  EXPECT_TRUE(find("a"));
  EXPECT_EQ(memory.stats().refused_total, 1u);
}

TEST_F(MemoryTest, WhatIsGoneIsNeverAnswered) {
  keep(make({.entity = "a", .lives = seconds(1)}));
  EXPECT_TRUE(find("a", start + seconds(1) - Duration(1)));
  EXPECT_FALSE(find("a", start + seconds(1)));
}

TEST_F(MemoryTest, TheDeadLeaveWithoutAReader) {
  keep(make({.entity = "short", .lives = seconds(1)}));
  keep(make({.entity = "long", .lives = seconds(600)}));
  for (Instant now = start; now <= start + seconds(300); now += milliseconds(250))
    memory.expire(now);
  EXPECT_EQ(memory.stats().entries, 1u);
  EXPECT_EQ(memory.stats().expired_total, 1u);
  EXPECT_EQ(memory.expire(start + seconds(601)), 1u);
  EXPECT_EQ(memory.stats().bytes, 0u);
}

TEST_F(MemoryTest, ExpiryCatchesUpAfterAPause) {
  for (int i = 0; i < 30; ++i) {
    keep(make({.entity = std::to_string(i), .lives = seconds(i + 1)}));
  }
  memory.expire(start);
  EXPECT_EQ(memory.expire(start + std::chrono::hours(10)), 30u);
}

// As when a load took longer than its answer may be kept.
TEST_F(MemoryTest, WhatIsGoneWhenItComesLeavesAtTheNextTurn) {
  const Instant now = start + seconds(20);
  memory.expire(now);
  keep(make({.entity = "late", .lives = seconds(1)}));
  keep(make({.entity = "later", .lives = seconds(2)}));
  keep(make({.entity = "alive", .lives = seconds(30)}));
  EXPECT_TRUE(memory.erase(1, hash_of(1, "late"), "late"));
  EXPECT_EQ(memory.expire(now + milliseconds(250)), 1u);
  EXPECT_EQ(memory.stats().entries, 1u);
}

TEST_F(MemoryTest, AMovedTagDropsItsEntries) {
  auto cell = std::make_shared<TagCell>();
  keep(make({.entity = "a", .stamps = {{cell, 1}}}));
  EXPECT_TRUE(find("a"));
  ++cell->epoch;
  EXPECT_FALSE(find("a"));
  EXPECT_EQ(memory.stats().entries, 0u);
}

TEST_F(MemoryTest, EraseAndSweep) {
  keep(make({.entity = "a"}));
  keep(make({.entity = "b"}));
  EXPECT_TRUE(memory.erase(1, hash_of(1, "a"), "a"));
  EXPECT_FALSE(memory.erase(1, hash_of(1, "a"), "a"));
  memory.sweep([](const Entry& entry) { return entry.entity() == "b"; });
  EXPECT_EQ(memory.stats().entries, 0u);
}

// Against a plain map: whatever memory still has must be what was kept last under that key.
TEST_F(MemoryTest, AgreesWithAPlainMap) {
  std::mt19937 random(3);
  std::map<std::string, Entry*> model;
  std::vector<EntryRef> alive;
  for (int i = 0; i < 20000; ++i) {
    const std::string entity = std::to_string(random() % 60);
    switch (random() % 3) {
      case 0: {
        const EntryRef entry = make({.entity = entity, .value_bytes = random() % 900});
        alive.push_back(entry);
        model[entity] = keep(entry) == Memory::Kept::kept ? entry.get() : nullptr;
        break;
      }
      case 1:
        memory.erase(1, hash_of(1, entity), entity);
        model.erase(entity);
        break;
      default:
        if (const EntryRef found = find(entity)) ASSERT_EQ(found.get(), model[entity]);
    }
    if (i % 1000 == 0) ASSERT_THAT(memory.audit(), IsEmpty());
  }
}

TEST_F(MemoryTest, TwoThreadsMayDoAllOfItAtOnce) {
  auto churn = [this](unsigned seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < 20000; ++i) {
      const std::string entity = std::to_string(random() % 80);
      if (random() % 3 == 0) {
        keep(make({.entity = entity, .value_bytes = random() % 900}));
      } else if (const EntryRef found = find(entity)) {
        ASSERT_EQ(found->entity(), entity);
      }
      if (i % 500 == 0) memory.expire(start + seconds(i));
    }
  };
  std::thread other(churn, 1);
  churn(2);
  other.join();
}

}  // namespace
}  // namespace headrace
