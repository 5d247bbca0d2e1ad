#include "headrace/entry.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace headrace {
namespace {

Entry::Parts parts(std::string_view entity) {
  return {.entity = entity, .value = std::make_shared<int>(1), .value_bytes = 4};
}

TEST(Entry, KeepsShortAndLongEntities) {
  for (const std::size_t size : {0ul, 1ul, 28ul, 29ul, 1024ul}) {
    const std::string entity(size, 'x');
    const EntryRef entry = Entry::make(parts(entity));
    EXPECT_EQ(entry->entity(), entity);
  }
}

// A small plain value lies in its entry, whatever else the entry has; a larger one stands apart.
TEST(Entry, KeepsPlainValues) {
  for (const std::size_t size : {0ul, 1ul, 8ul, 40ul, 96ul, 100ul, 104ul, 105ul, 5000ul}) {
    for (const bool has_rare : {false, true}) {
      const auto bytes = std::make_shared<std::vector<char>>(size + 1, 'v');
      const std::shared_ptr<const void> value(bytes, bytes->data());
      EntryRef entry = Entry::make({.entity = "e",
                                    .value = value,
                                    .value_bytes = size,
                                    .is_plain = true,
                                    .revision = has_rare ? "r1" : ""});
      EXPECT_EQ(entry->value_bytes(), size);
      EXPECT_EQ(entry->revision(), has_rare ? "r1" : "");
      const std::size_t room = has_rare ? 96 : 104;
      EXPECT_EQ(entry->value() != value.get(), size <= room) << size;
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(entry->value()) % 8, 0u);
      EXPECT_EQ(std::memcmp(entry->value(), value.get(), size), 0) << size;
      EXPECT_GE(entry->charge(), sizeof(Entry) + size);
      // What is handed out lives longer than the entry.
      const std::shared_ptr<const void> shared = entry->shared_value();
      entry = EntryRef();
      EXPECT_EQ(std::memcmp(shared.get(), value.get(), size), 0) << size;
    }
  }
}

TEST(Entry, KnowsItsTimes) {
  const auto at = [](int second) { return Instant(std::chrono::seconds(second)); };
  const EntryRef plain = Entry::make({.entity = "e",
                                      .kind = Kind::absent,
                                      .read_at = at(1),
                                      .fresh_until = at(5),
                                      .stale_until = at(5),
                                      .gone_at = at(5)});
  EXPECT_EQ(plain->stale_until(), at(5));
  EXPECT_EQ(plain->gone_at(), at(5));
  EXPECT_EQ(plain->bound(), std::chrono::seconds(4));
  EXPECT_FALSE(plain->is_gone(at(5) - Duration(1)));
  EXPECT_TRUE(plain->is_gone(at(5)));
  EXPECT_EQ(plain->value(), nullptr);
  EXPECT_EQ(plain->shared_value(), nullptr);
  const EntryRef stale = Entry::make({.entity = "e",
                                      .kind = Kind::null,
                                      .read_at = at(1),
                                      .fresh_until = at(5),
                                      .stale_until = at(6),
                                      .gone_at = at(9)});
  EXPECT_EQ(stale->fresh_until(), at(5));
  EXPECT_EQ(stale->stale_until(), at(6));
  EXPECT_EQ(stale->bound(), std::chrono::seconds(8));
  EXPECT_FALSE(stale->is_gone(at(8)));
  EXPECT_TRUE(stale->is_gone(at(9)));
}

TEST(Entry, IsFreedWithItsLastReference) {
  const auto value = std::make_shared<int>(1);
  Entry::Parts made = parts("e");
  made.value = value;
  EntryRef first = Entry::make(std::move(made));
  EntryRef second = first;
  first = EntryRef();
  EXPECT_EQ(value.use_count(), 2);
  second = EntryRef();
  EXPECT_EQ(value.use_count(), 1);
}

TEST(Entry, ChargeCountsAllThatItHolds) {
  const std::size_t bare = Entry::make(parts("e"))->charge();
  EXPECT_GE(bare, sizeof(Entry) + 4);
  EXPECT_GE(Entry::make(parts(std::string(500, 'e')))->charge(), bare + 500);
  const auto tagged = [](std::size_t tags) {
    Entry::Parts made = parts("e");
    for (std::size_t i = 0; i < tags; ++i) made.stamps.push_back({std::make_shared<TagCell>(), 1});
    return Entry::make(std::move(made))->charge();
  };
  EXPECT_GE(tagged(1), bare + sizeof(Stamp));
  // A tag's cell has an allocation of its own, and a place among the tags.
  EXPECT_GE(tagged(2), tagged(1) + sizeof(Stamp) + sizeof(TagCell) + 2 * sizeof(void*));
}

TEST(Stamp, HoldsUntilItsTagMoves) {
  auto cell = std::make_shared<TagCell>();
  const std::vector<Stamp> stamps = {{cell, 1}};
  EXPECT_TRUE(all_hold(stamps));
  ++cell->epoch;
  EXPECT_FALSE(all_hold(stamps));
}

TEST(Entry, TellsItsEntityFromEveryOtherOfAnyLength) {
  const std::string letters = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
  for (std::size_t size = 0; size <= letters.size(); ++size) {
    const std::string entity = letters.substr(0, size);
    const EntryRef entry = Entry::make(parts(entity));
    EXPECT_TRUE(entry->has_entity(entity)) << size;
    EXPECT_FALSE(entry->has_entity(entity + "x")) << size;
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = entity;
      other[at] = '!';
      EXPECT_FALSE(entry->has_entity(other)) << size << ", byte " << at;
    }
  }
}

}  // namespace
}  // namespace headrace
