#include "core/floor_set.h"

#include <gtest/gtest.h>

#include "headrace/invalidation.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

constexpr Instant now{1h};

std::vector<std::string> told(const FloorSet& set, Instant at) {
  std::vector<std::string> names;
  set.tell(at, names);
  return names;
}

TEST(FloorSet, EachStandsUntilItsEnd) {
  FloorSet set;
  set.add("a", now + 10s);
  set.add("b", now + 20s);
  EXPECT_EQ(told(set, now + 10s - Duration(1)), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(told(set, now + 10s), (std::vector<std::string>{"b"}));
  EXPECT_EQ(set.standing(now + 10s), 1u);
  set.expire(now + 10s);
  EXPECT_EQ(set.all().size(), 1u);
  set.expire(now + 20s);
  EXPECT_TRUE(set.empty());
}

TEST(FloorSet, TheSameTwiceIsOneThatEndsWhenTheLaterDoes) {
  FloorSet set;
  EXPECT_EQ(set.add("a", now + 10s).instead_of, std::nullopt);
  EXPECT_EQ(set.add("a", now + 5s).until, now + 10s);
  const FloorSet::Added later = set.add("a", now + 20s);
  EXPECT_EQ(later.until, now + 20s);
  EXPECT_EQ(later.instead_of, now + 10s);
  EXPECT_EQ(set.all().size(), 1u);
}

TEST(FloorSet, PastItsLimitTheNewestToComeStay) {
  FloorSet set;
  for (std::size_t i = 0; i < floors_per_key_max; ++i) set.add(std::to_string(i), now + 10s);
  set.add("0", now + 10s);  // Came again.
  EXPECT_EQ(set.add("next", now + 1s).instead_of, now + 10s);
  set.add("last", now + 1s);
  const auto names = told(set, now);
  EXPECT_EQ(names.size(), floors_per_key_max);
  EXPECT_EQ(names.front(), "3");
  EXPECT_EQ(names[names.size() - 3], "0");
  EXPECT_EQ(names.back(), "last");
}

}  // namespace
}  // namespace headrace
