// Reads that want what was loaded as one revision of the source.
#include "kit/bench_top.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;

class RevisionReads : public BenchTop {
 protected:
  RevisionReads() {
    Policy policy = plain_policy();
    policy.fresh_for = seconds(1000);
    define(policy);
    source->revisions = true;  // Of a row: its value.
    source->rows["1"] = "v1";
  }

  static ReadOptions of(std::string_view revision, bool allow_outdated = false) {
    return {.revision = revision, .allow_outdated = allow_outdated};
  }
  // Another engine on the same store, whose memory holds nothing.
  void restart() {
    ASSERT_TRUE(close());
    make_engine();
    Policy policy = plain_policy();
    policy.fresh_for = seconds(1000);
    define(policy);
  }
};

TEST_F(RevisionReads, WhatIsKeptOfThatRevisionIsAnswered) {
  EXPECT_EQ(text(read("1", of("v1"))), "v1");
  const AnyResult again = read("1", of("v1"));
  EXPECT_EQ(text(again), "v1");
  EXPECT_EQ(again->origin(), Origin::memory);
  EXPECT_EQ(again->reason(), Reason::fresh);
  EXPECT_EQ(source->reads, 1u);
}

TEST_F(RevisionReads, WhatIsKeptOfAnotherIsLoadedAgainHoweverYoung) {
  read("1");
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1")), "v1");
  const AnyResult now = read("1", of("v2"));
  EXPECT_EQ(text(now), "v2");
  EXPECT_EQ(now->origin(), Origin::source);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(RevisionReads, TheSameHoldsForTheStore) {
  read("1");
  restart();
  EXPECT_EQ(text(read("1", of("v1"))), "v1");
  EXPECT_EQ(source->reads, 1u);
  restart();
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1", of("v2"))), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(RevisionReads, WhatAnotherInstanceHasLoadedIsNotLoadedAgain) {
  read("1");
  Engine other({.bytes_max = 1 << 20, .shards = 4}, {world, world, world, &store});
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  Policy policy = plain_policy();
  policy.fresh_for = seconds(1000);
  const PolicyHandle there = *other.define(policy, codec, source);
  source->rows["1"] = "v2";
  const Outcome first = catch_outcome(other.read(there, "1", of("v2")));
  world.run();
  EXPECT_EQ(text(first), "v2");
  EXPECT_EQ(text(read("1", of("v2"))), "v2");
  EXPECT_EQ(source->reads, 2u);
  bool closed = false;
  start(other.close(), [&closed] { closed = true; });
  world.run();
  EXPECT_TRUE(closed);
}

TEST_F(RevisionReads, WhereItIsAllowedTheOutdatedIsAnsweredWhileOneRefreshRuns) {
  read("1");
  source->rows["1"] = "v2";
  source->hold = true;
  for (int i = 0; i < 5; ++i) {
    const AnyResult answer = read("1", of("v2", true));
    EXPECT_EQ(text(answer), "v1");
    EXPECT_EQ(answer->reason(), Reason::stale);
    EXPECT_EQ(answer->entry().revision(), "v1");
  }
  EXPECT_EQ(source->reads, 2u);
  source->release();
  world.run();
  EXPECT_EQ(text(read("1", of("v2", true))), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(RevisionReads, FromTheStoreTooWithItsRefreshBehindIt) {
  read("1");
  restart();
  source->rows["1"] = "v2";
  source->hold = true;
  const AnyResult answer = read("1", of("v2", true));
  EXPECT_EQ(text(answer), "v1");
  EXPECT_EQ(answer->reason(), Reason::stale);
  EXPECT_EQ(source->reads, 2u);
  source->release();
  world.run();
  EXPECT_EQ(text(read("1", of("v2"))), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(RevisionReads, WhoWantsItNowWaitsForTheRefreshThatRuns) {
  read("1");
  source->rows["1"] = "v2";
  source->hold = true;
  read("1", of("v2", true));
  const Outcome waiting = ask("1", of("v2"));
  EXPECT_EQ(text(waiting), "pending");
  EXPECT_EQ(source->reads, 2u);
  source->release();
  world.run();
  EXPECT_EQ(text(waiting), "v2");
}

TEST_F(RevisionReads, ALoadThatFailsLeavesTheOutdatedWithItsRevision) {
  read("1");
  source->failing = true;
  const AnyResult answer = read("1", of("v2"));
  EXPECT_EQ(text(answer), "v1");
  EXPECT_EQ(answer->entry().revision(), "v1");
  EXPECT_NE(answer->reason(), Reason::fresh);
}

TEST_F(RevisionReads, AFailedRefreshIsTriedAgainLaterAndLater) {
  read("1");
  source->failing = true;
  std::vector<int> seen;
  for (int second = 0; second < 8; ++second) {
    const std::size_t before = source->reads;
    EXPECT_EQ(text(read("1", of("v2", true))), "v1");
    if (source->reads > before) seen.push_back(second);
    world.advance(seconds(1));
  }
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 3, 7}));
}

TEST_F(RevisionReads, TheSourceIsToldWhichRevisionIsHeld) {
  read("1");
  read("1", of("v2"));  // Nothing has changed, in fact.
  ASSERT_EQ(source->asked.size(), 2u);
  EXPECT_EQ(source->asked[1].revision, "v1");
  EXPECT_EQ(stats().source_unchanged, 1u);
}

TEST_F(RevisionReads, OfAKeptAbsenceNoRevisionIsOffered) {
  Policy policy = plain_policy();
  policy.absent_for = seconds(1000);
  define(policy);
  std::vector<std::string> offered;
  const auto load = [&offered](Fetch fetch) -> Task<Result<Loaded>> {
    offered.push_back(fetch.revision);
    return [](std::string revision) -> Task<Result<Loaded>> {
      co_return Loaded{.kind = Kind::absent, .revision = std::move(revision)};
    }("r" + std::to_string(offered.size()));
  };
  for (const std::string wanted : {"r1", "r2", "r3"}) {
    const Outcome outcome = catch_outcome(engine->read(users, "9", load, of(wanted)));
    world.run();
    EXPECT_EQ(text(outcome), "absent");
  }
  EXPECT_EQ(offered, (std::vector<std::string>{"", "", ""}));
}

TEST_F(RevisionReads, AStrictReadConfirmsOnlyWhatIsOfThatRevision) {
  read("1");
  source->rows["1"] = "v2";
  EXPECT_EQ(text(read("1", {.level = Level::strict, .revision = "v1"})), "v1");
  EXPECT_EQ(text(read("1", {.level = Level::strict, .revision = "v2"})), "v2");
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(RevisionReads, AReaderThatFindsItLandedMeanwhileChecksItsRevisionToo) {
  read("1");
  source->rows["1"] = "v2";
  source->hold = true;
  const Outcome first = ask("1", of("v2"));
  source->rows["1"] = "v3";
  source->release();
  world.run();
  EXPECT_EQ(text(first), "v2");
  source->hold = false;
  EXPECT_EQ(text(read("1", of("v3"))), "v3");
}

}  // namespace
}  // namespace headrace
