#include "replay/target.h"

#include <gtest/gtest.h>

namespace headrace::replay {
namespace {

TEST(SeenIn, ReadsTheVersion) {
  const Seen seen = seen_in(R"({"id":42,"name":"User 42","version":17})", 42, Origin::memory);
  EXPECT_EQ(seen.version, 17u);
  EXPECT_FALSE(seen.garbage);
  EXPECT_EQ(seen.origin, Origin::memory);
  EXPECT_FALSE(seen_in(R"({"version": 3})", 42, Origin::store).garbage) << "an id is not demanded";
}

TEST(SeenIn, NoticesWhatIsNotThisUsersValue) {
  EXPECT_TRUE(seen_in(R"({"id":41,"version":17})", 42, Origin::memory).garbage);
  EXPECT_TRUE(seen_in(R"({"id":42})", 42, Origin::memory).garbage);
  EXPECT_TRUE(seen_in(R"({"id":42,"version":null})", 42, Origin::memory).garbage);
  EXPECT_TRUE(seen_in("", 42, Origin::memory).garbage);
  EXPECT_TRUE(seen_in(R"({"version":)", 42, Origin::memory).garbage);
  EXPECT_TRUE(seen_in(R"({"version":99999999999999999999999})", 42, Origin::memory).garbage);
}

}  // namespace
}  // namespace headrace::replay
