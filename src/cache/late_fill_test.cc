// The race that this project exists for: a fill that read the old value ends after the
// invalidation.
#include "cache/late_fill_fixture.h"

namespace headrace {
namespace {

using kit::How;
using kit::LateFill;
using kit::Path;
using Case = std::tuple<Path, How>;

class LateFillTest : public LateFill, public testing::WithParamInterface<Case> {};

TEST_P(LateFillTest, NoTierHoldsTheOldValue) {
  const auto [path, how] = GetParam();
  EXPECT_EQ(run(path, how, Then::read), "v2");
}

TEST_P(LateFillTest, NorDoesTheStoreAlone) {
  const auto [path, how] = GetParam();
  EXPECT_EQ(run(path, how, Then::restart_and_read), "v2");
}

INSTANTIATE_TEST_SUITE_P(All, LateFillTest,
                         testing::Combine(testing::ValuesIn(kit::all_paths),
                                          testing::ValuesIn(kit::all_hows)));

// The publish itself is on its way when the invalidation comes.
class LatePublishTest : public LateFill, public testing::WithParamInterface<How> {};

TEST_P(LatePublishTest, APublishOnItsWayIsRefusedOrOutdated) {
  source->rows["1"] = "v1";
  store.hold_publishes = true;
  const Outcome early = ask("1");
  world.run();
  ASSERT_EQ(store.held(), 1u);
  store.hold_publishes = false;  // Only that one.
  source->rows["1"] = "v2";
  outdate(GetParam());
  store.release_held();
  world.run();
  EXPECT_EQ(text(early), "v1");  // It began before; a bounded policy answers it.
  EXPECT_EQ(text(read("1")), "v2");
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "v2");
}

INSTANTIATE_TEST_SUITE_P(All, LatePublishTest, testing::ValuesIn(kit::all_hows));

}  // namespace
}  // namespace headrace
