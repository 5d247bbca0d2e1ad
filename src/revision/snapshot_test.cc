// Snapshots over an engine, a store, a source and revisions that the test holds in its hands.
#include <gmock/gmock.h>

#include "revision/snapshot_fixture.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_F(SnapshotTest, AHitIsOneSmallReadAndBuildsNothing) {
  EXPECT_EQ(say(), R"(miss {"core":"c1","tail":"t1"})");
  revisions->asked.clear();
  for (int i = 0; i < 10; ++i) {
    world.advance(minutes(20));  // However old it becomes.
    EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t1"})");
  }
  EXPECT_EQ(core->reads + tail->reads, 2u);
  EXPECT_EQ(revisions->asked.size(), 10u);
  EXPECT_EQ(summary->stats().hits_revision, 10u);
  EXPECT_EQ(summary->stats().misses, 1u);
  EXPECT_EQ(summary->stats().builds, 2u);
}

TEST_F(SnapshotTest, PartsNameTheEntity) {
  say();
  ASSERT_FALSE(revisions->asked.empty());
  EXPECT_THAT(
      revisions->asked.front(),
      testing::UnorderedElementsAre(Part{.table = "users"},
                                    Part{.table = "orders", .column = "user_id", .value = "42"},
                                    Part{.table = "progress"}));
  revisions->change(Part{.table = "orders", .column = "user_id", .value = "43"});
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t1"})");
}

TEST_F(SnapshotTest, WhereNothingOutdatedIsAllowedOnlyTheChangedSectionIsBuilt) {
  SnapshotOptions options = plain_options();
  options.stale_for = {};
  open(options);
  say();
  tail->rows["42"] = "\"t2\"";
  revisions->change("progress");
  EXPECT_EQ(say(), R"(section {"core":"c1","tail":"t2"})");
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
  EXPECT_EQ(core->reads, 1u);
  EXPECT_EQ(tail->reads, 2u);
  revisions->change("users");
  core->rows["42"] = "\"c2\"";
  EXPECT_EQ(say(), R"(section {"core":"c2","tail":"t2"})");
  EXPECT_EQ(tail->reads, 2u);
}

TEST_F(SnapshotTest, TheOutdatedIsAnsweredWhileOneRefreshRuns) {
  say();
  tail->rows["42"] = "\"t2\"";
  revisions->change("progress");
  tail->hold = true;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  EXPECT_EQ(tail->reads, 2u);
  tail->release();
  world.run();
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
  EXPECT_EQ(core->reads, 1u);
}

TEST_F(SnapshotTest, OutdatedForIsCountedFromWhenItWasLastKnownToHold) {
  say();
  world.advance(minutes(60));
  EXPECT_EQ(answer().outdated_for, seconds(0));  // It holds: an hour old, and not outdated.
  world.advance(seconds(100));
  revisions->change("progress");
  tail->hold = true;
  const SnapshotAnswer stale = answer();
  EXPECT_EQ(stale.state, SnapshotState::stale);
  EXPECT_EQ(stale.outdated_for, seconds(100));
  EXPECT_EQ(stale.sections[0].outdated_for, seconds(0));
  EXPECT_EQ(stale.sections[0].state, SnapshotState::hit_revision);
  EXPECT_EQ(stale.sections[1].outdated_for, seconds(100));
}

TEST_F(SnapshotTest, PastStaleForItIsWaitedFor) {
  say();
  world.advance(minutes(5));
  answer();
  revisions->change("progress");
  tail->rows["42"] = "\"t2\"";
  tail->hold = true;
  world.advance(minutes(5));
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  world.advance(milliseconds(1));
  const Read late = begin();
  EXPECT_EQ(text(late), "pending");
  EXPECT_EQ(tail->reads, 2u);  // It waits for the refresh that runs.
  tail->release();
  world.run();
  EXPECT_EQ(text(late), R"(section {"core":"c1","tail":"t2"})");
}

TEST_F(SnapshotTest, ABuildIsOfTheRevisionsFromBeforeIt) {
  SnapshotOptions options = plain_options();
  options.stale_for = {};
  open(options);
  tail->hold = true;
  const Read first = begin();
  tail->rows["42"] = "\"t2\"";  // Changed after it was read, before it was kept.
  revisions->change("progress");
  tail->hold = false;
  tail->release();
  world.run();
  EXPECT_EQ(text(first), R"(miss {"core":"c1","tail":"t1"})");
  EXPECT_EQ(say(), R"(section {"core":"c1","tail":"t2"})");
}

