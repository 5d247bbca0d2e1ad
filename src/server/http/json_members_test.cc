#include "server/http/json_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::http {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(JsonMembersTest, ValuesStayAsTheyWereWritten) {
  EXPECT_THAT(members_of(R"({"a":123456789012345678901234567890,"b":0.10,"c":1E+2,"d":-0})"),
              ElementsAre(Pair("a", "123456789012345678901234567890"), Pair("b", "0.10"),
                          Pair("c", "1E+2"), Pair("d", "-0")));
  EXPECT_THAT(members_of("{}"), IsEmpty());
  EXPECT_THAT(members_of(" {\n } "), IsEmpty());
}

TEST(JsonMembersTest, SpacesStringsAndNesting) {
  EXPECT_THAT(
      members_of("\t{ \"a\\\"}\\u00e4\" : \"x,\\\\\" ,\n \"b\" :{\"c\":[1, {\"d\":\"]}\"}]} , "
                 "\"\":null , \"e\" : [ ] }\r\n"),
      ElementsAre(Pair("a\"}\xc3\xa4", "\"x,\\\\\""), Pair("b", "{\"c\":[1, {\"d\":\"]}\"}]}"),
                  Pair("", "null"), Pair("e", "[ ]")));
}

TEST(JsonMembersTest, ANameMayStandTwice) {
  EXPECT_THAT(members_of(R"({"a":true,"a":false})"),
              ElementsAre(Pair("a", "true"), Pair("a", "false")));
}

TEST(JsonElements, AreRawAndInTheirOrder) {
  EXPECT_THAT(elements_of(R"( [ 1.50 , "a,]b" ,{"x":[1, 2]},[ ] ,null])"),
              testing::ElementsAre("1.50", R"("a,]b")", R"({"x":[1, 2]})", "[ ]", "null"));
  EXPECT_THAT(elements_of("[ ]"), testing::IsEmpty());
}

}  // namespace
}  // namespace headrace::http
