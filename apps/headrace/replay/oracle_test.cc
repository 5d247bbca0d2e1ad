#include "replay/oracle.h"

#include <gtest/gtest.h>

#include <thread>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Instant t0{1h};

// Writes the next version of `entity` with all its steps.
std::uint64_t write(Oracle& oracle, std::uint64_t entity, Instant at) {
  const std::uint64_t version = oracle.begin_write(entity);
  oracle.committed(entity, version, at);
  oracle.invalidation_returned(entity, version);
  return version;
}

TEST(Oracle, AnUntouchedEntityHasVersionOne) {
  Oracle oracle(10);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), 1), Finding::sound);
  EXPECT_EQ(oracle.verdicts().violations(), 0u);
  EXPECT_EQ(oracle.verdicts().staleness[0], 1u);
}

TEST(Oracle, ReportsAReadThatIsOlderThanAReturnedInvalidation) {
  Oracle oracle(10);
  EXPECT_EQ(write(oracle, 3, t0), 2u);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0 + 5ms), 1), Finding::resurrected);
  const Verdicts verdicts = oracle.verdicts();
  EXPECT_EQ(verdicts.resurrected, 1u);
  EXPECT_EQ(verdicts.violations(), 1u);
  EXPECT_EQ(verdicts.staleness[2], 1u) << "5 ms belong to the bucket up to 10 ms";
  EXPECT_EQ(verdicts.stalest, 5ms);
}

TEST(Oracle, AReadThatBeganBeforeTheInvalidationReturnedMayBeOld) {
  Oracle oracle(10);
  const std::uint64_t version = oracle.begin_write(3);
  oracle.committed(3, version, t0);
  const auto reading = oracle.read_begin(3, t0 + 1us);
  oracle.invalidation_returned(3, version);
  EXPECT_EQ(oracle.read_end(reading, 1), Finding::sound);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0 + 1ms), 1), Finding::resurrected);
}

TEST(Oracle, AWriteThatIsNotInvalidatedYetMayBeMissedButShowsAsStale) {
  Oracle oracle(10);
  const std::uint64_t version = oracle.begin_write(3);
  oracle.committed(3, version, t0);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0 + 2s), 1), Finding::sound);
  EXPECT_EQ(oracle.verdicts().staleness[5], 1u);
  EXPECT_EQ(oracle.verdicts().stalest, 2s);
}

TEST(Oracle, AReadMaySeeAWriteBeforeItsCommitIsTold) {
  Oracle oracle(10);
  const std::uint64_t version = oracle.begin_write(3);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), version), Finding::sound);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), version + 1), Finding::uncommitted);
}

TEST(Oracle, AnAbandonedWriteWasNeverCommitted) {
  Oracle oracle(10);
  const std::uint64_t version = oracle.begin_write(3);
  oracle.abandoned(3, version);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), version), Finding::uncommitted);
  EXPECT_EQ(oracle.begin_write(3), version) << "its number is free again";
}

TEST(Oracle, AbsenceIsWrongForWhatWasThereAllTheTime) {
  Oracle oracle(10);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), 0), Finding::wrong_absence);
  EXPECT_EQ(oracle.verdicts().wrong_absences, 1u);
}

TEST(Oracle, AbsenceMustNotOutliveTheCreation) {
  Oracle oracle(10);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(12, t0), 0), Finding::sound);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(12, t0), 1), Finding::uncommitted);
  EXPECT_EQ(write(oracle, 12, t0), 1u);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(12, t0 + 1ms), 0), Finding::resurrected);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(12, t0 + 1ms), 1), Finding::sound);
}

TEST(Oracle, StartsFromWhatTheSourceHolds) {
  Oracle oracle(10);
  oracle.start_at(3, 7, true);
  oracle.start_at(4, 7, false);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(3, t0), 6), Finding::resurrected);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(4, t0), 6), Finding::sound);
  EXPECT_EQ(oracle.read_end(oracle.read_begin(4, t0), 8), Finding::uncommitted);
  EXPECT_EQ(oracle.begin_write(3), 8u);
}

TEST(Oracle, StalenessCountsFromTheFirstCommitAboveTheVersion) {
  Oracle oracle(10);
  for (int i = 0; i < 5; ++i) write(oracle, 3, t0 + i * 1s);  // Versions 2 to 6.
  const auto reading = oracle.read_begin(3, t0 + 5s);
  oracle.read_end(reading, 4);  // Superseded by version 5 at t0 + 3 s.
  EXPECT_EQ(oracle.verdicts().stalest, 2s);
}

TEST(Oracle, ForgetsWhatCannotMatter) {
  Oracle oracle(10, {.history_max = 8, .history_for = 30s});
  for (int i = 0; i < 1000; ++i) write(oracle, 3, t0 + i * 1ms);
  EXPECT_EQ(oracle.remembered(), 8u);
  write(oracle, 3, t0 + 1h);
  EXPECT_LE(oracle.remembered(), 2u);
  oracle.read_end(oracle.read_begin(3, t0 + 1h), 1);
  EXPECT_EQ(oracle.verdicts().resurrected, 1u) << "the floor is never forgotten";
  EXPECT_EQ(oracle.verdicts().staleness.back(), 1u);
}

TEST(Oracle, NeverAccusesASourceThatIsReadDirectly) {
  constexpr int entities = 8;
  Oracle oracle(entities);
  std::array<std::atomic<std::uint64_t>, entities> source;
  for (auto& version : source) version = 1;
  std::atomic<bool> done{false};
  {
    std::vector<std::jthread> threads;
    for (int r = 0; r < 3; ++r) {
      threads.emplace_back([&] {
        for (std::uint64_t i = 0; !done; ++i) {
          const auto reading = oracle.read_begin(i % entities, t0);
          oracle.read_end(reading, source[i % entities].load());
        }
      });
    }
    for (int i = 0; i < 20000; ++i) {
      const std::uint64_t entity = static_cast<std::uint64_t>(i) % entities;
      const std::uint64_t version = oracle.begin_write(entity);
      source[entity] = version;
      oracle.committed(entity, version, t0 + i * 1us);
      oracle.invalidation_returned(entity, version);
    }
    done = true;
  }
  EXPECT_EQ(oracle.verdicts().violations(), 0u);
}

}  // namespace
}  // namespace headrace::replay
