#include "bus/valkey/position.h"

#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

TEST(Position, ComesBack) {
  EXPECT_EQ(to_string(Position{.ms = 1700000000000, .number = 7}), "1700000000000-7");
  EXPECT_EQ(read_position("1700000000000-7"), (Position{.ms = 1700000000000, .number = 7}));
  for (const char* const none : {"", "-", "1", "1-", "-1", "1-x", "1-2-3"}) {
    EXPECT_FALSE(read_position(none).has_value()) << none;
  }
}

TEST(Position, IsInOrder) {
  EXPECT_LT((Position{1, 9}), (Position{2, 0}));
  EXPECT_LT((Position{2, 0}), (Position{2, 1}));
}

}  // namespace
}  // namespace headrace::valkey
