// Snapshots whose revisions are kept while a feed proves that it has told of all changes.
#include "headrace/feed_cover.h"
#include "revision/snapshot_fixture.h"

namespace headrace {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

class KeptVectorTest : public SnapshotTest {
 protected:
  KeptVectorTest() { follow(plain_options()); }

  void follow(SnapshotOptions options, Duration fresh_for = std::chrono::hours(1)) {
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    options.vector =
        *engine->define({.name = "summary.revisions",
                         .fields = {"all"},
                         .tags = {vector_tag("summary", ""), vector_tag("summary", "{entity}")},
                         .fresh_for = fresh_for,
                         .stale_for = std::chrono::hours(1),
                         .jitter = 0},
                        codec, nullptr);
    open(std::move(options));
    cover.begin();
  }
  static FeedCoverOptions cover_options() {
    return {.database = "db",
            .policies = {"summary.revisions"},
            .bound = seconds(2),
            .tables = {{.table = "users", .tags = {vector_tag("summary", "")}},
                       {.table = "progress", .tags = {vector_tag("summary", "")}},
                       {.table = "orders", .tags = {vector_tag("summary", "{user_id}")}}}};
  }
  void prove() { cover.proved(world.now()); }
  // The feed tells of a change, of a row of that user if it is one of orders.
  void tell(const std::string& table, const std::string& user = "") {
    SourceChange change{.database = "db", .collection = "public." + table, .entity = "1"};
    if (!user.empty()) change.values = {{"user_id", user}};
    const auto told = world.run(cover.changed({change}));
    ASSERT_TRUE(told && *told);
  }
  // Its two sections are kept, and so are their revisions; nothing was asked since.
  void fill(const std::string& entity = "42") {
    core->rows[entity] = "\"c1\"";
    tail->rows[entity] = "\"t1\"";
    prove();
    ASSERT_TRUE(say(entity).starts_with("miss"));
    world.advance(milliseconds(1));
    ASSERT_TRUE(say(entity).starts_with("hit-revision"));
    revisions->asked.clear();
  }
  std::size_t asked() const { return revisions->asked.size(); }

  FeedCover cover{*engine, cover_options()};
};

TEST_F(KeptVectorTest, AHitAsksTheSourceNothing) {
  fill();
  for (int i = 0; i < 600; ++i) {
    world.advance(seconds(1));
    prove();
    world.advance(milliseconds(30));
    const SnapshotAnswer read = answer();
    EXPECT_EQ(read.state, SnapshotState::hit_revision);
    EXPECT_EQ(read.outdated_for, milliseconds(30)) << "since the last proof";
  }
  EXPECT_EQ(asked(), 0u);
  EXPECT_EQ(core->reads + tail->reads, 2u);
  EXPECT_EQ(summary->stats().vector_hits, 601u);
}

TEST_F(KeptVectorTest, AChangeOfAPartAsksAgain) {
  fill("42");
  fill("43");
  for (const std::string table : {"users", "progress"}) {
    tell(table);
    EXPECT_TRUE(say("42").starts_with("hit-revision")) << "it tells of more than there is";
    EXPECT_TRUE(say("43").starts_with("hit-revision"));
    EXPECT_EQ(asked(), 2u) << table;
    revisions->asked.clear();
  }
  revisions->change(Part{.table = "orders", .column = "user_id", .value = "42"});
  core->rows["42"] = "\"c2\"";
  tell("orders", "42");
  EXPECT_TRUE(say("43").starts_with("hit-revision"));
  EXPECT_EQ(asked(), 0u) << "another entity's rows";
  EXPECT_EQ(say("42"), R"(stale {"core":"c1","tail":"t1"})") << "one refresh runs behind it";
  EXPECT_EQ(say("42"), R"(hit-revision {"core":"c2","tail":"t1"})");
}

TEST_F(KeptVectorTest, WhatTellsNoValueAsksForAllAndOutdatesNoSection) {
  fill("42");
  fill("43");
  tell("orders");
  EXPECT_TRUE(say("42").starts_with("hit-revision"));
  EXPECT_TRUE(say("43").starts_with("hit-revision"));
  EXPECT_EQ(asked(), 2u);
  EXPECT_EQ(core->reads + tail->reads, 4u);
}

TEST_F(KeptVectorTest, WhatIsNotToldYetIsOutdatedForNoLongerThanIsSaid) {
  fill();
  prove();
  world.advance(milliseconds(40));
  revisions->change("progress");
  tail->rows["42"] = "\"t2\"";
  const SnapshotAnswer before = answer();
  EXPECT_EQ(json_of(before), R"({"core":"c1","tail":"t1"})");
  EXPECT_EQ(before.outdated_for, milliseconds(40));
  tell("progress");
  prove();
  EXPECT_EQ(say(), R"(stale {"core":"c1","tail":"t1"})");
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
}

// A question that was begun before the change, and ends after it was told of.
TEST_F(KeptVectorTest, RevisionsThatWereReadBeforeTheChangeAreNotKeptAfterIt) {
  fill();
  tell("progress");
  revisions->hold = true;
  const Read slow = begin();
  ASSERT_EQ(text(slow), "pending");
  revisions->change("progress");
  tail->rows["42"] = "\"t2\"";
  tell("progress");
  revisions->hold = false;
  revisions->release();
  world.run();
  revisions->asked.clear();
  prove();
  say();
  EXPECT_EQ(asked(), 2u) << "for the revisions, and before the build";
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t2"})");
}

