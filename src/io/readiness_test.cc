#include "io/readiness.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace headrace::io {
namespace {

// Two sockets that are connected to one another; ours is watched.
class Pair final : public Readiness::Watcher {
 public:
  explicit Pair(Readiness& readiness) : readiness_(readiness) {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, both), 0);
    ours = both[0];
    theirs = both[1];
    EXPECT_FALSE(readiness_.add(ours, *this));
  }
  ~Pair() {
    readiness_.remove(ours, *this);
    ::close(ours);
    hang_up();
  }

  void say(std::string_view bytes) const {
    EXPECT_EQ(::send(theirs, bytes.data(), bytes.size(), MSG_NOSIGNAL), std::ssize(bytes));
  }
  void hang_up() {
    if (theirs >= 0) ::close(std::exchange(theirs, -1));
  }
  void on_news(Readiness::News news) override {
    heard.push_back(news);
    if (then) then();
  }

  int ours = -1;
  int theirs = -1;
  std::vector<Readiness::News> heard;
  std::function<void()> then;

 private:
  Readiness& readiness_;
};

TEST(Readiness, TellsOfAChangeOnce) {
  Readiness readiness;
  Pair pair(readiness);
  readiness.look();
  ASSERT_EQ(pair.heard.size(), 1U) << "there is room to write";
  EXPECT_TRUE(pair.heard[0].can_write);
  EXPECT_FALSE(pair.heard[0].can_read);
  pair.say("a");
  readiness.look();
  ASSERT_EQ(pair.heard.size(), 2U);
  EXPECT_TRUE(pair.heard[1].can_read);
  EXPECT_FALSE(pair.heard[1].has_ended);
  readiness.look();
  EXPECT_EQ(pair.heard.size(), 2U) << "nothing is new";
  pair.say("b");
  readiness.look();
  EXPECT_EQ(pair.heard.size(), 3U) << "although the first byte was not read";
}

TEST(Readiness, TellsOfTheEnd) {
  Readiness readiness;
  Pair pair(readiness);
  pair.say("a");
  pair.hang_up();
  readiness.look();
  ASSERT_EQ(pair.heard.size(), 1U);
  EXPECT_TRUE(pair.heard[0].can_read);
  EXPECT_TRUE(pair.heard[0].has_ended);
}

TEST(Readiness, WhatOneLookDoesNotTellTheNextDoes) {
  Readiness readiness;
  std::vector<std::unique_ptr<Pair>> pairs;
  for (std::size_t i = 0; i < Readiness::news_max + 10; ++i) {
    pairs.push_back(std::make_unique<Pair>(readiness));
  }
  const auto told = [&] {
    return std::ranges::count_if(pairs, [](const auto& pair) { return !pair->heard.empty(); });
  };
  readiness.look();
  EXPECT_EQ(told(), static_cast<std::ptrdiff_t>(Readiness::news_max));
  readiness.look();
  EXPECT_EQ(told(), std::ssize(pairs));
}

TEST(Readiness, WhoWasRemovedIsNotToldWhatWasFoundBefore) {
  Readiness readiness;
  auto first = std::make_unique<Pair>(readiness);
  auto second = std::make_unique<Pair>(readiness);
  first->then = [&] { second.reset(); };
  second->then = [&] { first.reset(); };
  readiness.look();
  EXPECT_NE(first == nullptr, second == nullptr) << "each ends the other";
}

TEST(Readiness, AWatcherMayRemoveItself) {
  Readiness readiness;
  Pair pair(readiness);
  Pair other(readiness);
  pair.then = [&] { readiness.remove(pair.ours, pair); };
  readiness.look();
  pair.say("a");
  other.say("a");
  readiness.look();
  EXPECT_EQ(pair.heard.size(), 1U);
  EXPECT_EQ(other.heard.size(), 2U);
}

TEST(Readiness, WhatIsNoSocketIsAnError) {
  Readiness readiness;
  Pair pair(readiness);
  EXPECT_EQ(readiness.add(-1, pair).value(), EBADF);
}

}  // namespace
}  // namespace headrace::io
