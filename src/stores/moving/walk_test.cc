#include "stores/moving/walk.h"

#include "stores/moving/stores_fixture.h"

namespace headrace::moving {
namespace {

class WalkTest : public StoresTest {
 protected:
  using Visited = Walk::Visited;

  WalkTest() {
    for (std::uint64_t n = 1; n <= 10; ++n) fill(plain_from_, "v", {}, 1h, key(n));
    steps_.visit = [this](StoreKey k) { return visit(k); };
    steps_.listed = [this](std::size_t keys) { listed_ += keys; };
    steps_.given_up = [this](StoreKey k) { given_up_.push_back(k); };
    steps_.page_done = [this](const std::string& next) { pages_.push_back(next); };
  }
  Task<Result<Visited>> visit(StoreKey k) {
    ++visits_[k];
    under_way_max_ = std::max(under_way_max_, ++under_way_);
    // The answer to it comes at another time.
    auto looking = from_.look(k, {}, Store::Payload::without);
    const Result<Slot> slot = co_await std::move(looking);
    --under_way_;
    if (!slot) co_return std::unexpected(slot.error());
    co_return open_.contains(k) ? Visited::again : Visited::done;
  }
  std::shared_ptr<std::optional<Result<void>>> walk(WalkOptions options) {
    walk_ = std::make_unique<Walk>(options, world_, world_);
    return begin(walk_->run(&from_, "", &steps_));
  }

  std::unique_ptr<Walk> walk_;
  Walk::Steps steps_;
  std::unordered_map<StoreKey, int, StoreKeyHash> visits_;
  std::unordered_map<StoreKey, int, StoreKeyHash> open_;
  std::size_t listed_ = 0;
  std::vector<StoreKey> given_up_;
  std::vector<std::string> pages_;
  int under_way_ = 0;
  int under_way_max_ = 0;
};

TEST_F(WalkTest, EveryKeyIsVisitedOnceAndEachPageTold) {
  const auto walked = walk({.page_keys_max = 4});
  ASSERT_TRUE(walked->has_value() && (*walked)->has_value());
  EXPECT_EQ(visits_.size(), 10u);
  for (const auto& [k, count] : visits_) EXPECT_EQ(count, 1);
  EXPECT_EQ(listed_, 10u);
  ASSERT_EQ(pages_.size(), 3u);
  EXPECT_EQ(pages_.back(), "");
  // From the first page on there are six.
  visits_.clear();
  EXPECT_TRUE((*begin(walk_->run(&from_, pages_[0], &steps_)))->has_value());
  EXPECT_EQ(visits_.size(), 6u);
}

TEST_F(WalkTest, SomeAreVisitedAtOnceAndNoMore) {
  plain_from_.hold_answers = true;
  const auto walked = walk({.at_once_max = 3, .page_keys_max = 8});
  EXPECT_EQ(under_way_, 3);
  while (!walked->has_value()) plain_from_.release_held();
  EXPECT_EQ(under_way_max_, 3);
  EXPECT_EQ(visits_.size(), 10u);
}

TEST_F(WalkTest, WhatIsOpenIsVisitedAgainAndInTheEndGivenUp) {
  open_[key(3)] = 1;
  open_[key(7)] = 1;
  const auto walked = walk({.tries_max = 3, .retry_after = 1s});
  EXPECT_EQ(visits_[key(3)], 1);
  world_.advance(1s);
  EXPECT_EQ(visits_[key(3)], 2);
  open_.erase(key(7));
  EXPECT_TRUE(pages_.empty());  // The page is not whole.
  world_.advance(2s);           // The pause doubles.
  ASSERT_TRUE(walked->has_value() && (*walked)->has_value());
  EXPECT_EQ(visits_[key(3)], 3);
  EXPECT_EQ(visits_[key(1)], 1);
  EXPECT_EQ(given_up_, std::vector<StoreKey>{key(3)});
  EXPECT_EQ(pages_.size(), 1u);
}

TEST_F(WalkTest, AFailureThatStaysEndsItBeforeThePageIsWhole) {
  from_.stop(Call::look, When::before);
  const auto walked = walk({.at_once_max = 1, .tries_max = 2, .retry_after = 1s});
  plain_from_.mood = kit::PlainStore::Mood::failing;
  from_.go();
  world_.advance(1s);
  ASSERT_TRUE(walked->has_value());
  ASSERT_FALSE((*walked)->has_value());
  EXPECT_EQ((**walked).error().code, Code::store_unavailable);
  EXPECT_TRUE(pages_.empty());
  EXPECT_TRUE(given_up_.empty());
}

TEST_F(WalkTest, AFailureThatPassesIsNone) {
  plain_from_.mood = kit::PlainStore::Mood::failing;
  const auto walked = walk({.retry_after = 1s});  // The list fails too.
  plain_from_.mood = kit::PlainStore::Mood::well;
  world_.advance(1s);
  ASSERT_TRUE(walked->has_value() && (*walked)->has_value());
  EXPECT_EQ(visits_.size(), 10u);
}

TEST_F(WalkTest, ItKeepsItsPace) {
  const auto walked = walk({.per_second_max = 2});
  EXPECT_EQ(visits_.size(), 1u);
  world_.advance(2s);
  EXPECT_EQ(visits_.size(), 5u);
  world_.advance(2500ms);
  EXPECT_TRUE(walked->has_value());
}

TEST_F(WalkTest, ItStopsAfterWhatIsUnderWay) {
  from_.stop(Call::look, When::after);
  const auto walked = walk({.at_once_max = 1});
  walk_->stop();
  EXPECT_FALSE(walked->has_value());
  from_.go();
  ASSERT_TRUE(walked->has_value());
  EXPECT_EQ((**walked).error().code, Code::cancelled);
  EXPECT_EQ(visits_.size(), 1u);
  EXPECT_TRUE(pages_.empty());
}

}  // namespace
}  // namespace headrace::moving
