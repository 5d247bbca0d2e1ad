#include "core/pins.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace headrace {
namespace {

struct Counted {
  int* freed;
  bool held = false;
};

void retire(Counted& counted) {
  Pins::retire({.what = &counted,
                .free = [](void* what) { ++*static_cast<Counted*>(what)->freed; },
                .is_held = [](const void* what) { return static_cast<const Counted*>(what)->held; },
                .bytes = sizeof counted});
}

TEST(PinsTest, FreesOnceWhatNobodyUses) {
  int freed = 0;
  Counted counted{.freed = &freed};
  retire(counted);
  EXPECT_EQ(freed, 0);  // Not under the caller's locks.
  Pins::reclaim();
  Pins::reclaim();
  EXPECT_EQ(freed, 1);
}

TEST(PinsTest, APinKeepsAndSoDoesACount) {
  int freed = 0;
  Counted counted{.freed = &freed};
  Pins::Record& mine = Pins::mine();
  Pins::set(mine, mine.held[0], &counted);
  retire(counted);
  Pins::reclaim();
  EXPECT_EQ(freed, 0);
  counted.held = true;
  mine.held[0] = nullptr;
  Pins::reclaim();
  EXPECT_EQ(freed, 0);
  counted.held = false;
  Pins::reclaim();
  EXPECT_EQ(freed, 1);
}

TEST(PinsTest, APinOfAThreadThatHasEndedStillKeeps) {
  int freed = 0;
  Counted counted{.freed = &freed};
  PinSlot* pin = nullptr;
  std::thread([&] {
    Pins::Record& record = Pins::mine();
    pin = Pins::free_slot(record);
    Pins::set(record, *pin, &counted);
  }).join();
  retire(counted);
  Pins::reclaim();
  EXPECT_EQ(freed, 0);
  // The next thread gets that record, and finds the slot taken.
  std::thread([&] { EXPECT_NE(Pins::free_slot(Pins::mine()), pin); }).join();
  pin->store(nullptr);
  Pins::reclaim();
  EXPECT_EQ(freed, 1);
}

TEST(PinsTest, EachLivingThreadHasARecordOfItsOwn) {
  Pins::Record* const mine = &Pins::mine();
  std::thread([&] { EXPECT_NE(&Pins::mine(), mine); }).join();
  EXPECT_EQ(&Pins::mine(), mine);
}

TEST(PinsTest, ASlotIsFreeAgainWhenItsPinIsLetGo) {
  Pins::Record& mine = Pins::mine();
  int one = 0;
  std::vector<PinSlot*> taken;
  while (PinSlot* slot = Pins::free_slot(mine)) {
    Pins::set(mine, *slot, &one);
    taken.push_back(slot);
  }
  EXPECT_EQ(taken.size(), mine.held.size());
  taken[2]->store(nullptr);
  EXPECT_EQ(Pins::free_slot(mine), taken[2]);
  for (PinSlot* slot : taken) slot->store(nullptr);
}

TEST(PinsTest, ReclaimsByItselfWhenEnoughHasComeTogether) {
  int freed = 0;
  std::vector<Counted> many(Pins::waiting_max, Counted{.freed = &freed});
  Pins::reclaim();
  for (Counted& one : many) {
    EXPECT_EQ(freed, 0);
    retire(one);
    Pins::reclaim_if_due();
  }
  EXPECT_EQ(freed, static_cast<int>(many.size()));
}

// An entry as the memory tier treats it, with an answer that outlives the tier's reference.
class EntryPinTest : public testing::Test {
 protected:
  EntryRef make() {
    EntryRef entry = Entry::make({.entity = "e", .value = value, .value_bytes = 4});
    entry->published();
    return entry;
  }
  EntryRef pin(Entry* entry) {
    Pins::Record& mine = Pins::mine();
    PinSlot* slot = Pins::free_slot(mine);
    Pins::set(mine, *slot, entry);
    return EntryRef(EntryRef::Bare{.entry = entry, .pin = slot});
  }
  [[nodiscard]] bool is_alive() {
    Pins::reclaim();
    return value.use_count() > 1;
  }

  std::shared_ptr<const int> value = std::make_shared<int>(42);
};

TEST_F(EntryPinTest, LivesAsLongAsThePin) {
  EntryRef table = make();
  EntryRef answer = pin(table.get());
  table = {};
  EXPECT_TRUE(is_alive());
  EXPECT_EQ(*static_cast<const int*>(answer->value()), 42);
  answer = {};
  EXPECT_FALSE(is_alive());
}

TEST_F(EntryPinTest, ACopyOfAPinIsACountThatLivesOn) {
  EntryRef table = make();
  EntryRef answer = pin(table.get());
  table = {};
  EntryRef copy = answer;  // The count was zero, and the entry waits to be freed.
  EXPECT_TRUE(is_alive());
  answer = {};
  EXPECT_TRUE(is_alive());
  EntryRef second = copy;
  copy = {};
  EXPECT_TRUE(is_alive());
  second = {};  // The last count of an entry that waits already: it shall not wait twice.
  EXPECT_FALSE(is_alive());
}

TEST_F(EntryPinTest, AMovedPinIsLetGoOnce) {
  EntryRef table = make();
  EntryRef first = pin(table.get());
  EntryRef second = std::move(first);
  table = {};
  first = {};
  EXPECT_TRUE(is_alive());
  second = {};
  EXPECT_FALSE(is_alive());
}

}  // namespace
}  // namespace headrace
