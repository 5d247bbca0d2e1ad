// Writes through the engine: what they outdate, and the races that they must win.
#include "cache/late_fill_fixture.h"

namespace headrace {
namespace {

using kit::BenchTop;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

Dependency reads_of(std::vector<std::string> fields, bool of_entity = true,
                    std::string collection = "people") {
  return {.database = "test database",
          .collection = std::move(collection),
          .fields = std::move(fields),
          .of_entity = of_entity};
}

class WriteTest : public BenchTop {
 protected:
  WriteTest() {
    source->made_of = {reads_of({"name", "id"})};
    source->rows = {{"1", "v1"}, {"2", "w1"}};
    define(writable_policy());
  }

  static Policy writable_policy() {
    Policy policy = plain_policy();
    policy.writable = {"name", "email"};
    policy.removable = true;
    policy.absent_for = seconds(10);
    return policy;
  }

  // Another policy over the same rows, by a source that says what it reads.
  PolicyHandle other(const std::string& name, Dependency reads) {
    auto made = std::make_shared<kit::HeldSource>();
    made->rows = source->rows;
    made->made_of = {std::move(reads)};
    others[name] = made;
    Policy policy = plain_policy();
    policy.name = name;
    policy.tags = {};
    auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
    return *engine->define(std::move(policy), codec, made);
  }
  std::string read_of(const PolicyHandle& policy, std::string_view entity) {
    const Outcome outcome = catch_outcome(engine->read(policy, entity));
    world.run();
    return text(outcome);
  }

  static Write change(std::string entity, std::string value, std::string field = "name") {
    Write write{.entity = std::move(entity)};
    write.fields.emplace_back(std::move(field), std::move(value));
    return write;
  }
  using Ended = std::shared_ptr<std::optional<Result<WriteOutcome>>>;
  Ended begin(Write write) {
    auto ended = std::make_shared<std::optional<Result<WriteOutcome>>>();
    start(engine->write(users, std::move(write)),
          [ended](Result<WriteOutcome> outcome) { ended->emplace(std::move(outcome)); });
    world.run();
    return ended;
  }
  Result<WriteOutcome> write(Write what) {
    const Ended ended = begin(std::move(what));
    if (!*ended) return failure(Code::cancelled, "the write has not ended");
    return **ended;
  }
  static std::string fault_of(const Result<WriteOutcome>& outcome) {
    return outcome ? "none"
                   : std::string(name_of(outcome.error().code)) + ": " + outcome.error().what;
  }