TEST_F(SnapshotTest, WritesThatNeverStopDoNotHoldTheRefreshUp) {
  say();
  tail->hold = true;
  std::size_t refreshed = 0;
  std::string last = "t1";
  for (int step = 1; step <= 400; ++step) {  // A build takes 200 ms, a write comes each 150 ms.
    world.advance(milliseconds(10));
    if (step % 15 == 0) {
      tail->rows["42"] = "\"w" + std::to_string(step) + "\"";
      revisions->change("progress");
    }
    if (step % 20 == 0) tail->release();
    const SnapshotAnswer one = answer();
    EXPECT_LE(one.outdated_for, milliseconds(450));
    if (one.sections[1].json != last) {
      ++refreshed;
      last = one.sections[1].json;
    }
    EXPECT_LE(tail->held(), 1u);  // One build at a time.
  }
  EXPECT_GE(refreshed, 10u);
  EXPECT_EQ(core->reads, 1u);
}

TEST_F(SnapshotTest, ASourceThatIsAwayIsAnsweredForInsideStaleFor) {
  say();
  world.advance(minutes(60));
  say();
  revisions->fault = Error{.code = Code::source_unavailable, .what = "the server is away"};
  core->failing = tail->failing = true;
  world.advance(minutes(4));
  const SnapshotAnswer kept = answer();
  EXPECT_EQ(kept.state, SnapshotState::stale);
  EXPECT_EQ(kept.outdated_for, minutes(4));
  EXPECT_THAT(kept.last_error, testing::HasSubstr("the server is away"));
  world.advance(minutes(1) + milliseconds(1));
  EXPECT_THAT(say(), testing::HasSubstr("the server is away"));
  EXPECT_THAT(say(), testing::StartsWith("error: section core: it is not known what has changed"));
  revisions->fault.reset();
  core->failing = tail->failing = false;
  world.advance(seconds(2));
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t1"})");
  EXPECT_EQ(answer().last_error, "");
  EXPECT_EQ(core->reads, 1u);
}

TEST_F(SnapshotTest, WhatCannotBeCheckedIsStaleHoweverYoung) {
  say();
  revisions->fault = Error{.code = Code::source_unavailable, .what = "the server is away"};
  const SnapshotAnswer kept = answer();
  EXPECT_EQ(kept.state, SnapshotState::stale);
  EXPECT_EQ(kept.outdated_for, seconds(0));
}

TEST_F(SnapshotTest, WhatWasJustConfirmedNeedsNoPlaceInTheTable) {
  SnapshotOptions options = plain_options();
  options.confirmed_max = 1;  // Four places, in fact, of which each section wants one.
  for (const std::string name : {"a", "b", "c", "d", "e", "f"}) {
    options.sections.push_back(
        {.name = name, .policy = policy(name), .source = core, .parts = {{.table = name}}});
  }
  auto made = Snapshot::make(std::move(options), {*engine, world, world}, revisions);
  ASSERT_TRUE(made.has_value()) << made.error().what;
  summary = *made;
  answer();
  world.advance(minutes(60));
  EXPECT_EQ(answer().state, SnapshotState::hit_revision);
  EXPECT_EQ(core->reads, 6u);
}

TEST_F(SnapshotTest, AFailedBuildIsToldAndTriedAgainAfterAPause) {
  say();
  tail->failing = true;
  revisions->change("progress");
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  world.run();
  EXPECT_THAT(answer().last_error, testing::HasSubstr("section tail: the source fails"));
  EXPECT_EQ(tail->reads, 2u);
  world.advance(seconds(1));
  tail->failing = false;
  tail->rows["42"] = "\"t2\"";
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
  EXPECT_EQ(tail->reads, 3u);
}

TEST_F(SnapshotTest, PastStaleForABuildThatFailsIsNotTriedByEveryRead) {
  say();
  world.advance(minutes(10));
  tail->failing = true;
  revisions->change("progress");
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(say(), "error: section tail: the source fails, as the test wants");
  EXPECT_LE(tail->reads, 3u);
  world.advance(seconds(2));
  tail->failing = false;
  tail->rows["42"] = "\"t2\"";
  EXPECT_EQ(say(), R"(section {"core":"c1","tail":"t2"})");
}

TEST_F(SnapshotTest, WhatWasBuiltForAnotherQuestionIsNotOfThisSection) {
  const std::shared_ptr<Snapshot> old = summary;
  open();  // As a reload does, with other fields.
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  ASSERT_TRUE(engine->define(
      {.name = "summary.core", .fields = {"other"}, .fresh_for = minutes(60)}, codec, nullptr));
  auto other = std::make_shared<kit::HeldSource>();
  other->rows["42"] = "\"new\"";
  SnapshotOptions options = plain_options();
  options.sections = {{.name = "core",
                       .policy = engine->find("summary.core"),
                       .source = other,
                       .parts = {{.table = "users"}}}};
  const auto made = Snapshot::make(options, {*engine, world, world}, revisions);
  ASSERT_TRUE(made.has_value());
  // Somebody still reads the one from before, which fills under the policy as it is now.
  summary = old;
  say();
  summary = *made;
  EXPECT_EQ(say(), R"(miss {"core":"new"})");
  revisions->fault = Error{.code = Code::source_unavailable, .what = "away"};
  summary = old;
  EXPECT_THAT(say(), testing::StartsWith("error: section core: "));
}

