#include "core/floor_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headrace/invalidation.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr StoreKey k1{{1, 2, 3, 4}};
constexpr StoreKey k2{{4, 3, 2, 1}};
constexpr Instant now{1h};

TEST(FloorTable, FloorsStandUntilTheirEnd) {
  FloorTable table(8);
  EXPECT_TRUE(table.is_empty());
  EXPECT_THAT(table.of(k1, now), IsEmpty());
  EXPECT_EQ(table.raise(k1, "1", now + 10s, now), now + 10s);
  table.raise(k1, "2", now + 5s, now);
  EXPECT_THAT(table.of(k1, now + 5s - Duration(1)), ElementsAre("1", "2"));
  EXPECT_THAT(table.of(k2, now), IsEmpty());
  EXPECT_THAT(table.of(k1, now + 5s), ElementsAre("1"));
  EXPECT_EQ(table.size(), 2u);
  table.expire(now + 5s);
  EXPECT_EQ(table.size(), 1u);
  table.expire(now + 10s);
  EXPECT_TRUE(table.is_empty());
}

TEST(FloorTable, OneThatIsRaisedAgainEndsWhenTheLaterDoesAndCountsOnce) {
  FloorTable table(8);
  table.raise(k1, "1", now + 10s, now);
  EXPECT_EQ(table.raise(k1, "1", now + 5s, now), now + 10s);
  EXPECT_EQ(table.raise(k1, "1", now + 15s, now), now + 15s);
  EXPECT_EQ(table.size(), 1u);
  table.expire(now + 10s);
  EXPECT_THAT(table.of(k1, now + 14s), ElementsAre("1"));
  table.expire(now + 15s);
  EXPECT_EQ(table.size(), 0u);
}

TEST(FloorTable, PastTheLimitEveryKeyHasOneWithoutAName) {
  FloorTable table(2);
  table.raise(k1, "2", now + 11s, now);
  table.raise(k1, "1", now + 10s, now);
  table.raise(k2, "3", now + 12s, now);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_THAT(table.of(k1, now), ElementsAre("", "2"));
  EXPECT_THAT(table.of({}, now), ElementsAre(""));
  // The one that was forgotten would have ended.
  EXPECT_THAT(table.of(k1, now + 10s), ElementsAre("2"));
  EXPECT_THAT(table.of({}, now + 10s), IsEmpty());
}

TEST(FloorTable, RoomIsMadeOfWhatHasEndedFirst) {
  FloorTable table(1);
  table.raise(k1, "1", now + 10s, now);
  table.raise(k2, "2", now + 20s, now + 10s);
  EXPECT_THAT(table.of(k1, now + 10s), IsEmpty());
  EXPECT_THAT(table.of(k2, now + 10s), ElementsAre("2"));
}

TEST(FloorTable, OneBusyKeyTakesNoRoomFromOthers) {
  FloorTable table(floors_per_key_max + 1);
  table.raise(k2, "1", now + 1s, now);
  for (int i = 0; i < 1000; ++i) table.raise(k1, std::to_string(i), now + 10s, now);
  EXPECT_EQ(table.size(), floors_per_key_max + 1);
  EXPECT_THAT(table.of(k2, now), ElementsAre("1"));
  EXPECT_EQ(table.of(k1, now).back(), "999");
}

TEST(FloorTable, DoubtEnds) {
  FloorTable table(8);
  table.doubt(now + 2s);
  table.doubt(now + 1s);
  EXPECT_FALSE(table.is_empty());
  EXPECT_THAT(table.of(k1, now + 2s - Duration(1)), ElementsAre(""));
  EXPECT_THAT(table.of(k1, now + 2s), IsEmpty());
}

TEST(FloorTable, TellsAllThatStand) {
  FloorTable table(8);
  table.raise(k1, "1", now + 10s, now);
  table.raise(k2, "2", now + 14s, now);
  const auto standing = table.standing(now + 10s);
  ASSERT_EQ(standing.size(), 1u);
  EXPECT_EQ(standing[0].key, k2);
  EXPECT_EQ(standing[0].revision, "2");
  EXPECT_EQ(standing[0].until, now + 14s);
}

}  // namespace
}  // namespace headrace
