#include "sources/http/projection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::http {
namespace {

using testing::HasSubstr;

std::string shown(std::string_view body, const std::vector<std::string>& fields) {
  const Result<Projected> projected = project(body, fields);
  if (!projected)
    return std::string(name_of(projected.error().code)) + ": " + projected.error().what;
  return projected->kind == Kind::null ? "null" : projected->json;
}

TEST(Projection, TakesTheFieldsInTheirOrder) {
  EXPECT_EQ(shown(R"({"b":1,"a":"x","c":true})", {"a", "b"}), R"({"a":"x","b":1})");
  EXPECT_EQ(shown(" \n{ \"a\" : [1, 2] , \"b\" : { \"c\" : null } }\n", {"b", "a"}),
            R"({"b":{ "c" : null },"a":[1, 2]})");
}

TEST(Projection, MissingFieldsAreLeftOut) {
  EXPECT_EQ(shown(R"({"a":1})", {"b"}), "{}");
  EXPECT_EQ(shown("{}", {"b"}), "{}");
  EXPECT_EQ(shown(R"({"a":1,"b":null})", {"a", "x", "b"}), R"({"a":1,"b":null})");
}

TEST(Projection, PathsGoIntoObjects) {
  const std::string_view body = R"({"a":{"b":{"c":7},"d":[{"e":1}]},"a.b":"literal","f":5})";
  EXPECT_EQ(shown(body, {"a.b.c"}), R"({"a.b.c":7})");
  EXPECT_EQ(shown(body, {"a.b"}), R"({"a.b":{"c":7}})");
  EXPECT_EQ(shown(body, {"a.d.e", "f.g", "a.x", "a."}), "{}");
}

TEST(Projection, NumbersKeepTheirDigits) {
  EXPECT_EQ(
      shown(R"({"a":12345678901234567890123,"b":1.10,"c":-0.0,"d":1E5})", {"a", "b", "c", "d"}),
      R"({"a":12345678901234567890123,"b":1.10,"c":-0.0,"d":1E5})");
}

TEST(Projection, StringsMayHoldAnything) {
  EXPECT_EQ(shown(R"({"x":"}\"]{[","a":"\\","y":"\\\"","b":"é\u00e9"})", {"a", "b", "x"}),
            R"({"a":"\\","b":"é\u00e9","x":"}\"]{["})");
}

TEST(Projection, NamesMayBeEscaped) {
  EXPECT_EQ(shown(R"({"n\u0061me":1,"q\"":2})", {"name", "q\""}), R"({"name":1,"q\"":2})");
}

TEST(Projection, OfDoubledMembersTheLastCounts) {
  EXPECT_EQ(shown(R"({"a":1,"b":2,"a":3})", {"a"}), R"({"a":3})");
}

TEST(Projection, Null) {
  EXPECT_EQ(shown(" null ", {"a"}), "null");
}

TEST(Projection, Garbage) {
  EXPECT_THAT(shown("", {"a"}), HasSubstr("source-failed: the source answered garbage: "));
  EXPECT_THAT(shown("<html>", {"a"}), HasSubstr("syntax error at byte 0"));
  EXPECT_THAT(shown(R"({"a":1,})", {"a"}), HasSubstr("at byte 7"));
  EXPECT_THAT(shown(R"({"a":1)", {"a"}), HasSubstr("incomplete JSON at byte 6"));
  EXPECT_THAT(shown(R"({"a":1} x)", {"a"}),
              HasSubstr("something stands behind the JSON at byte 8"));
  EXPECT_THAT(shown("{\"a\":\"\xff\"}", {"a"}), HasSubstr("at byte 6"));
  EXPECT_THAT(shown(" [1]", {"a"}), HasSubstr("the JSON is no object at byte 1"));
  EXPECT_THAT(shown("7", {"a"}), HasSubstr("the JSON is no object at byte 0"));
  EXPECT_THAT(shown("\"a\"", {"a"}), HasSubstr("the JSON is no object"));
  EXPECT_THAT(shown(std::string(100000, '['), {"a"}), HasSubstr("too deep"));
}

}  // namespace
}  // namespace headrace::http
