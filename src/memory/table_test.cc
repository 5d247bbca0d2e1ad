#include "memory/table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/hash.h"

namespace headrace {
namespace {

// What an entry's value says of itself; its destructor leaves a mark that a late reader would see.
struct Named {
  explicit Named(std::string of) : name(std::move(of)) {}
  ~Named() { name = "freed"; }
  std::string name;
};

EntryRef make(const std::string& entity) {
  return Entry::make(
      {.scope = 1, .entity = entity, .value = std::make_shared<Named>(entity), .value_bytes = 1});
}

class TableTest : public testing::Test {
 protected:
  ~TableTest() override {
    std::vector<Entry*> all;
    table.each([&](Entry& entry) { all.push_back(&entry); });
    for (Entry* entry : all) remove(*entry);
    Pins::reclaim();
  }
  void insert(const std::string& entity) {
    EntryRef entry = make(entity);
    entry->published();
    table.insert(*entry.release());
  }
  void remove(Entry& entry) {
    table.remove(entry);
    entry.let_go();
  }
  void remove(const std::string& entity) { remove(*table.find(1, hash_of(1, entity), entity)); }
  EntryRef glance(const std::string& entity, std::uint32_t scope = 1) {
    return EntryRef(table.glance(scope, hash_of(1, entity), entity));
  }

  Table table;
};

TEST_F(TableTest, AGlanceSeesWhatIsThereAndNothingElse) {
  for (int i = 0; i < 100; ++i) insert("key-" + std::to_string(i));
  for (int i = 0; i < 100; i += 2) remove("key-" + std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    const std::string entity = "key-" + std::to_string(i);
    const EntryRef seen = glance(entity);
    ASSERT_EQ(static_cast<bool>(seen), i % 2 == 1) << entity;
    if (seen) EXPECT_EQ(seen->entity(), entity);
  }
  EXPECT_FALSE(glance("key-1", 2));
}

TEST_F(TableTest, WhatAGlanceFoundOutlivesItsRemoval) {
  insert("a");
  const EntryRef seen = glance("a");
  remove("a");
  Pins::reclaim();
  EXPECT_EQ(static_cast<const Named*>(seen->value())->name, "a");
  EXPECT_FALSE(glance("a"));
}

TEST_F(TableTest, AThreadThatHoldsManyAnswersLooksUnderTheLock) {
  insert("a");
  std::vector<EntryRef> held;
  while (EntryRef seen = glance("a")) held.push_back(std::move(seen));
  EXPECT_EQ(held.size(), Pins::mine().held.size());
  held.pop_back();
  EXPECT_TRUE(glance("a"));
}

// Entries come and go, and the table grows and shrinks, while others look: what they see is always
// whole and always under its own key.  The sanitizers see what went wrong if it did.
TEST_F(TableTest, GlancesAreSoundWhileEverythingMoves) {
  constexpr int keys = 64, rounds = 2000;
  std::atomic<bool> done{false};
  std::atomic<int> ready{0};
  std::atomic<std::uint64_t> seen{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      ++ready;
      for (int i = t; !done; ++i) {
        const std::string entity = "key-" + std::to_string(i % keys);
        const EntryRef entry = glance(entity);
        if (!entry) continue;
        ASSERT_EQ(static_cast<const Named*>(entry->value())->name, entity);
        ++seen;
      }
    });
  }
  while (ready != 2) std::this_thread::yield();
  for (int round = 0; round < rounds || seen == 0; ++round) {
    for (int i = 0; i < keys; ++i) insert("key-" + std::to_string(i));
    for (int i = 0; i < keys; ++i) remove("key-" + std::to_string(i));
    Pins::reclaim();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace headrace
