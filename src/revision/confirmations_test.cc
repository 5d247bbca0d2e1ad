#include "revision/confirmations.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

using std::chrono::seconds;

Instant at(int second) {
  return Instant(seconds(second));
}

TEST(Confirmations, TheLatestCounts) {
  Confirmations table(64);
  EXPECT_FALSE(table.last("core", "1", "r1"));
  table.note("core", "1", "r1", at(10));
  table.note("core", "1", "r1", at(30));
  table.note("core", "1", "r1", at(20));
  EXPECT_EQ(table.last("core", "1", "r1"), at(30));
}

TEST(Confirmations, SectionsEntitiesAndRevisionsDoNotMix) {
  Confirmations table(1024);
  table.note("core", "1", "r1", at(10));
  EXPECT_FALSE(table.last("tail", "1", "r1"));
  EXPECT_FALSE(table.last("core", "2", "r1"));
  EXPECT_FALSE(table.last("core", "1", "r2"));
  EXPECT_FALSE(table.last("core", "1r", "1"));
  EXPECT_FALSE(table.last("cor", "e1", "r1"));
}

TEST(Confirmations, WithoutRoomTheOldestIsForgotten) {
  Confirmations table(4);
  for (int i = 1; i <= 5; ++i) table.note("core", std::to_string(i), "r", at(i));
  EXPECT_FALSE(table.last("core", "1", "r"));
  for (int i = 2; i <= 5; ++i) EXPECT_EQ(table.last("core", std::to_string(i), "r"), at(i));
}

}  // namespace
}  // namespace headrace
