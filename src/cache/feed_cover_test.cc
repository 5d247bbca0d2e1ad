// A feed's changes, and what they outdate; and policies whose feed is behind.
#include "headrace/feed_cover.h"

#include <gmock/gmock.h>

#include "kit/two_engines.h"

namespace headrace {
namespace {

using kit::BenchTop;
using kit::PlainStore;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class FeedCoverTest : public BenchTop {
 protected:
  FeedCoverTest() {
    source->made_of = {{.database = "db", .collection = "public.users", .fields = {"name"}}};
    source->rows = {{"1", "v1"}, {"2", "w1"}};
    define(policy_of("users", {"user:{entity}"}));
    listed->rows = {{"7", "l1"}};
    list = *engine->define(policy_of("list", {"list:{entity}"}), codec, listed);
    cover.begin();
  }

  static Policy policy_of(const std::string& name, std::vector<std::string> tags) {
    Policy policy = plain_policy();
    policy.name = name;
    policy.tags = std::move(tags);
    policy.fresh_for = seconds(1000);
    return policy;
  }
  static FeedCoverOptions plain_options() {
    return {.database = "db",
            .policies = {"users"},
            .bound = seconds(2),
            .tables = {{.table = "items", .tags = {"list:{owner}"}}}};
  }
  static SourceChange change(std::optional<std::string> entity,
                             std::string collection = "public.users",
                             std::vector<std::string> fields = {}) {
    return {.database = "db",
            .collection = std::move(collection),
            .entity = std::move(entity),
            .fields = std::move(fields)};
  }
  Result<void> tell(std::vector<SourceChange> changes) {
    auto told = world.run(cover.changed(std::move(changes)));
    if (!told) world.advance(seconds(2));
    return told.value_or(failure(Code::timed_out, "it has not ended"));
  }
  std::string read_list(std::string_view entity) {
    const Outcome outcome = catch_outcome(engine->read(list, entity));
    world.run();
    return text(outcome);
  }

  const std::shared_ptr<const ValueCodec> codec{&bytes_codec(), [](auto*) {}};
  std::shared_ptr<kit::HeldSource> listed = std::make_shared<kit::HeldSource>();
  PolicyHandle list;
  FeedCover cover{*engine, plain_options()};
};

TEST_F(FeedCoverTest, UntilTheFirstProofTheSourceAnswersAndNothingIsKept) {
  for (int i = 0; i < 2; ++i) {
    const AnyResult answer = read("1");
    EXPECT_EQ(answer->reason(), Reason::feed_behind);
    EXPECT_EQ(answer->origin(), Origin::source);
  }
  EXPECT_EQ(source->reads, 2u);
  cover.proved(world.now());
  read("1");
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  EXPECT_EQ(source->reads, 3u);
}

TEST_F(FeedCoverTest, WhatIsKeptIsAnsweredForTheBoundSinceTheProvedMoment) {
  cover.proved(world.now());
  read("1");
  world.advance(seconds(2) - milliseconds(1));
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  world.advance(milliseconds(1));
  EXPECT_FALSE(engine->peek(*users, "1"));
  EXPECT_EQ(read("1")->reason(), Reason::feed_behind);
  // It catches up: what was not told of in between still holds.
  cover.proved(world.now());
  EXPECT_EQ(read("1")->origin(), Origin::memory);
  EXPECT_EQ(source->reads, 2u);
}

TEST_F(FeedCoverTest, HowFarItHasToldIsKnownWhileItCovers) {
  EXPECT_EQ(engine->told_until(users), std::nullopt);
  EXPECT_FALSE(engine->is_covered(users));
  const Instant proved = world.now();
  cover.proved(proved);
  EXPECT_EQ(engine->told_until(users), proved);
  EXPECT_TRUE(engine->is_covered(users));
  EXPECT_EQ(engine->told_until(list), std::nullopt) << "no feed covers it";
  EXPECT_TRUE(engine->is_covered(list)) << "it hangs on none";
  world.advance(milliseconds(1999));
  EXPECT_EQ(engine->told_until(users), proved);
  world.advance(milliseconds(1));
  EXPECT_EQ(engine->told_until(users), std::nullopt) << "it is behind";
  EXPECT_FALSE(engine->is_covered(users));
  cover.proved(world.now());
  EXPECT_NE(engine->told_until(users), std::nullopt);
  cover.uncover();
  EXPECT_EQ(engine->told_until(users), std::nullopt);
}

TEST_F(FeedCoverTest, OtherPoliciesAreNotHeldUp) {
  EXPECT_EQ(read_list("7"), "l1");
  EXPECT_EQ(read_list("7"), "l1");
  EXPECT_EQ(listed->reads, 1u);
}

TEST_F(FeedCoverTest, WhereItsOwnBoundIsChosenNobodyIsHeldUp) {
  FeedCoverOptions options = plain_options();
  options.when_behind = FeedCoverOptions::Behind::own_bound;
  cover.uncover();
  FeedCover other(*engine, options);
  other.begin();
  read("1");
  world.advance(seconds(100));
  EXPECT_EQ(read("1")->origin(), Origin::memory);
}

TEST_F(FeedCoverTest, AChangeOutdatesTheEntityAndItsTags) {
  EXPECT_THAT(engine->outdated_by({change("1")}).tags, ElementsAre("user:1"));
  cover.proved(world.now());
  read("1");
  read("2");
  source->rows["1"] = "v2";
  ASSERT_TRUE(tell({change("1")}));
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read("2")->origin(), Origin::memory);
}

TEST_F(FeedCoverTest, OnlyFieldsThatAreReadMatter) {
  EXPECT_TRUE(engine->outdated_by({change("1", "public.users", {"email"})}).is_empty());
  EXPECT_FALSE(engine->outdated_by({change("1", "public.users", {"email", "name"})}).is_empty());
  EXPECT_TRUE(engine->outdated_by({change("1", "public.orders")}).is_empty());
  SourceChange elsewhere = change("1");
  elsewhere.database = "another";
  EXPECT_TRUE(engine->outdated_by({elsewhere}).is_empty());
}

TEST_F(FeedCoverTest, AChangeOfNobodyKnowsWhichOutdatesThePolicy) {
  const Invalidation what = engine->outdated_by({change("1"), change(std::nullopt)});
  EXPECT_THAT(what.policies, ElementsAre("users"));
  EXPECT_THAT(what.keys, IsEmpty());
}

TEST_F(FeedCoverTest, TagsAreOfTheValuesBeforeAndAfter) {
  EXPECT_EQ(read_list("7"), "l1");
  listed->rows["7"] = "l2";
  SourceChange moved = change("5", "public.items");
  moved.values = {{"owner", "7"}, {"owner", "8"}, {"other", "9"}};
  ASSERT_TRUE(tell({moved}));
  EXPECT_EQ(read_list("7"), "l2");
}

TEST_F(FeedCoverTest, WithoutAValueAllThatHasTagsIsOutdated) {
  EXPECT_EQ(read_list("7"), "l1");
  listed->rows["7"] = "l2";
  ASSERT_TRUE(tell({change(std::nullopt, "shop.items")}));
  EXPECT_EQ(read_list("7"), "l2");
}

TEST_F(FeedCoverTest, WithoutAValuePoliciesOfOtherTagsStayAsTheyAre) {
  cover.proved(world.now());
  read("1");
  EXPECT_EQ(read_list("7"), "l1");
  ASSERT_TRUE(tell({change(std::nullopt, "shop.items")}));
  EXPECT_EQ(read("1")->origin(), Origin::memory) << "user:{entity} is no list:{owner}";
}

TEST_F(FeedCoverTest, ATagMayNameTheKey) {
  FeedCoverOptions options = plain_options();
  options.tables = {{.table = "items", .tags = {"list:{__name__}"}}};
  FeedCover other(*engine, options);
  for (const std::string entity : {"8", "7"}) {
    EXPECT_EQ(read_list("7"), "l1");
    listed->rows["7"] = "l2";
    const auto told = world.run(other.changed({change(entity, "shop.items")}));
    ASSERT_TRUE(told && *told);
    EXPECT_EQ(read_list("7"), entity == "7" ? "l2" : "l1");
    listed->rows["7"] = "l1";
  }
}

TEST_F(FeedCoverTest, ATableIsNamedAsInSql) {
  for (const std::string name : {"Items", "shop.ITEMS", "\"items\"", "\"shop\".items"}) {
    FeedCoverOptions options = plain_options();
    options.tables[0].table = name;
    FeedCover other(*engine, options);
    EXPECT_NE(read_list("7"), "") << name;
    listed->rows["7"] = "now " + name;
    SourceChange moved = change("5", "shop.items");
    moved.values = {{"owner", "7"}};
    const auto told = world.run(other.changed({moved}));
    ASSERT_TRUE(told && *told);
    EXPECT_EQ(read_list("7"), "now " + name);
  }
}

TEST_F(FeedCoverTest, WhatCannotBeATagOutdatesAllThatHasTags) {
  FeedCoverOptions options = plain_options();
  options.tables[0].tags = {"{owner}"};
  FeedCover other(*engine, options);
  for (const std::size_t size : {0uz, 2000uz}) {
    const std::string owner(size, 'x');
    EXPECT_NE(read_list("7"), "");
    listed->rows["7"] = "after " + std::to_string(owner.size());
    SourceChange moved = change("5", "public.items");
    moved.values = {{"owner", owner}};
    const auto told = world.run(other.changed({moved}));
    ASSERT_TRUE(told && *told) << owner.size();
    EXPECT_EQ(read_list("7"), "after " + std::to_string(owner.size()));
  }
}

TEST_F(FeedCoverTest, ManyTagsGoInParts) {
  std::vector<SourceChange> many;
  for (int i = 0; i < 12000; ++i) {
    many.push_back(change(std::to_string(i), "public.items"));
    many.back().values = {{"owner", std::to_string(i)}};
  }
  EXPECT_EQ(read_list("7"), "l1");
  listed->rows["7"] = "l2";
  ASSERT_TRUE(tell(many));
  EXPECT_EQ(read_list("7"), "l2");
}

TEST_F(FeedCoverTest, WhatIsLostOutdatesAllOfTheDatabase) {
  cover.proved(world.now());
  read("1");
  EXPECT_EQ(read_list("7"), "l1");
  source->rows["1"] = "v2";
  listed->rows["7"] = "l2";
  const auto lost = world.run(cover.lost("db"));
  ASSERT_TRUE(lost && *lost);
  EXPECT_EQ(text(read("1")), "v2");
  EXPECT_EQ(read_list("7"), "l2");
}

TEST_F(FeedCoverTest, WhatTheStoreHasNotConfirmedIsNotAcknowledged) {
  cover.proved(world.now());
  read("1");
  store.mood = PlainStore::Mood::failing;
  EXPECT_FALSE(tell({change("1")}));
  store.mood = PlainStore::Mood::well;
  world.advance(seconds(1));
  EXPECT_TRUE(tell({change("1")}));
}

TEST_F(FeedCoverTest, ManyKeysGoInParts) {
  std::vector<SourceChange> many;
  for (int i = 0; i < 2500; ++i) many.push_back(change(std::to_string(i)));
  cover.proved(world.now());
  read("1");
  source->rows["1"] = "v2";
  ASSERT_TRUE(tell(many));
  cover.proved(world.now());
  EXPECT_EQ(text(read("1")), "v2");
}

// Two engines, of which the first is told by the feed and the second proves for itself.
class FeedHeardTest : public kit::TwoEngines {
 protected:
  FeedHeardTest() {
    cover.begin();
    prove_for(seconds(2));
    fill_both();  // The source has v2 since, and nobody has told of it.
  }
  // As long as that the feed goes on to prove.
  void prove_for(Duration time) {
    for (Duration passed{0}; passed < time; passed += milliseconds(100)) {
      world.advance(milliseconds(100));
      cover.proved(world.now());
    }
  }