  std::map<std::string, std::shared_ptr<kit::HeldSource>> others;
};

TEST_F(WriteTest, AReadAfterAWriteHasTheNewValue) {
  EXPECT_EQ(text(read("1")), "v1");
  const auto outcome = write(change("1", "v2"));
  ASSERT_TRUE(outcome.has_value()) << fault_of(outcome);
  EXPECT_TRUE(outcome->found);
  EXPECT_EQ(outcome->revision, "r2");
  EXPECT_EQ(outcome->held, Held::everywhere);
  EXPECT_EQ(text(read("1")), "v2");
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteTest, OnlyWhatThePolicyNamesMayBeWritten) {
  Write two = change("1", "v2");
  two.fields.emplace_back("role", "\"root\"");
  EXPECT_EQ(fault_of(write(two)),
            "not-allowed: policy \"users\" does not allow writing \"role\"; its writable fields "
            "are \"name\", \"email\"");
  EXPECT_EQ(source->rows["1"], "v1");
  EXPECT_THAT(fault_of(write({.entity = "1"})), HasSubstr("names no fields"));
  two.fields.back() = {"name", "again"};
  EXPECT_EQ(fault_of(write(two)), "invalid-argument: name: is named twice");
  EXPECT_THAT(fault_of(write(change(std::string(1025, 'x'), "v"))), HasSubstr("too-large"));

  Policy closed = writable_policy();
  closed.writable = {};
  closed.removable = false;
  define(closed);
  EXPECT_THAT(fault_of(write(change("1", "v2"))),
              HasSubstr("not-allowed: policy \"users\" cannot"));
  EXPECT_THAT(fault_of(write({.entity = "1", .mode = Write::Mode::remove})),
              HasSubstr("does not allow removing"));
  EXPECT_EQ(source->rows.size(), 2u);
}

TEST_F(WriteTest, ATagThatCouldNotBeInvalidatedIsRefusedBeforeAnythingChanges) {
  Policy policy = writable_policy();
  policy.tags = {"{entity}{entity}"};
  define(policy);
  const std::string entity(900, 'x');
  source->rows[entity] = "v1";
  EXPECT_THAT(fault_of(write(change(entity, "v2"))), HasSubstr("too-large"));
  EXPECT_EQ(source->rows[entity], "v1");
}

TEST_F(WriteTest, EveryPolicyThatReadsWhatChangedIsOutdated) {
  const auto profile = other("profile", reads_of({"NAME"}));
  const auto query = other("query", reads_of({"name"}, false));
  const auto score = other("score", reads_of({"score"}));
  const auto orders = other("orders", reads_of({"name"}, true, "orders"));
  const auto all = other("all", reads_of({}));
  for (const auto& policy : {profile, query, score, orders, all}) {
    EXPECT_EQ(read_of(policy, "1"), "v1");
    EXPECT_EQ(read_of(policy, "2"), "w1");
  }
  for (const auto& [name, behind] : others) behind->rows = {{"1", "v2"}, {"2", "w2"}};
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  // Of one entity, where the source can tell; else all of the policy.
  EXPECT_EQ(read_of(profile, "1"), "v2");
  EXPECT_EQ(read_of(profile, "2"), "w1");
  EXPECT_EQ(read_of(query, "1"), "v2");
  EXPECT_EQ(read_of(query, "2"), "w2");
  EXPECT_EQ(read_of(all, "1"), "v2");
  EXPECT_EQ(read_of(all, "2"), "w1");
  // Fields and collections that did not change stay.
  EXPECT_EQ(read_of(score, "1"), "v1");
  EXPECT_EQ(read_of(orders, "1"), "v1");
}

TEST_F(WriteTest, WhoComesOrGoesOutdatesEveryField) {
  const auto score = other("score", reads_of({"score"}));
  const auto count = other("count", reads_of({"other"}, false));
  for (const auto mode : {Write::Mode::upsert, Write::Mode::remove}) {
    for (const auto& [name, behind] : others) behind->rows["1"] = "old";
    const auto held = std::vector<PolicyHandle>{score, count};
    Invalidation both;
    both.policies = {"score", "count"};
    ASSERT_TRUE(invalidate(both)->has_value());
    for (const auto& policy : held) EXPECT_EQ(read_of(policy, "1"), "old");
    for (const auto& [name, behind] : others) behind->rows["1"] = "new";
    Write change{.entity = "1", .mode = mode};
    if (mode == Write::Mode::upsert) change.fields.emplace_back("name", "v2");
    ASSERT_TRUE(write(change).has_value());
    for (const auto& policy : held) EXPECT_EQ(read_of(policy, "1"), "new");
  }
  EXPECT_EQ(text(read("1")), "absent");
  for (const PolicyStats& one : engine->stats().policies) {
    EXPECT_EQ(one.source_writes, one.policy == "users" ? 1u : 0u);
    EXPECT_EQ(one.source_deletes, one.policy == "users" ? 1u : 0u);
    EXPECT_EQ(one.collection, "people");
  }
}

TEST_F(WriteTest, AnotherWayToNameRowsOutdatesThemAll) {
  // Written by e-mail, read by number: the engine cannot know which number it was.
  source->made_of = {reads_of({"name", "email"}, false)};
  define(writable_policy());
  const auto by_number = other("by_number", reads_of({"name", "id"}));
  EXPECT_EQ(read_of(by_number, "2"), "w1");
  others["by_number"]->rows["2"] = "w2";
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  EXPECT_EQ(read_of(by_number, "2"), "w2");
}

TEST_F(WriteTest, WhatTheSourceSaysThatChangedBesides) {
  const auto audit = other("audit", reads_of({"text"}, true, "audit"));
  EXPECT_EQ(read_of(audit, "2"), "w1");
  others["audit"]->rows["2"] = "w2";
  source->also_changes = {reads_of({"name"}), reads_of({}, false, "audit")};
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  EXPECT_EQ(read_of(audit, "2"), "w2");
}

TEST_F(WriteTest, TagsOfTheEntityGoToo) {
  Policy tagged = plain_policy();
  tagged.name = "tagged";
  auto behind = std::make_shared<kit::HeldSource>();
  behind->rows = {{"1", "v1"}};
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  const PolicyHandle policy = *engine->define(tagged, codec, behind);
  EXPECT_EQ(read_of(policy, "1"), "v1");
  behind->rows["1"] = "v2";
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  EXPECT_EQ(read_of(policy, "1"), "v2");
}

TEST_F(WriteTest, AWriteOfNothingStillForgetsWhatWasKeptOfIt) {
  const auto query = other("query", reads_of({"name"}, false));
  EXPECT_EQ(read_of(query, "2"), "w1");
  EXPECT_EQ(text(read("1")), "v1");
  source->rows.erase("1");  // By somebody who did not say so.
  others["query"]->rows["2"] = "w2";
  const auto outcome = write(change("1", "v2"));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_FALSE(outcome->found);
  EXPECT_EQ(text(read("1")), "absent");
  EXPECT_EQ(read_of(query, "2"), "w1");  // Nothing changed: whole policies stay.
}

TEST_F(WriteTest, AnOutcomeThatNobodyKnowsOutdatesAsWell) {
  for (const Code code :
       {Code::timed_out, Code::source_unavailable, Code::cancelled, Code::source_failed}) {
    source->rows["1"] = "old";
    ASSERT_TRUE(invalidate(key("1"))->has_value());
    EXPECT_EQ(text(read("1")), "old");
    source->write_fault = Error{code, "lost"};
    EXPECT_EQ(fault_of(write(change("1", "new"))), std::string(name_of(code)) + ": lost");
    EXPECT_EQ(text(read("1")), "new");
  }
  source->rows["1"] = "unseen";
  source->write_fault = Error{Code::invalid_argument, "name: is wrong"};
  EXPECT_EQ(fault_of(write(change("1", "x"))), "invalid-argument: name: is wrong");
  EXPECT_EQ(text(read("1")), "new");  // Nothing changed, the source says: nothing was voided.
}

TEST_F(WriteTest, AWriteThatIsMadeAfterItsDeadlineOutdatesWhenItEnds) {
  source->hold_writes = true;
  const Ended ended = begin(change("1", "v2"));
  world.advance(seconds(10));  // load_within
  ASSERT_TRUE(ended->has_value());
  EXPECT_THAT(fault_of(**ended), HasSubstr("timed-out"));
  EXPECT_EQ(text(read("1")), "v1");  // Kept again, for the write is not made yet.
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  source->release_writes();
  world.run();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteTest, ALoadThatReadTheOldValueIsNotServedAfterTheWrite) {
  for (const bool after_commit : {false, true}) {
    source->rows["1"] = "v1";
    ASSERT_TRUE(invalidate(key("1"))->has_value());
    source->hold = true;
    const Outcome early = ask("1");  // Reads v1, and is held.
    world.run();
    ASSERT_EQ(source->held(), 1u);
    source->hold = false;
    source->hold_writes = !after_commit;
    source->hold_after = after_commit;
    const Ended ended = begin(change("1", "v2"));
    ASSERT_EQ(source->held_writes(), 1u);
    source->hold_writes = source->hold_after = false;
    source->release_writes();
    world.run();
    ASSERT_TRUE(ended->has_value() && (*ended)->has_value());
    const Outcome during = ask("1");
    world.run();
    EXPECT_EQ(text(during), "v2");
    source->release();
    world.run();
    EXPECT_EQ(text(early), "v1");  // It began before the write ended.
    EXPECT_EQ(text(read("1")), "v2");
  }
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteTest, ALateLoadOfAnotherPolicyIsFencedToo) {
  const auto query = other("query", reads_of({"name"}, false));
  auto& behind = *others["query"];
  behind.hold = true;
  const Outcome early = catch_outcome(engine->read(query, "all"));
  behind.rows["all"] = "new";
  world.run();
  behind.hold = false;
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  behind.release();
  world.run();
  EXPECT_EQ(text(early), "absent");
  EXPECT_EQ(read_of(query, "all"), "new");
}

TEST_F(WriteTest, PendingIsSaidIfTheStoreDoesNotConfirm) {
  EXPECT_EQ(text(read("1")), "v1");
  store.mood = kit::PlainStore::Mood::failing;
  const auto outcome = write(change("1", "v2"));
  ASSERT_TRUE(outcome.has_value()) << fault_of(outcome);
  EXPECT_EQ(outcome->held, Held::pending);
  EXPECT_EQ(text(read("1")), "v2");
  store.mood = kit::PlainStore::Mood::well;
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteTest, APolicyIsOnlyWritableWhereItsSourceIs) {
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  const auto defined = engine->define(writable_policy(), codec, nullptr);
  ASSERT_FALSE(defined.has_value());
  EXPECT_THAT(defined.error().what, HasSubstr("writable: its source cannot be written to"));
}

// The store is kept in the source's database: what a write outdates there goes along with it.
class WriteAlong : public WriteTest {
 protected:
  WriteAlong() {
    store.database = source->database = "test database";
    source->make_along = [this](const std::vector<std::string>& changes) { store.make(changes); };
    world.run();
    store.asked_to_void = 0;
  }
  // The write is made, and before the engine hears of it another one has its place.
  void write_and_die(Write write) {
    source->hold_after = true;
    (void)begin(std::move(write));
    EXPECT_EQ(source->held_writes(), 1u);
    source->hold_after = false;
    dead = std::exchange(engine, nullptr);
    make_engine();
    define(writable_policy());
  }
  void TearDown() override {
    let_go();
    if (dead) start(dead->close(), [] {});
    let_go();
    if (dead) EXPECT_THAT(dead->audit(), testing::IsEmpty());
    WriteTest::TearDown();
  }
  // Of the policy that is written to, another by the same key, and a query.
  std::string read_of_all() {
    return text(read("1")) + " " + read_of(other("profile", reads_of({"name"})), "1") + " " +
           read_of(other("query", reads_of({"name"}, false)), "1");
  }
  std::size_t went_along() const { return source->wrote.back().along.size(); }

