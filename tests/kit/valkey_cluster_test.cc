#include "kit/valkey_cluster.h"

#include <gmock/gmock.h>

#include <string>

#include "kit/start_or_skip.h"

namespace headrace::kit {
namespace {

using testing::StartsWith;

class ValkeyClusters : public testing::TestWithParam<ValkeyProgram> {};

INSTANTIATE_TEST_SUITE_P(Every, ValkeyClusters, testing::ValuesIn(every_valkey_program),
                         [](const auto& tested) { return name_of(tested.param); });

std::string moved_to(int slot, const ValkeyServer& node) {
  return "-MOVED " + std::to_string(slot) + " " + node.address();
}

TEST_P(ValkeyClusters, GetReadyAndMoveASlot) {
  KIT_START(cluster, ValkeyCluster::start({.program = GetParam(), .password = "shared"}));
  ASSERT_EQ(cluster->size(), 3u);
  EXPECT_EQ(cluster->addresses().back(), cluster->node(2).address());
  const int slot = cluster->slot_of("{a}1");
  ASSERT_EQ(slot, 15'495);
  ASSERT_EQ(cluster->owner_of(slot), 2u);
  EXPECT_EQ(cluster->owner_of(0), 0u);
  ValkeyServer& old = cluster->node(2);
  ValkeyServer& next = cluster->node(0);
  EXPECT_EQ(old.command({"SET", "{a}1", "b"}), "OK");
  EXPECT_EQ(old.command({"SET", "{a}2, with a comma]", "c"}), "OK");
  EXPECT_EQ(next.command({"GET", "{a}1"}), moved_to(slot, old));

  ASSERT_TRUE(cluster->begin_move(slot, 0));
  EXPECT_EQ(old.command({"GET", "{a}1"}), "b");
  EXPECT_EQ(old.command({"GET", "{a}none"}), "-ASK " + std::to_string(slot) + " " + next.address());
  EXPECT_EQ(next.command({"ASKING"}), "OK");
  EXPECT_EQ(next.command({"GET", "{a}none"}), "(nil)");

  const Result<void> ended = cluster->end_moves({slot}, 0);
  ASSERT_TRUE(ended) << ended.error().what;
  EXPECT_EQ(cluster->owner_of(slot), 0u);
  EXPECT_EQ(next.command({"GET", "{a}1"}), "b");
  EXPECT_EQ(next.command({"GET", "{a}2, with a comma]"}), "c");
  EXPECT_EQ(old.command({"GET", "{a}1"}), moved_to(slot, next));
  EXPECT_EQ(cluster->node(1).command({"GET", "{a}1"}), moved_to(slot, next));
  const Result<void> back = cluster->move_slot(slot, 1);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(cluster->node(1).command({"GET", "{a}1"}), "b");
  EXPECT_FALSE(cluster->move_slot(slot, 1)) << "it is there";
}

// With one program, for it takes the nodes seconds to find each other out.
TEST(ValkeyCluster, GoesDownWithANodeAndComesBack) {
  KIT_START(cluster, ValkeyCluster::start());
  cluster->node(1).kill();
  EXPECT_TRUE(cluster->becomes_down());
  EXPECT_THAT(cluster->node(2).command({"GET", "{a}1"}), StartsWith("-CLUSTERDOWN "));
  ASSERT_TRUE(cluster->node(1).restart());
  EXPECT_TRUE(cluster->becomes_ok());
  EXPECT_EQ(cluster->node(2).command({"GET", "{a}1"}), "(nil)");
}

}  // namespace
}  // namespace headrace::kit
