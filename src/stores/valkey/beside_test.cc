#include "stores/valkey/beside.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Beside, NothingStandsInNothing) {
  const Beside read = read_beside("", 0);
  EXPECT_FALSE(read.guarded);
  EXPECT_THAT(read.floors, IsEmpty());
}

TEST(Beside, WhatHasNotEndedStands) {
  const std::string bytes =
      guard_entry({1, 2}, 100) + floor_entry("r1", 50) + floor_entry("r2", 200);
  const Beside early = read_beside(bytes, 49);
  EXPECT_TRUE(early.guarded);
  EXPECT_THAT(early.floors, ElementsAre("r1", "r2"));
  const Beside later = read_beside(bytes, 100);
  EXPECT_FALSE(later.guarded);
  EXPECT_THAT(later.floors, ElementsAre("r2"));
}

TEST(Beside, WhatCannotBeReadIsAGuard) {
  const std::string sound = guard_entry({1, 2}, 100);
  for (std::size_t size = 1; size < sound.size(); ++size) {
    EXPECT_TRUE(read_beside(sound.substr(0, size), 1000).guarded) << size;
  }
  EXPECT_TRUE(read_beside("G" + std::string(20, 'x'), 1000).guarded);
}

}  // namespace
}  // namespace headrace::valkey
