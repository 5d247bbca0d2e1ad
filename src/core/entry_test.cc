#include "headrace/entry.h"

#include <gtest/gtest.h>

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
  Entry::Parts tagged = parts("e");
  tagged.stamps.push_back({std::make_shared<TagCell>(), 1});
  EXPECT_GE(Entry::make(std::move(tagged))->charge(), bare + sizeof(Stamp));
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
