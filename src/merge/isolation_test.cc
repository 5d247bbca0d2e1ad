// Nobody sees a fragment that is not theirs: it is not even read for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "merge/view_fixture.h"

namespace headrace {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class IsolationTest : public ViewTest {
 protected:
  IsolationTest() {
    members->rows["ann"] = R"({"domain":"d1"})";
    members->rows["bob"] = R"({"domain":"d2"})";
    for (const std::string who : {"public", "domain/d1", "domain/d2", "user/ann", "user/bob"}) {
      fragments->rows[who + "/a"] = R"({")" + who + R"(":1})";
    }
  }
};

TEST_F(IsolationTest, AnAnonymousReaderSeesWhatIsPublic) {
  const auto answer = read_one({}, "a");
  EXPECT_EQ(text_of(answer), R"({"public":1})");
  EXPECT_THAT(scopes_of(answer), ElementsAre("public"));
  EXPECT_THAT(asked(*fragments), ElementsAre("public/a"));
  EXPECT_THAT(asked(*scopes), ElementsAre("public"));
  EXPECT_THAT(asked(*members), IsEmpty());
}

TEST_F(IsolationTest, EachReaderSeesTheirOwn) {
  for (int i = 0; i < 2; ++i) {  // From the source, and from what is kept.
    EXPECT_EQ(text_for(user("ann"), "a"), R"({"public":1,"domain/d1":1,"user/ann":1})");
    EXPECT_EQ(text_for(user("bob"), "a"), R"({"public":1,"domain/d2":1,"user/bob":1})");
    EXPECT_EQ(text_for({}, "a"), R"({"public":1})");
    EXPECT_EQ(text_for(user("eve"), "a"), R"({"public":1})") << "who belongs nowhere";
  }
}

TEST_F(IsolationTest, AnothersFragmentsAreNeverAskedOfTheSource) {
  EXPECT_TRUE(read_all(user("ann"), {"a", "b", "../bob/a", "bob/a", "user/bob/a"}));
  for (const std::string& entity : asked(*fragments)) {
    EXPECT_FALSE(entity.starts_with("user/bob") || entity.starts_with("domain/d2")) << entity;
  }
  EXPECT_THAT(asked(*members), Each("ann"));
}

TEST_F(IsolationTest, WhatIsInAUserOrANameStaysInIt) {
  fragments->rows["user/a/b/c"] = R"({"stolen":1})";
  fragments->rows["user/x%2Fb/c"] = R"({"own":1})";
  EXPECT_EQ(text_for(user("a/b"), "c"), "unknown");
  EXPECT_EQ(text_for(user("a"), "b/c"), "unknown");
  EXPECT_EQ(text_for(user("x/b"), "c"), R"({"own":1})");
  EXPECT_EQ(text_for(user("x%2Fb"), "c"), "unknown");
  EXPECT_EQ(text_for(user("x"), "b/c"), "unknown");
}

TEST_F(IsolationTest, AMembershipCannotMakeOneSomebodyElse) {
  members->rows["eve"] = R"({"user":"ann","name":"b","domain":"d2/../d1"})";
  EXPECT_EQ(text_for(user("eve"), "a"), R"({"public":1})");
  EXPECT_THAT(asked(*fragments),
              UnorderedElementsAre("public/a", "domain/d2%2F..%2Fd1/a", "user/eve/a"));
}

TEST_F(IsolationTest, AUserWithoutANameIsRefusedAndNotAnonymous) {
  const Read refused = read_all(user(""), {"a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_EQ(fragments->reads, 0u);
}

}  // namespace
}  // namespace headrace
