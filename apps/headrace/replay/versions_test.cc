#include "replay/versions.h"

#include <gtest/gtest.h>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t thing = 7;

Instant at(Duration since_start) {
  return Instant{} + since_start;
}

class VersionsTest : public testing::Test {
 protected:
  // Commits the next version, and makes it known.
  std::uint64_t edit(Duration when) {
    const std::uint64_t version = versions_.begin(thing);
    versions_.committed(thing, version, at(when));
    versions_.known(thing, version);
    return version;
  }
  Finding finds(Duration when, std::uint64_t version, std::optional<Duration> stale_max = {}) {
    return versions_.judge(versions_.read_begin(thing, at(when)), version, stale_max).finding;
  }

  Versions versions_{[](std::uint64_t which) { return which == thing ? 1u : 0u; }};
};

TEST_F(VersionsTest, WhatWasNeverWrittenHasItsFirstVersion) {
  EXPECT_EQ(finds(1s, 1), Finding::sound);
  EXPECT_EQ(finds(1s, 2), Finding::uncommitted);
  EXPECT_EQ(finds(1s, 0), Finding::uncommitted) << "it was there from the start";
  EXPECT_EQ(versions_.now(8), 0u);
}

TEST_F(VersionsTest, WhoBeginsAfterItIsKnownMustNotSeeAnOlderOne) {
  const auto before = versions_.read_begin(thing, at(1s));
  EXPECT_EQ(edit(2s), 2u);
  EXPECT_EQ(versions_.judge(before, 1).finding, Finding::sound) << "it had begun";
  EXPECT_EQ(finds(3s, 2), Finding::sound);
  EXPECT_EQ(finds(3s, 1), Finding::resurrected);
}

TEST_F(VersionsTest, BetweenCommitAndKnowledgeTheOlderIsStaleAndAllowed) {
  versions_.committed(thing, versions_.begin(thing), at(2s));
  const Judgement judged = versions_.judge(versions_.read_begin(thing, at(3s)), 1);
  EXPECT_EQ(judged.finding, Finding::sound);
  EXPECT_EQ(judged.staleness, Duration(1s));
}

TEST_F(VersionsTest, WhatIsBegunMayBeSeenAndNoMore) {
  const std::uint64_t begun = versions_.begin(thing);
  EXPECT_EQ(finds(1s, begun), Finding::sound) << "it may be committed already";
  EXPECT_EQ(finds(1s, begun + 1), Finding::uncommitted);
}

TEST_F(VersionsTest, WhoMayBeStaleIsHeldToTheBound) {
  edit(2s);
  edit(4s);
  EXPECT_EQ(finds(6s, 1, 5s), Finding::sound);
  EXPECT_EQ(finds(8s, 1, 5s), Finding::late) << "superseded for six seconds";
  EXPECT_EQ(finds(8s, 2, 5s), Finding::sound);
  EXPECT_EQ(finds(8s, 3, 0s), Finding::sound);
}

TEST_F(VersionsTest, VersionsMaySkipNumbers) {
  versions_.begin(thing, 10);
  versions_.committed(thing, 10, at(1s));
  versions_.known(thing, 10);
  EXPECT_EQ(versions_.now(thing), 10u);
  EXPECT_EQ(finds(2s, 9), Finding::resurrected);
  EXPECT_EQ(finds(2s, 10), Finding::sound);
}

TEST_F(VersionsTest, WhatIsForgottenIsJudgedKindly) {
  for (std::size_t i = 0; i < Versions::history_max + 10; ++i) edit(std::chrono::seconds(i + 1));
  const Judgement judged = versions_.judge(versions_.read_begin(thing, at(1000s)), 1, 1000s);
  EXPECT_EQ(judged.finding, Finding::sound);
  EXPECT_LT(judged.staleness, Duration(999s - 9s)) << "the oldest commit that is remembered";
}

}  // namespace
}  // namespace headrace::replay
