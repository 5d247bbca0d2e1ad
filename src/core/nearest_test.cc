#include "core/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace headrace {
namespace {

constexpr std::array<std::string_view, 4> names = {"listen", "data_dir", "fresh_for", "stale_for"};

TEST(Nearest, DistanceCountsSingleSlips) {
  EXPECT_EQ(edit_distance("listen", "listen"), 0u);
  EXPECT_EQ(edit_distance("listne", "listen"), 1u);
  EXPECT_EQ(edit_distance("lisen", "listen"), 1u);
  EXPECT_EQ(edit_distance("listten", "listen"), 1u);
  EXPECT_EQ(edit_distance("lizten", "listen"), 1u);
  EXPECT_EQ(edit_distance("LISTEN", "listen"), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("abc", ""), 3u);
  EXPECT_EQ(edit_distance("", ""), 0u);
}

TEST(Nearest, FindsWhatWasMeant) {
  EXPECT_EQ(nearest("lsten", names), "listen");
  EXPECT_EQ(nearest("datadir", names), "data_dir");
  EXPECT_EQ(nearest("fresh", names), "");
  EXPECT_EQ(nearest("frehs_for", names), "fresh_for");
}

TEST(Nearest, SaysNothingRatherThanNonsense) {
  EXPECT_EQ(nearest("colour", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(100000, 'x'), names), "");
  EXPECT_EQ(nearest("listen", {}), "");
}

TEST(Nearest, TheFirstOfEqualsWins) {
  constexpr std::array<std::string_view, 2> pair = {"cat", "car"};
  EXPECT_EQ(nearest("cas", pair), "cat");
}

TEST(Nearest, HintEndsASentence) {
  EXPECT_EQ(nearest_hint("lsten", names), "; did you mean \"listen\"?");
  EXPECT_EQ(nearest_hint("colour", names), "");
}

}  // namespace
}  // namespace headrace