  std::unique_ptr<Engine> dead;
};

TEST_F(WriteAlong, WhoDiesBehindTheCommitLeavesNothingOldInTheStore) {
  EXPECT_EQ(read_of_all(), "v1 v1 v1");
  write_and_die(change("1", "v2"));
  EXPECT_EQ(read_of_all(), "v2 v2 v2");
}

// What it is for.
TEST_F(WriteAlong, InAnotherDatabaseSomethingOldStays) {
  source->database = "another database";
  EXPECT_EQ(read_of_all(), "v1 v1 v1");
  write_and_die(change("1", "v2"));
  EXPECT_EQ(read_of_all(), "v1 v1 v1");
}

TEST_F(WriteAlong, AFillUnderWayKeepsNothingInTheStoreBehindTheCommit) {
  source->hold = true;
  const Outcome early = ask("1");  // Reads v1, and is held.
  world.run();
  ASSERT_EQ(source->held(), 1u);
  source->hold = false;
  write_and_die(change("1", "v2"));
  source->release();
  world.run();
  EXPECT_NE(text(early), "pending");
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteAlong, TheStoreIsNotAskedAgain) {
  const auto query = other("query", reads_of({"name"}, false));
  EXPECT_EQ(text(read("1")) + read_of(query, "1"), "v1v1");
  others["query"]->rows["1"] = "v2";
  store.fails_invalidations = true;
  const auto outcome = write(change("1", "v2"));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(outcome->held, Held::everywhere);
  EXPECT_EQ(went_along(), 3u);  // The key, its tag, and the query's watermark.
  EXPECT_EQ(store.asked_to_void, 0u);
  EXPECT_EQ(text(read("1")) + read_of(query, "1"), "v2v2");
  for (const PolicyStats& one : engine->stats().policies) EXPECT_EQ(one.invalidations, 1u);
}

TEST_F(WriteAlong, WhatOnlyTheOutcomeTellsIsVoidedAfterwards) {
  source->also_changes = {reads_of({"name"}), reads_of({}, false, "audit")};
  for (const bool fails : {false, true}) {
    ASSERT_TRUE(invalidate(everything())->has_value());
    source->rows["2"] = "w1";
    const auto audit = other("audit", reads_of({"text"}, true, "audit"));
    EXPECT_EQ(read_of(audit, "2"), "w1");
    others["audit"]->rows["2"] = "w2";
    store.fails_invalidations = fails;
    store.asked_to_void = 0;
    const auto outcome = write(change("1", "v2"));
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->held, fails ? Held::pending : Held::everywhere);
    EXPECT_EQ(store.asked_to_void, 1u);  // For the one watermark.
    EXPECT_EQ(read_of(audit, "2"), "w2");
    store.fails_invalidations = false;
    world.advance(seconds(2));
    EXPECT_EQ(engine->stats().invalidations_pending, 0u);
    // In the store too.
    ASSERT_TRUE(close());
    make_engine();
    define(writable_policy());
    source->rows["2"] = "w3";
    EXPECT_NE(read_of(other("audit", reads_of({"text"}, true, "audit")), "2"), "w1");
  }
}

TEST_F(WriteAlong, WhatIsNotKnownToBeMadeIsVoidedAfterwards) {
  source->make_along = [](const std::vector<std::string>&) {};
  for (const Code code : {Code::timed_out, Code::source_unavailable}) {
    source->rows["1"] = "old";
    ASSERT_TRUE(invalidate(key("1"))->has_value());
    EXPECT_EQ(text(read("1")), "old");
    source->write_fault = Error{code, "lost"};
    store.asked_to_void = 0;
    EXPECT_FALSE(write(change("1", "new")).has_value());
    EXPECT_EQ(went_along(), 2u);
    EXPECT_EQ(store.asked_to_void, 2u);
    EXPECT_EQ(text(read("1")), "new");
  }
  // The source says that it was made, and not what went along.
  source->write_fault.reset();
  source->make_along = {};
  store.asked_to_void = 0;
  ASSERT_TRUE(write(change("1", "newer")).has_value());
  EXPECT_EQ(went_along(), 2u);
  EXPECT_EQ(store.asked_to_void, 2u);
  ASSERT_TRUE(close());
  make_engine();
  EXPECT_EQ(text(read("1")), "newer");
}

TEST_F(WriteAlong, AWriteThatIsMadeAfterItsDeadlineVoidsWithItsCommit) {
  source->hold_writes = true;
  const Ended ended = begin(change("1", "v2"));
  world.advance(seconds(10));  // load_within
  ASSERT_TRUE(ended->has_value());
  EXPECT_EQ(store.asked_to_void, 2u);  // Nobody knew.
  EXPECT_EQ(text(read("1")), "v1");
  source->release_writes();
  world.run();
  EXPECT_EQ(store.asked_to_void, 2u);
  EXPECT_EQ(text(read("1")), "v2");
}

TEST_F(WriteAlong, WhatCannotGoAlongIsVoidedAsElsewhere) {
  const auto went_along_of = [this] {
    store.asked_to_void = 0;
    EXPECT_EQ(text(read("1")), source->rows["1"]);
    EXPECT_TRUE(write(change("1", source->rows["1"] + "+")).has_value());
    EXPECT_EQ(text(read("1")), source->rows["1"]);
    return went_along();
  };
  EXPECT_EQ(went_along_of(), 2u);
  source->most_along = 1;
  EXPECT_EQ(went_along_of(), 0u);
  EXPECT_EQ(store.asked_to_void, 2u);
  source->most_along = 2;
  source->shows_late = true;  // A floor is to be raised, under the revision of the change.
  EXPECT_EQ(went_along_of(), 0u);
  EXPECT_EQ(store.floors(), 1u);
  source->shows_late = false;
  store.database = source->database = "";
  EXPECT_EQ(went_along_of(), 0u);
}

TEST_F(WriteAlong, TheMarkerOfWhatIsCriticalIsLeftAllTheSame) {
  Policy critical = plain_policy();
  critical.name = "roles";
  critical.tags = {};
  critical.level = Level::critical;
  auto behind = std::make_shared<kit::HeldSource>();
  behind->made_of = {reads_of({"name"})};
  auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  ASSERT_TRUE(engine->define(critical, codec, behind).has_value());
  ASSERT_TRUE(write(change("1", "v2")).has_value());
  EXPECT_EQ(went_along(), 2u);
  EXPECT_EQ(store.guards(), 1u);
}

TEST_F(WriteAlong, AGuardStandsAroundItAsEver) {
  Policy policy = writable_policy();
  policy.level = Level::linearizable;
  define(policy);
  world.run();
  store.asked_to_void = 0;
  source->hold_after = true;
  const Ended ended = begin(change("1", "v2"));
  EXPECT_EQ(store.guards(), 1u);
  EXPECT_EQ(went_along(), 2u);
  source->hold_after = false;
  source->release_writes();
  world.run();
  ASSERT_TRUE(ended->has_value() && (*ended)->has_value());
  EXPECT_EQ(store.guards(), 0u);
  EXPECT_EQ(store.asked_to_void, 2u);  // At the end of the guard.
  EXPECT_EQ(text(read("1")), "v2");
}

}  // namespace
}  // namespace headrace
