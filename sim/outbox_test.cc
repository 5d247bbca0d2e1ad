// A model of a feed must keep what a feed promises: told until acknowledged, and proved only then.
#include "sim/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace headrace::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Listener final : public FeedListener {
 public:
  Task<Result<void>> changed(std::vector<SourceChange> changes) override {
    for (const SourceChange& change : changes) told.push_back(change.entity.value_or("?"));
    co_return answer();
  }
  Task<Result<void>> lost(std::string) override {
    ++losses;
    co_return answer();
  }
  void proved(Instant at) override { proofs.push_back(at); }

  bool fails = false;
  std::vector<std::string> told{};
  int losses = 0;
  std::vector<Instant> proofs{};

 private:
  [[nodiscard]] Result<void> answer() const {
    if (fails) return failure(Code::store_unavailable, "not confirmed");
    return {};
  }
};

struct Place {
  Place(Timeline& timeline, Outbox& outbox, HostId id)
      : host(timeline, id, 7, {}),
        link(timeline, host, weather, Code::source_unavailable, 5),
        feed(outbox, link, host, milliseconds(50)) {
    feed.begin(listener);
  }
  [[nodiscard]] Instant proved() const {
    return listener.proofs.empty() ? Instant::min() : listener.proofs.back();
  }

  Weather weather{};
  Host host;
  Link link;
  Listener listener;
  OutboxFeed feed;
};

class OutboxTest : public testing::Test {
 protected:
  ~OutboxTest() override {
    first.feed.close();
    second.feed.close();
    pass(seconds(2));
  }
  void pass(Duration time) {
    const Instant end = timeline.now() + time;
    while (timeline.step(end)) {
    }
  }
  [[nodiscard]] int told(const std::string& entity) const {
    return static_cast<int>(std::ranges::count(first.listener.told, entity) +
                            std::ranges::count(second.listener.told, entity));
  }

  Timeline timeline{1};
  Outbox outbox{timeline};
  Place first{timeline, outbox, 1};
  Place second{timeline, outbox, 2};
};

TEST_F(OutboxTest, AtFirstAllIsLostAndThenProvedToAll) {
  pass(seconds(1));
  EXPECT_EQ(first.listener.losses + second.listener.losses, 1);
  EXPECT_GT(first.proved(), timeline.now() - milliseconds(200));
  EXPECT_GT(second.proved(), timeline.now() - milliseconds(200));
  EXPECT_TRUE(std::ranges::is_sorted(second.listener.proofs));
}

TEST_F(OutboxTest, AChangeIsToldOnce) {
  pass(seconds(1));
  outbox.record(5);
  pass(seconds(1));
  EXPECT_EQ(told("5"), 1);
}

TEST_F(OutboxTest, WhatIsNotAcknowledgedIsToldAgainAndNothingSinceIsProved) {
  pass(seconds(1));
  first.listener.fails = second.listener.fails = true;
  const Instant changed = timeline.now();
  outbox.record(5);
  pass(seconds(1));
  EXPECT_GT(told("5"), 1);
  EXPECT_LE(first.proved(), changed);
  EXPECT_LE(second.proved(), changed);
  first.listener.fails = second.listener.fails = false;
  pass(milliseconds(200));
  EXPECT_GT(first.proved(), changed);
  EXPECT_GT(second.proved(), changed);
}

TEST_F(OutboxTest, AnotherTakesOverFromWhoIsSilent) {
  pass(seconds(1));
  Place& consumer = first.feed.health().is_consumer ? first : second;
  Place& other = &consumer == &first ? second : first;
  consumer.link.cut(true);
  outbox.record(5);
  pass(milliseconds(500));
  EXPECT_TRUE(other.listener.told.empty());
  pass(seconds(2));
  EXPECT_EQ(other.listener.told, std::vector<std::string>{"5"});
}

TEST_F(OutboxTest, WhileNothingIsRecordedNothingIsProvedAndThenAllIsLost) {
  pass(seconds(1));
  outbox.switch_off();
  const Instant off = timeline.now();
  outbox.record(5);
  pass(seconds(1));
  EXPECT_LE(std::max(first.proved(), second.proved()), off);
  const int losses = first.listener.losses + second.listener.losses;
  outbox.switch_on();
  pass(seconds(1));
  EXPECT_EQ(first.listener.losses + second.listener.losses, losses + 1);
  EXPECT_EQ(told("5"), 0);
  EXPECT_GT(std::min(first.proved(), second.proved()), off);
}

TEST_F(OutboxTest, WhatIsThrownAwayUntoldIsALoss) {
  pass(seconds(1));
  outbox.record(5);
  outbox.truncate();
  pass(seconds(1));
  EXPECT_EQ(told("5"), 0);
  EXPECT_EQ(first.listener.losses + second.listener.losses, 2);
}

}  // namespace
}  // namespace headrace::sim