  FeedCover cover{*second, {.database = "db", .policies = {"users"}, .bound = seconds(1)}};
};

TEST_F(FeedHeardTest, AfterItWasBehindAProofCountsOnceWhatWasToldMeanwhileIsHeard) {
  world.advance(seconds(5));  // It is behind: nothing is told, and nothing proved.
  second_bus.deaf = true;
  EXPECT_EQ(**invalidate(key("1")), Held::soon);
  cover.proved(world.now());  // All is acknowledged, and not heard here.
  const AnyResult answer = second_reads("1");
  EXPECT_EQ(text(answer), "v2");
  EXPECT_EQ(answer->reason(), Reason::feed_behind);
}

TEST_F(FeedHeardTest, OnceABusBoundHasPassedMemoryAnswersAgain) {
  world.advance(seconds(5));
  invalidate(key("1"));
  cover.proved(world.now());
  prove_for(milliseconds(900));
  EXPECT_EQ(second_reads("1")->reason(), Reason::feed_behind);
  prove_for(milliseconds(200));
  second_reads("1");
  EXPECT_EQ(second_reads("1")->origin(), Origin::memory);
}

// What is answered from memory held when what is heard by now was proved, and not later.
TEST_F(FeedHeardTest, HowFarItHasToldIsHowFarThisOneHasHeard) {
  prove_for(seconds(3));
  second_bus.deaf = true;
  const Instant changed = world.now();
  EXPECT_EQ(**invalidate(key("1")), Held::soon);
  for (int i = 0; i < 9; ++i) {
    prove_for(milliseconds(100));
    ASSERT_EQ(text(second_reads("1")), "v1");
    const auto told = second->told_until(second_users);
    ASSERT_TRUE(told);
    EXPECT_LE(*told, changed);
    EXPECT_GE(*told, changed - seconds(2)) << "two bus bounds at most";
  }
}

// Who is late again in between begins anew.
TEST_F(FeedHeardTest, ProofsThatCeaseMeanwhileDoNotCount) {
  world.advance(seconds(5));
  cover.proved(world.now());
  world.advance(seconds(2));
  cover.proved(world.now());
  EXPECT_EQ(second_reads("1")->reason(), Reason::feed_behind);
}

}  // namespace
}  // namespace headrace
