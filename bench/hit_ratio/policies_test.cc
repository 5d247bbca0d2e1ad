// Each policy on sequences that are short enough to be worked out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "hit_ratio/policy.h"
#include "hit_ratio/tier.h"

namespace headrace::bench {
namespace {

// One letter per read; the outcome has an `h` for each hit and a `.` for each miss.
std::string play(Policy& policy, std::string_view reads) {
  std::string outcome;
  for (const char read : reads) outcome += policy.access(static_cast<Id>(read - 'a')) ? 'h' : '.';
  return outcome;
}

std::vector<Id> trace_of(std::string_view reads) {
  std::vector<Id> trace;
  for (const char read : reads) trace.push_back(static_cast<Id>(read - 'a'));
  return trace;
}

TEST(Lru, DropsWhatWasReadLongestAgo) {
  EXPECT_EQ(play(*make_lru(2, 26), "abacab"), "..h.h.");
}

TEST(Lru, ALoopOfOneMoreThanItHoldsNeverHits) {
  EXPECT_EQ(play(*make_lru(3, 26), "abcdabcdabcd"), "............");
}

TEST(Sieve, WhatWasReadStaysForATurnOfTheHand) {
  // d drops b, for a is marked; e drops c, where the hand has come to.
  EXPECT_EQ(play(*make_sieve(3, 26), "abcadaebc"), "...h.h...");
}

TEST(Sieve, AScanDoesNotDropWhatIsRead) {
  EXPECT_EQ(play(*make_sieve(3, 26), "aabcdeafgha"), ".h....h...h");
}

TEST(TextbookS3Fifo, WhatIsReadTwiceOnTrialOutlivesAScan) {
  // Ten entries, so one is on trial once the cache is full; a is promoted when it comes to the end.
  EXPECT_EQ(play(*make_textbook_s3_fifo(10, 26), "aaabcdefghijklmnopqrstuva").back(), 'h');
  EXPECT_EQ(play(*make_textbook_s3_fifo(10, 26), "abcdefghijklmnopqrstuva").back(), '.');
}

TEST(TextbookS3Fifo, AGhostComesBackToTheMainQueue) {
  // a is dropped by k and comes back as a known one: ten newcomers do not drop it again.
  EXPECT_EQ(play(*make_textbook_s3_fifo(10, 26), "abcdefghijkalmnopqrstua").back(), 'h');
}

TEST(TextbookS3Fifo, ACacheOfOneWorks) {
  EXPECT_EQ(play(*make_textbook_s3_fifo(1, 26), "aabba"), ".h.h.");
}

TEST(WTinyLfu, ANewcomerDoesNotDropWhatIsReadMoreOften) {
  // b and c fill the main part behind a window of one; d and e are read less often than they are.
  EXPECT_EQ(play(*make_w_tiny_lfu(3, 26), "bbccddeaebc"), ".h.h.h...hh");
}

TEST(WTinyLfu, ACacheOfOneIsItsWindow) {
  EXPECT_EQ(play(*make_w_tiny_lfu(1, 26), "aabba"), ".h.h.");
}

TEST(Optimum, KeepsWhatIsReadNext) {
  EXPECT_EQ(optimum(trace_of("abcdabcdabcd"), 3), 6u);
  EXPECT_EQ(optimum(trace_of("abacab"), 2), 3u);
  EXPECT_EQ(optimum(trace_of("abc"), 2), 0u);
  EXPECT_EQ(optimum({}, 2), 0u);
}

TEST(Optimum, NobodyIsBetter) {
  std::mt19937 random(5);
  for (int run = 0; run < 20; ++run) {
    std::vector<Id> trace;
    for (int i = 0; i < 2000; ++i) trace.push_back((random() % 40) * (random() % 40) / 8);
    const std::size_t capacity = 1 + random() % 60;
    const std::size_t best = optimum(trace, capacity);
    for (const auto& policy :
         {make_lru(capacity, 200), make_sieve(capacity, 200), make_textbook_s3_fifo(capacity, 200),
          make_w_tiny_lfu(capacity, 200), make_headrace(capacity, 1)}) {
      std::size_t hits = 0;
      for (const Id id : trace) hits += policy->access(id);
      EXPECT_LE(hits, best);
    }
  }
}

TEST(Tier, HoldsAsManyEntriesAsItWasMadeFor) {
  for (const std::size_t shards : {0u, 1u}) {
    Tier tier({.capacity = 100, .shards = shards});
    for (Id id = 0; id < 100; ++id) EXPECT_FALSE(tier.access(id));
    for (Id id = 0; id < 100; ++id) EXPECT_TRUE(tier.access(id));
    for (Id id = 100; id < 500; ++id) tier.access(id);
    EXPECT_EQ(tier.entries(), 100u);
  }
}

TEST(Tier, EverySecondKeyLivesShort) {
  using std::chrono::milliseconds;
  Tier tier({.capacity = 10,
             .read_every = milliseconds(1),
             .short_life = milliseconds(3),
             .expire_every = milliseconds(1)});
  EXPECT_EQ(play(tier, "abab"), "..hh");
  EXPECT_EQ(play(tier, "aaaab"), "hhhh.");
}

TEST(Tier, TheDeadTakeRoomOnlyUntilTheyAreRemoved) {
  using std::chrono::milliseconds;
  for (const bool at_once : {true, false}) {
    Tier tier({.capacity = 10,
               .read_every = milliseconds(1),
               .short_life = milliseconds(5),
               .expire_every = at_once ? milliseconds(1) : std::chrono::hours(24)});
    for (Id id = 1; id < 40; id += 2) tier.access(id);
    EXPECT_EQ(tier.entries(), at_once ? 5u : 10u);
  }
}

}  // namespace
}  // namespace headrace::bench
