#include "replay/oracle.h"

#include <gtest/gtest.h>

#include <thread>

namespace headrace::replay {
namespace {

using namespace std::chrono_literals;

constexpr Instant t0{1h};
constexpr Population ten{.users = 10, .lists = 10};

Entity user(std::uint64_t number) {
  return {Collection::users, number};
}

// The version and the number of documents of an answer.
struct Answer {
  std::uint64_t version = 0;
  std::uint32_t documents = 1;
};
constexpr Answer nothing{.version = 0, .documents = 0};

Judgement judge(const Oracle& oracle, Entity entity, Instant at, Answer answer) {
  return oracle.read_end(oracle.read_begin(entity, at), answer.version, answer.documents);
}
Finding read(const Oracle& oracle, Entity entity, Instant at, Answer answer) {
  return judge(oracle, entity, at, answer).finding;
}

// Writes the next version of `entity` with all its steps.
std::uint64_t write(Oracle& oracle, Entity entity, Instant at) {
  const std::uint64_t version = oracle.begin_write(entity);
  oracle.committed(entity, version, at);
  oracle.invalidation_returned(entity, version);
  return version;
}

TEST(Oracle, AnUntouchedEntityHasVersionOne) {
  const Oracle oracle(ten);
  const Judgement judgement = judge(oracle, user(3), t0, {1});
  EXPECT_EQ(judgement.finding, Finding::sound);
  EXPECT_EQ(judgement.staleness, 0ns);
}

TEST(Oracle, ReportsAReadThatIsOlderThanAReturnedInvalidation) {
  Oracle oracle(ten);
  EXPECT_EQ(write(oracle, user(3), t0), 2u);
  const Judgement judgement = judge(oracle, user(3), t0 + 5ms, {1});
  EXPECT_EQ(judgement.finding, Finding::resurrected);
  EXPECT_EQ(judgement.staleness, 5ms);
}

TEST(Oracle, AReadThatBeganBeforeTheInvalidationReturnedMayBeOld) {
  Oracle oracle(ten);
  const std::uint64_t version = oracle.begin_write(user(3));
  oracle.committed(user(3), version, t0);
  const auto reading = oracle.read_begin(user(3), t0 + 1us);
  oracle.invalidation_returned(user(3), version);
  EXPECT_EQ(oracle.read_end(reading, 1, 1).finding, Finding::sound);
  EXPECT_EQ(read(oracle, user(3), t0 + 1ms, {1}), Finding::resurrected);
}

TEST(Oracle, AWriteThatIsNotInvalidatedYetMayBeMissedButShowsAsStale) {
  Oracle oracle(ten);
  const std::uint64_t version = oracle.begin_write(user(3));
  oracle.committed(user(3), version, t0);
  const Judgement judgement = judge(oracle, user(3), t0 + 2s, {1});
  EXPECT_EQ(judgement.finding, Finding::sound);
  EXPECT_EQ(judgement.staleness, 2s);
}

TEST(Oracle, AReadMaySeeAWriteBeforeItsCommitIsTold) {
  Oracle oracle(ten);
  const std::uint64_t version = oracle.begin_write(user(3));
  EXPECT_EQ(read(oracle, user(3), t0, {version}), Finding::sound);
  EXPECT_EQ(read(oracle, user(3), t0, {version + 1}), Finding::uncommitted);
}

TEST(Oracle, AnAbandonedWriteWasNeverCommitted) {
  Oracle oracle(ten);
  const std::uint64_t version = oracle.begin_write(user(3));
  oracle.abandoned(user(3), version);
  EXPECT_EQ(read(oracle, user(3), t0, {version}), Finding::uncommitted);
  EXPECT_EQ(oracle.begin_write(user(3)), version) << "its number is free again";
}

// Its writer was never answered: whether it was made nobody knows, now or later.
TEST(Oracle, AWriteThatIsNeitherCommittedNorAbandonedMayBeSeenAndNeedNotBe) {
  Oracle oracle(ten);
  EXPECT_TRUE(oracle.may_write(user(3)));
  const std::uint64_t version = write(oracle, user(3), t0);
  EXPECT_TRUE(oracle.may_write(user(3)));
  EXPECT_EQ(oracle.begin_write(user(3)), version + 1);
  EXPECT_FALSE(oracle.may_write(user(3)));
  EXPECT_TRUE(oracle.may_write(user(4)));
  const auto read_at = [&](Duration after, std::uint64_t seen) {
    return read(oracle, user(3), t0 + after, {seen});
  };
  EXPECT_EQ(read_at(1h, version), Finding::sound);
  EXPECT_EQ(read_at(2h, version + 1), Finding::sound);
  EXPECT_EQ(read_at(3h, version), Finding::sound);
  EXPECT_EQ(read_at(3h, version - 1), Finding::resurrected);
  EXPECT_EQ(read_at(3h, version + 2), Finding::uncommitted);
}

TEST(Oracle, AbsenceIsWrongForWhatWasThereAllTheTime) {
  Oracle oracle(ten);
  EXPECT_EQ(read(oracle, user(3), t0, nothing), Finding::wrong_absence);
  write(oracle, user(3), t0);
  EXPECT_EQ(read(oracle, user(3), t0, nothing), Finding::wrong_absence);
}

TEST(Oracle, AbsenceMustNotOutliveTheCreation) {
  Oracle oracle(ten);
  const Entity missing{Collection::lookups, 4};
  EXPECT_EQ(read(oracle, missing, t0, nothing), Finding::sound);
  EXPECT_EQ(read(oracle, missing, t0, {1}), Finding::uncommitted);
  EXPECT_EQ(write(oracle, missing, t0), 1u);
  const Judgement late = judge(oracle, missing, t0 + 1ms, nothing);
  EXPECT_EQ(late.finding, Finding::resurrected);
  EXPECT_EQ(late.staleness, 1ms) << "since its creation";
  EXPECT_EQ(read(oracle, missing, t0 + 1ms, {1}), Finding::sound);
}

TEST(Oracle, AbsenceMayBeSeenWhileTheCreationIsUnderWay) {
  Oracle oracle(ten);
  const Entity missing{Collection::lookups, 4};
  const std::uint64_t version = oracle.begin_write(missing);
  EXPECT_EQ(read(oracle, missing, t0, nothing), Finding::sound);
  oracle.committed(missing, version, t0);
  EXPECT_EQ(read(oracle, missing, t0, nothing), Finding::sound) << "not invalidated yet";
}

TEST(Oracle, WhatWasRemovedIsAbsentAgainAndMustNotComeBack) {
  Oracle oracle(ten);
  const Entity missing{Collection::lookups, 4};
  write(oracle, missing, t0);
  const auto before = oracle.read_begin(missing, t0 + 1s);
  EXPECT_EQ(write(oracle, missing, t0 + 2s), 2u);
  EXPECT_EQ(oracle.read_end(before, 1, 1).finding, Finding::sound);
  EXPECT_EQ(read(oracle, missing, t0 + 3s, {1}), Finding::resurrected);
  EXPECT_EQ(read(oracle, missing, t0 + 3s, nothing), Finding::sound);
  EXPECT_EQ(judge(oracle, missing, t0 + 3s, nothing).staleness, 0ns)
      << "the newest absence, not the first";
  EXPECT_EQ(read(oracle, missing, t0 + 3s, {2}), Finding::incomplete)
      << "that version has no document";
}

TEST(Oracle, AnAbandonedRemovalLeftNoAbsence) {
  Oracle oracle(ten);
  const Entity missing{Collection::lookups, 4};
  write(oracle, missing, t0);
  oracle.abandoned(missing, oracle.begin_write(missing));
  EXPECT_EQ(read(oracle, missing, t0 + 1s, nothing), Finding::resurrected);
}

// The first list of this collection that has some documents, or none.
Entity list(Collection collection, bool wants_some) {
  Entity entity{collection, 0};
  while ((rows_at_start({.users = 1000}, entity) > 0) != wants_some) ++entity.number;
  return entity;
}

TEST(Oracle, AListIsJudgedByItsVersionAndItsDocuments) {
  const Population many{.users = 1000, .lists = 10};
  Oracle oracle(many);
  const Entity items{Collection::items, 4};
  const std::uint32_t rows = rows_at_start(many, items);
  EXPECT_EQ(read(oracle, items, t0, {1, rows}), Finding::sound);
  EXPECT_EQ(read(oracle, items, t0, {1, rows - 1}), Finding::incomplete);
  EXPECT_EQ(read(oracle, items, t0, {1, rows + 1}), Finding::incomplete);
  EXPECT_EQ(read(oracle, items, t0, nothing), Finding::wrong_absence);
  EXPECT_EQ(write(oracle, items, t0), 2u);
  EXPECT_EQ(read(oracle, items, t0 + 1s, {1, rows}), Finding::resurrected);
  EXPECT_EQ(read(oracle, items, t0 + 1s, {2, rows}), Finding::sound);
  EXPECT_EQ(read(oracle, items, t0 + 1s, {3, rows}), Finding::uncommitted);
}

TEST(Oracle, AnEmptyListIsJudgedLikeAnAbsence) {
  const Population many{.users = 1000, .lists = 10};
  Oracle oracle(many);
  const Entity flags = list(Collection::flags, false);
  EXPECT_EQ(read(oracle, flags, t0, nothing), Finding::sound);
  EXPECT_EQ(write(oracle, flags, t0), 1u);
  EXPECT_EQ(read(oracle, flags, t0 + 1s, nothing), Finding::resurrected) << "a flag was set";
  EXPECT_EQ(read(oracle, flags, t0 + 1s, {1, 1}), Finding::sound);
  EXPECT_EQ(write(oracle, flags, t0 + 2s), 2u);
  EXPECT_EQ(read(oracle, flags, t0 + 3s, {1, 1}), Finding::resurrected) << "it was taken away";
  EXPECT_EQ(read(oracle, list(Collection::apps, true), t0, nothing), Finding::wrong_absence);
}

TEST(Oracle, CollectionsHaveNothingToDoWithEachOther) {
  Oracle oracle(ten);
  write(oracle, user(3), t0);
  EXPECT_EQ(read(oracle, {Collection::lookups, 3}, t0 + 1s, nothing), Finding::sound);
  const Entity items{Collection::items, 3};
  EXPECT_EQ(read(oracle, items, t0 + 1s, {1, rows_at_start(ten, items)}), Finding::sound);
}

TEST(Oracle, StartsFromWhatTheSourceHolds) {
  Oracle oracle(ten);
  oracle.start_at(user(3), 7, true);
  oracle.start_at(user(4), 7, false);
  EXPECT_EQ(read(oracle, user(3), t0, {6}), Finding::resurrected);
  EXPECT_EQ(read(oracle, user(4), t0, {6}), Finding::sound);
  EXPECT_EQ(read(oracle, user(4), t0, {8}), Finding::uncommitted);
  EXPECT_EQ(oracle.begin_write(user(3)), 8u);
  const Entity made{Collection::lookups, 5};
  oracle.start_at(made, 3, false);
  EXPECT_EQ(read(oracle, made, t0, nothing), Finding::wrong_absence);
}

TEST(Oracle, StalenessCountsFromTheFirstCommitAboveTheVersion) {
  Oracle oracle(ten);
  for (int i = 0; i < 5; ++i) write(oracle, user(3), t0 + i * 1s);  // Versions 2 to 6.
  // Version 4 was superseded by version 5 at t0 + 3 s.
  EXPECT_EQ(judge(oracle, user(3), t0 + 5s, {4}).staleness, 2s);
}

TEST(Oracle, ForgetsWhatCannotMatter) {
  Oracle oracle(ten, {.history_max = 8, .history_for = 30s});
  for (int i = 0; i < 1000; ++i) write(oracle, user(3), t0 + i * 1ms);
  EXPECT_EQ(oracle.remembered(), 8u);
  write(oracle, user(3), t0 + 1h);
  EXPECT_LE(oracle.remembered(), 2u);
  const Judgement judgement = judge(oracle, user(3), t0 + 1h, {1});
  EXPECT_EQ(judgement.finding, Finding::resurrected) << "the floor is never forgotten";
  EXPECT_GT(judgement.staleness, staleness_tops.back());
}

TEST(Oracle, NeverAccusesASourceThatIsReadDirectly) {
  constexpr int entities = 8;
  Oracle oracle(ten);
  Tally tally;
  std::array<std::atomic<std::uint64_t>, entities> source;
  for (auto& version : source) version = 1;
  std::atomic<bool> done{false};
  {
    std::vector<std::jthread> threads;
    for (int r = 0; r < 3; ++r) {
      threads.emplace_back([&] {
        for (std::uint64_t i = 0; !done; ++i) {
          const auto reading = oracle.read_begin(user(i % entities), t0);
          tally.add(oracle.read_end(reading, source[i % entities].load(), 1));
        }
      });
    }
    for (int i = 0; i < 20000; ++i) {
      const Entity entity = user(static_cast<std::uint64_t>(i) % entities);
      const std::uint64_t version = oracle.begin_write(entity);
      source[entity.number] = version;
      oracle.committed(entity, version, t0 + i * 1us);
      oracle.invalidation_returned(entity, version);
    }
    done = true;
  }
  EXPECT_EQ(tally.verdicts().violations(), 0u);
}

TEST(Tally, CountsEachFindingAndItsStaleness) {
  Tally tally;
  tally.add({.finding = Finding::sound});
  tally.add({.finding = Finding::resurrected, .staleness = 5ms});
  tally.add({.finding = Finding::wrong_absence});
  tally.add({.finding = Finding::incomplete});
  tally.add({.finding = Finding::uncommitted});
  const Verdicts verdicts = tally.verdicts();
  EXPECT_EQ(verdicts.reads, 5u);
  EXPECT_EQ(verdicts.violations(), 4u);
  EXPECT_EQ(verdicts.resurrected, 1u);
  EXPECT_EQ(verdicts.wrong_absences, 1u);
  EXPECT_EQ(verdicts.incomplete, 1u);
  EXPECT_EQ(verdicts.uncommitted, 1u);
  EXPECT_EQ(verdicts.staleness[0], 3u);
  EXPECT_EQ(verdicts.staleness[2], 1u) << "5 ms belong to the bucket up to 10 ms";
  EXPECT_EQ(verdicts.stalest, 5ms);
}

}  // namespace
}  // namespace headrace::replay