TEST_F(KeptVectorTest, AFeedThatIsBehindIsDoneWithout) {
  fill();
  world.advance(seconds(3));
  for (std::size_t i = 1; i <= 3; ++i) {
    const SnapshotAnswer read = answer();
    EXPECT_EQ(read.state, SnapshotState::hit_revision);
    EXPECT_EQ(read.outdated_for, Duration::zero());
    EXPECT_EQ(asked(), i);
  }
  prove();
  say();
  EXPECT_EQ(asked(), 3u) << "nothing was told meanwhile";
}

TEST_F(KeptVectorTest, AValueThatTheSourceSpellsOtherwiseIsAskedForEachTime) {
  revisions->other_spellings = {"042"};
  core->rows["042"] = "\"c1\"";
  tail->rows["042"] = "\"t1\"";
  prove();
  EXPECT_TRUE(say("042").starts_with("miss"));
  for (int i = 0; i < 3; ++i) {
    revisions->asked.clear();
    EXPECT_TRUE(say("042").starts_with("hit-revision"));
    EXPECT_EQ(asked(), 1u);
  }
}

TEST_F(KeptVectorTest, WhereNothingOutdatedIsAllowedTheFeedsProofIsEnough) {
  SnapshotOptions options = plain_options();
  options.stale_for = {};
  follow(options);
  fill();
  world.advance(milliseconds(30));
  EXPECT_EQ(say(), R"(hit-revision {"core":"c1","tail":"t1"})");
  EXPECT_EQ(asked(), 0u);
  revisions->change("progress");
  tail->rows["42"] = "\"t2\"";
  tell("progress");
  prove();
  EXPECT_EQ(say(), R"(section {"core":"c1","tail":"t2"})");
}

TEST_F(KeptVectorTest, WhatIsPastItsTimeIsNotReliedOn) {
  follow(plain_options(), seconds(10));
  fill();
  revisions->hold = true;
  world.advance(seconds(20));
  prove();
  const Read read = begin();
  EXPECT_EQ(text(read), "pending") << "a stale answer is none";
}

TEST_F(KeptVectorTest, ARefreshBuildsAnew) {
  fill();
  const Read read = begin("42", {.refresh = true});
  EXPECT_EQ(text(read), R"(miss {"core":"c1","tail":"t1"})");
}

TEST_F(KeptVectorTest, WhatWasKeptForOtherPartsIsNotRead) {
  fill();
  const std::vector<Part> others{{.table = "users"}, {.table = "a"}, {.table = "b"}};
  auto one = Snapshot::make({.name = "summary",
                             .sections = {{.name = "tail",
                                           .policy = engine->find("summary.tail"),
                                           .source = tail,
                                           .parts = others}},
                             .vector = engine->find("summary.revisions")},
                            {*engine, world, world}, revisions);
  ASSERT_TRUE(one);
  summary = *one;
  revisions->asked.clear();
  say();
  EXPECT_THAT(revisions->asked.at(0), testing::UnorderedElementsAreArray(others));
  EXPECT_EQ(summary->stats().vector_hits, 0u);
}

}  // namespace
}  // namespace headrace