TEST_F(SnapshotTest, AnEntityWithAZeroByteIsRefusedAtOnce) {
  EXPECT_THAT(text(begin(std::string("4\0002", 3))), testing::HasSubstr("zero byte"));
  EXPECT_TRUE(revisions->asked.empty());
}

TEST_F(SnapshotTest, ASectionIsAsOldAsItsOwnBuild) {
  say();
  const WallTime first = world.wall_now();
  world.advance(seconds(10));
  revisions->change("progress");
  say();
  world.run();
  const SnapshotAnswer later = answer();
  EXPECT_EQ(later.sections[0].generated_at, first);
  EXPECT_EQ(later.sections[1].generated_at, first + seconds(10));
  EXPECT_EQ(later.generated_at, first);
}

TEST_F(SnapshotTest, TheRevisionIsAnotherIfOneSectionsIs) {
  const std::string one = answer().revision;
  EXPECT_EQ(answer().revision, one);
  revisions->change("progress");
  say();
  world.run();
  EXPECT_NE(answer().revision, one);
}

TEST_F(SnapshotTest, AnInvalidationOfATagBuildsAnewWhateverTheRevisions) {
  say();
  core->rows["42"] = "\"c2\"";
  invalidate(tag("summary:42"));
  EXPECT_EQ(say(), R"(miss {"core":"c2","tail":"t1"})");
}

TEST_F(SnapshotTest, WhatAnotherInstanceHasBuiltIsNotBuiltAgain) {
  say();
  revisions->change("progress");
  tail->rows["42"] = "\"t2\"";
  Engine::Limits limits{.bytes_max = 1 << 20, .shards = 4};
  std::unique_ptr<Engine> other =
      std::make_unique<Engine>(limits, Engine::Ports{world, world, world, &store});
  std::swap(engine, other);
  const std::shared_ptr<Snapshot> here = summary;
  open();
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");  // What the store holds.
  world.run();
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
  summary = here;
  std::swap(engine, other);
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  world.run();
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
  EXPECT_EQ(tail->reads, 2u);
  start(other->close(), [] {});
  world.run();
}

TEST_F(SnapshotTest, AbsenceIsOneOfTheWhole) {
  EXPECT_EQ(answer().kind, Kind::value);
  const Read none = begin("7");
  EXPECT_EQ((**none)->kind, Kind::absent);
  tail->rows["8"] = "[]";
  const Read some = begin("8");
  EXPECT_EQ((**some)->kind, Kind::value);
  EXPECT_EQ(json_of(***some), R"({"core":null,"tail":[]})");
}

TEST_F(SnapshotTest, ManyReadersCostOneQuestionAtATimeAndOneBuild) {
  tail->hold = core->hold = true;
  std::vector<Read> readers;
  for (int i = 0; i < 50; ++i) readers.push_back(begin());
  tail->release();
  core->release();
  world.run();
  for (const Read& reader : readers) EXPECT_EQ(text(reader), R"(miss {"core":"c1","tail":"t1"})");
  EXPECT_EQ(core->reads, 1u);
  EXPECT_EQ(tail->reads, 1u);
}

TEST_F(SnapshotTest, WhoeverInsistsGetsABuildOfNow) {
  say();
  core->rows["42"] = "\"c2\"";  // By a writer that no trigger sees.
  const Read forced = begin("42", {.refresh = true});
  EXPECT_EQ(text(forced), R"(miss {"core":"c2","tail":"t1"})");
  EXPECT_EQ(say(), R"(hit-revision {"core":"c2","tail":"t1"})");
}

TEST_F(SnapshotTest, OptionsAreCheckedWhole) {
  SnapshotOptions bad{.name = "x", .stale_for = -seconds(1), .check_within = {}};
  EXPECT_EQ(faults_of(bad).size(), 3u);
  bad.sections = {{.name = "a b", .parts = {{.table = "t", .column = "c"}}},
                  {.name = "twice", .parts = {{.table = ""}}},
                  {.name = "twice"}};
  EXPECT_THAT(faults_of(bad), testing::SizeIs(6));
  const auto made = Snapshot::make(bad, {*engine, world, world}, nullptr);
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().what, testing::HasSubstr("nobody tells the revisions"));
}

}  // namespace
}  // namespace headrace
