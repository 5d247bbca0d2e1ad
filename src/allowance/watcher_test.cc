// A board and those who watch it: one turn waits at most, and what throws stops nobody.
#include "allowance/watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "kit/world.h"

namespace headrace {
namespace {

using testing::ElementsAre;

class BoardTest : public testing::Test {
 protected:
  void show(Amount left, std::uint64_t changes = 0) {
    board->show({.left = left, .open = left > 0, .changes = changes});
  }

  kit::World world;
  std::shared_ptr<Board> board =
      std::make_shared<Board>(Purse::View{.left = Amount(5), .open = true}, Token{1, 2});
};

TEST_F(BoardTest, WhatWasUndoneMeanwhileIsNotTold) {
  std::vector<bool> told;
  const auto watcher = board->watch({.on_gate = [&](bool open) { told.push_back(open); }}, world);
  show(0);
  show(5);
  EXPECT_EQ(world.queued(), 1u);
  world.run();
  EXPECT_TRUE(told.empty());
  show(0);
  world.run();
  EXPECT_THAT(told, ElementsAre(false));
}

TEST_F(BoardTest, WhatHappensDuringACallIsToldAfterIt) {
  std::vector<bool> told;
  const auto watcher = board->watch({.on_gate =
                                         [&](bool open) {
                                           told.push_back(open);
                                           if (told.size() == 1) show(7);
                                         }},
                                    world);
  show(0);
  world.run();
  EXPECT_THAT(told, ElementsAre(false, true));
}

TEST_F(BoardTest, OneThatThrowsIsCalledForTheNextCrossing) {
  int calls = 0;
  const auto watcher = board->watch({.on_gate =
                                         [&](bool) {
                                           ++calls;
                                           throw std::runtime_error("no");
                                         }},
                                    world);
  show(0);
  world.run();
  show(1);
  world.run();
  EXPECT_EQ(calls, 2);
}

TEST_F(BoardTest, EachLooksForItself) {
  const auto one = board->watch({}, world);
  const auto other = board->watch({}, world);
  show(5, 1);
  show(5, 2);
  EXPECT_TRUE(one->look());
  EXPECT_FALSE(one->look());
  EXPECT_TRUE(other->look());
  EXPECT_TRUE(board->is_watched());
}

}  // namespace
}  // namespace headrace
