// Views over an engine: which fragments make an answer, what it says of itself, and what goes
// wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "merge/view_fixture.h"

namespace headrace {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(ViewTest, ScopesAreLaidOverEachOtherByRank) {
  members->rows["ann"] = R"({"domain":"d7"})";
  fragments->rows["public/theme"] = R"({"color":"grey","font":{"size":1.10,"face":"serif"}})";
  fragments->rows["domain/d7/theme"] = R"({"color":"blue","font":{"face":"sans"}})";
  fragments->rows["user/ann/theme"] = R"({"font":{"size":2}})";
  const auto answer = read_one(user("ann"), "theme");
  EXPECT_EQ(text_of(answer), R"({"color":"blue","font":{"size":2,"face":"sans"}})");
  EXPECT_THAT(scopes_of(answer), ElementsAre("public", "domain", "user"));
}

TEST_F(ViewTest, WhatIsMissingIsInheritedAndNullIsNot) {
  members->rows["ann"] = R"({"domain":"d7"})";
  fragments->rows["public/a"] = R"({"x":1,"y":2})";
  fragments->rows["user/ann/a"] = R"({"y":null})";
  const auto answer = read_one(user("ann"), "a");
  EXPECT_EQ(text_of(answer), R"({"x":1,"y":null})");
  EXPECT_THAT(scopes_of(answer), ElementsAre("public", "user"));
  fragments->rows["public/b"] = R"({"x":1})";
  fragments->next_answers["user/ann/b"].push_back({.kind = Kind::null});
  EXPECT_EQ(text_for(user("ann"), "b"), "null") << "a fragment that is null is one";
}

TEST_F(ViewTest, WithoutAnyFragmentTheNameIsUnknown) {
  const auto answer = read_one(user("ann"), "nothing");
  EXPECT_EQ(text_of(answer), "unknown");
  EXPECT_THAT(answer->contributions, IsEmpty());
  EXPECT_TRUE(answer->weakest) << "that there is nothing was read";
  fragments->rows["public/empty"] = "{}";
  EXPECT_EQ(text_for({}, "empty"), "unknown") << "{} contributes nothing";
}

TEST_F(ViewTest, OfEqualRanksTheLaterDeclaredWins) {
  MergedViewOptions options{.name = "v"};
  for (const std::string name : {"a", "b", "c"}) {
    options.scopes.push_back(
        {.name = name, .rank = 5, .policy = "fragments", .entity = name + "/{name}"});
    fragments->rows[name + "/x"] = R"({"last":")" + name + R"(","of )" + name + R"(":1})";
  }
  options.scopes.front().rank = 6;
  make_view(options);
  const auto answer = read_one({}, "x");
  EXPECT_EQ(text_of(answer), R"({"last":"a","of b":1,"of c":1,"of a":1})");
  EXPECT_THAT(scopes_of(answer), ElementsAre("b", "c", "a"));
}

TEST_F(ViewTest, SettingsChangeTheRank) {
  members->rows["ann"] = R"({"domain":"d7"})";
  fragments->rows["public/a"] = "1";
  fragments->rows["domain/d7/a"] = "2";
  fragments->rows["user/ann/a"] = "3";
  EXPECT_EQ(text_for(user("ann"), "a"), "3");
  edit("scopes", "domain/d7", R"({"rank":25})");
  EXPECT_EQ(text_for(user("ann"), "a"), "2");
  EXPECT_THAT(scopes_of(read_one(user("ann"), "a")), ElementsAre("public", "user", "domain"));
  edit("scopes", "domain/d7", R"({"rank":-1})");
  EXPECT_THAT(scopes_of(read_one(user("ann"), "a")), ElementsAre("domain", "public", "user"));
}

TEST_F(ViewTest, OnlyAllowedNamesContributeAndOnlyTheyAreAskedFor) {
  scopes->rows["public"] = R"({"allow":["a"]})";
  fragments->rows["public/a"] = "1";
  fragments->rows["public/b"] = "2";
  EXPECT_EQ(text_for({}, "a"), "1");
  EXPECT_EQ(text_for({}, "b"), "unknown");
  EXPECT_THAT(asked(*fragments), ElementsAre("public/a"));
}

TEST_F(ViewTest, EachOfSeveralDomainsContributesWithItsOwnSettings) {
  members->rows["ann"] = R"({"domain":["d1","d2","d3"]})";
  for (const std::string domain : {"d1", "d2", "d3"}) {
    fragments->rows["domain/" + domain + "/a"] = R"({"last":")" + domain + R"("})";
  }
  EXPECT_EQ(text_for(user("ann"), "a"), R"({"last":"d3"})");
  edit("scopes", "domain/d1", R"({"rank":11})");
  EXPECT_EQ(text_for(user("ann"), "a"), R"({"last":"d1"})");
  edit("scopes", "domain/d1", R"({"rank":11,"allow":[]})");
  const auto answer = read_one(user("ann"), "a");
  EXPECT_EQ(text_of(answer), R"({"last":"d3"})");
  EXPECT_THAT(scopes_of(answer), ElementsAre("domain", "domain"));
}

TEST_F(ViewTest, TooManyDomainsAreRefusedAndNoneIsLeftOut) {
  std::string list;
  for (std::size_t i = 0; i + 2 < merged_layers_max; ++i) {
    list += (i == 0 ? "\"d" : ",\"d") + std::to_string(i) + "\"";
  }
  members->rows["ann"] = R"({"domain":[)" + list + "]}";
  members->rows["bob"] = R"({"domain":["one more",)" + list + "]}";
  fragments->rows["public/a"] = "1";
  EXPECT_EQ(text_for(user("ann"), "a"), "1");
  const Read refused = read_all(user("bob"), {"a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_THAT(refused.error().what, HasSubstr("merged_layers_max = 64"));
}

TEST_F(ViewTest, AFragmentMayStandInAMember) {
  make_view({.name = "v",
             .scopes = {{.name = "low", .policy = "fragments", .entity = "{name}", .field = "json"},
                        {.name = "high",
                         .rank = 1,
                         .policy = "fragments",
                         .entity = "high/{name}",
                         .field = "json"}}});
  fragments->rows["a"] = R"({"json":"{\"x\":{\"y\":1.10}}"})";
  fragments->rows["high/a"] = R"({"json":{"x":{"z":2}}})";
  EXPECT_EQ(text_for({}, "a"), R"({"x":{"y":1.10,"z":2}})");
  fragments->rows["b"] = R"({"json":null})";
  EXPECT_EQ(text_for({}, "b"), "unknown");
  fragments->rows["c"] = R"({"json":"no json"})";
  EXPECT_THAT(text_for({}, "c"), HasSubstr("scope \"low\" (policy \"fragments\"): not JSON"));
}

TEST_F(ViewTest, BatchesKeepOrderAndDuplicates) {
  fragments->rows["public/a"] = "1";
  fragments->rows["public/b"] = "2";
  const Read read = read_all({}, {"b", "nothing", "a", "b"});
  ASSERT_TRUE(read);
  Names texts;
  for (const auto& answer : *read) texts.push_back(text_of(answer));
  EXPECT_THAT(texts, ElementsAre("2", "unknown", "1", "2"));
  EXPECT_THAT(read_all({}, {}).value(), IsEmpty());
}

TEST_F(ViewTest, BatchesShareBatchesOfTheSource) {
  for (const auto& each : {fragments, scopes, members}) each->batches_max = 100;
  define_all(*engine, std::chrono::milliseconds(1));
  members->rows["ann"] = R"({"domain":["d1","d2"]})";
  ASSERT_TRUE(read_all(user("ann"), {"a", "b", "c"}));
  EXPECT_EQ(fragments->batches, 1u) << "four fragments of three names";
  EXPECT_EQ(fragments->reads, 12u);
  EXPECT_EQ(scopes->batches, 1u);
}

TEST_F(ViewTest, AllFragmentsAreAskedForAtOnce) {
  members->rows["ann"] = R"({"domain":"d7"})";
  fragments->hold = true;
  EXPECT_FALSE(read_all(user("ann"), {"a", "b"})) << "it waits";
  EXPECT_THAT(asked(*fragments),
              testing::UnorderedElementsAre("public/a", "domain/d7/a", "user/ann/a", "public/b",
                                            "domain/d7/b", "user/ann/b"));
}

TEST_F(ViewTest, NamesHaveALimit) {
  EXPECT_TRUE(read_all({}, Names(merged_names_max, "a")));
  const Read refused = read_all({}, Names(merged_names_max + 1, "a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_THAT(refused.error().what, HasSubstr("merged_names_max is 100"));
}

TEST_F(ViewTest, AnAnswerIsAsOldAsItsOldestPart) {
  members->rows["ann"] = R"({"domain":"d7"})";
  fragments->rows["public/a"] = "{\"x\":1}";
  fragments->rows["user/ann/a"] = "{\"y\":2}";
  EXPECT_EQ(read_one({}, "a")->age, Duration(0));
  world.advance(seconds(20));
  EXPECT_EQ(read_one(user("bob"), "other")->age, seconds(20)) << "the public settings are read too";
  world.advance(seconds(10));
  const auto answer = read_one(user("ann"), "a");
  EXPECT_EQ(answer->age, seconds(30));
  EXPECT_EQ(answer->bound, minutes(5));
  ASSERT_EQ(answer->contributions.size(), 2u);
  EXPECT_EQ(answer->contributions[0].fragment.age(), seconds(30));
  EXPECT_EQ(answer->contributions[0].fragment.origin(), Origin::memory);
  EXPECT_EQ(answer->contributions[1].fragment.age(), seconds(0));
  EXPECT_EQ(answer->contributions[1].fragment.origin(), Origin::source);
  EXPECT_EQ(answer->contributions[1].fragment.reason(), Reason::cold);
  EXPECT_EQ(answer->weakest->origin(), Origin::source);
}

TEST_F(ViewTest, TheWeakestPartIsTheOneThatIsFreshForTheShortest) {
  fragments->rows["public/a"] = "1";
  EXPECT_TRUE(read_one({}, "a"));
  world.advance(seconds(30));
  edit("scopes", "public", "{}");
  EXPECT_TRUE(read_one({}, "a"));
  const auto answer = read_one({}, "a");
  EXPECT_EQ(answer->weakest->origin(), Origin::memory);
  EXPECT_EQ(answer->weakest->fresh_left(), minutes(5) - seconds(30));
}

TEST_F(ViewTest, TheBoundIsTheLargestOfItsParts) {
  Policy policy = plain_policy();
  policy.name = "fragments";
  policy.fresh_for = seconds(10);
  const auto codec = std::shared_ptr<const ValueCodec>(&bytes_codec(), [](auto*) {});
  ASSERT_TRUE(engine->define(policy, codec, fragments));
  fragments->rows["public/a"] = "1";
  scopes->rows["public"] = "{}";
  EXPECT_EQ(read_one({}, "a")->bound, minutes(5)) << "the settings may get as old as that";
}

TEST_F(ViewTest, RefreshAsksTheSourceForEveryPart) {
  members->rows["ann"] = R"({"domain":"d7"})";
  EXPECT_TRUE(read_one(user("ann"), "a"));
  const auto reads = [this] { return members->reads + scopes->reads + fragments->reads; };
  EXPECT_EQ(reads(), 6u);
  EXPECT_TRUE(read_one(user("ann"), "a"));
  EXPECT_EQ(reads(), 6u);
  EXPECT_TRUE(read_one(user("ann"), "a", {.refresh = true}));
  EXPECT_EQ(reads(), 12u);
}

TEST_F(ViewTest, WhatIsNoJsonIsAnErrorThatNamesWhere) {
  fragments->rows["public/a"] = "{\"x\":";
  fragments->rows["public/b"] = "1";
  const Read read = read_all({}, {"a", "b"});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->front().error().code, Code::source_failed);
  EXPECT_THAT(read->front().error().what,
              HasSubstr("scope \"public\" (policy \"fragments\"): not JSON"));
  EXPECT_EQ(text_of(read->back()), "1") << "the others do not miss it";
}

TEST_F(ViewTest, AFragmentThatCannotBeReadIsNotLeftOut) {
  members->rows["ann"] = R"({"domain":"d7"})";
  scopes->rows["domain/d7"] = R"({"allow":["other"]})";
  fragments->failing = true;
  const Read read = read_all(user("ann"), {"a"});
  EXPECT_EQ(read->front().error().code, Code::source_failed);
  EXPECT_THAT(read->front().error().what, HasSubstr("scope \"public\""));
}

TEST_F(ViewTest, SettingsThatCannotBeReadFailEachNameAndAreNotTakenForNone) {
  scopes->rows["public"] = R"({"allow":"everything"})";
  fragments->rows["public/a"] = "1";
  const Read read = read_all({}, {"a", "b"});
  ASSERT_TRUE(read);
  for (const auto& answer : *read) {
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::source_failed);
    EXPECT_THAT(answer.error().what,
                HasSubstr("the settings of scope \"public\" (policy \"scopes\")"));
  }
  EXPECT_EQ(fragments->reads, 0u);
}

TEST_F(ViewTest, AMembershipThatCannotBeReadFailsAll) {
  members->rows["ann"] = R"({"domain":7})";
  fragments->rows["public/a"] = "1";
  const Read wrong = read_all(user("ann"), {"a", "b"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::source_failed);
  EXPECT_THAT(wrong.error().what, HasSubstr("the membership (policy \"members\")"));
  members->failing = true;
  EXPECT_EQ(read_all(user("bob"), {"a"}).error().code, Code::source_failed);
  EXPECT_EQ(text_for({}, "a"), "1") << "who has no membership does not need it";
  EXPECT_EQ(fragments->reads, 1u);
}

TEST_F(ViewTest, APolicyThatIsGoneIsAnError) {
  fragments->rows["public/a"] = "1";
  engine->undefine("fragments");
  const auto answer = read_one({}, "a");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unknown_policy);
  EXPECT_THAT(answer.error().what, HasSubstr("\"fragments\""));
}

TEST_F(ViewTest, AViewOfUnknownPoliciesIsNotMade) {
  MergedViewOptions options{.name = "v",
                            .scopes = {{.name = "s", .policy = "nowhere", .entity = "{name}"}}};
  const auto unknown = MergedView::make(*engine, options);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::unknown_policy);
  EXPECT_THAT(unknown.error().what, HasSubstr("\"nowhere\""));
  options.scopes[0].entity = "{user}{name}";
  const auto faulty = MergedView::make(*engine, options);
  ASSERT_FALSE(faulty);
  EXPECT_EQ(faulty.error().code, Code::invalid_argument);
  EXPECT_THAT(faulty.error().what, HasSubstr("s.entity: has two braces"));
}

}  // namespace
}  // namespace headrace
