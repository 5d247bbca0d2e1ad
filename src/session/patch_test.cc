#include "session/patch.h"

#include <gtest/gtest.h>

namespace headrace::session {
namespace {

Fields patched(Fields fields, std::string_view patch) {
  const auto made = patch_of(patch);
  EXPECT_TRUE(made) << made.error().what;
  EXPECT_EQ(apply_patch(*made, fields), Patched::done);
  return fields;
}
Patched outcome(Fields fields, std::string_view patch) {
  return apply_patch(patch_of(patch).value(), fields);
}
std::string why_not(std::string_view patch) {
  const auto made = patch_of(patch);
  return made ? "" : made.error().what;
}

// The examples of RFC 7396, appendix A, whose target is an object or is laid under one.
TEST(MergePatch, DoesWhatTheRfcSays) {
  struct Case {
    std::string_view below, above, want;
  };
  for (const Case& one : std::vector<Case>{
           {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
           {R"({"a":"b"})", R"({"a":null})", "{}"},
           {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
           {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
           {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
           {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
           {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
           {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
           {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
           {R"({"a":"foo"})", "null", "null"},
           {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
           {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
           {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}}) {
    EXPECT_EQ(merged(one.below, one.above), one.want) << one.below << " " << one.above;
  }
}

TEST(MergePatch, NumbersKeepTheirDigitsAndNamesTheirSpelling) {
  EXPECT_EQ(merged(R"({"pi":3.14159265358979323846264, "big":18446744073709551617})",
                   R"({"e" : 2.71828182845904523536028747135})"),
            R"({"pi":3.14159265358979323846264,"big":18446744073709551617,)"
            R"("e":2.71828182845904523536028747135})");
  EXPECT_EQ(merged(R"({"\u0061":1})", R"({"a":2})"), R"({"\u0061":2})");
}

TEST(MergePatch, OfNamesThatStandTwiceTheLastCounts) {
  EXPECT_EQ(merged("{}", R"({"a":1,"a":2})"), R"({"a":2})");
  EXPECT_EQ(patched({}, R"({"a":1,"a":2})"), (Fields{{"a", "2"}}));
}

TEST(Patch, FieldsMergeAndNullDeletes) {
  EXPECT_EQ(patched({{"a", "1"}, {"b", R"({"x":1})"}, {"c", "3"}},
                    R"({"b":{"y":2},"c":null,"d": "new" ,"gone":null})"),
            (Fields{{"a", "1"}, {"b", R"({"x":1,"y":2})"}, {"d", R"("new")"}}));
}

TEST(Patch, IncrAddsWholeNumbers) {
  EXPECT_EQ(patched({{"n", "41"}}, R"({"$incr":{"n":1,"m":-5}})"),
            (Fields{{"n", "42"}, {"m", "-5"}}));
  EXPECT_EQ(outcome({{"n", R"("41")"}}, R"({"$incr":{"n":1}})"), Patched::wrong_type);
  EXPECT_EQ(outcome({{"n", "1.5"}}, R"({"$incr":{"n":1}})"), Patched::wrong_type);
  EXPECT_EQ(outcome({{"n", "9223372036854775807"}}, R"({"$incr":{"n":1}})"), Patched::out_of_range);
}

TEST(Patch, AppendAddsElements) {
  EXPECT_EQ(patched({{"l", "[1]"}, {"e", "[ ]"}}, R"({"$append":{"l":["x",[2]],"e":[1],"m":[]}})"),
            (Fields{{"l", R"([1,"x",[2]])"}, {"e", "[1]"}, {"m", "[]"}}));
  EXPECT_EQ(outcome({{"l", "{}"}}, R"({"$append":{"l":[1]}})"), Patched::wrong_type);
}

TEST(Patch, OperatorsComeAfterTheMerge) {
  EXPECT_EQ(patched({{"n", "7"}}, R"({"$incr":{"n":1},"n":null})"), (Fields{{"n", "1"}}));
}

TEST(Patch, WhatIsNoneIsRefused) {
  for (const std::string_view one :
       {"", "[]", "1", "{", R"({"$incr":1})", R"({"$incr":{"n":"1"}})", R"({"$incr":{"n":1.5}})",
        R"({"$append":[]})", R"({"$append":{"l":1}})"}) {
    EXPECT_NE(why_not(one), "") << one;
  }
  const std::string deep = std::string(70, '[') + std::string(70, ']');
  EXPECT_NE(why_not(R"({"a":)" + deep + "}"), "");
  EXPECT_FALSE(fields_of(R"({"$incr":1})"));
  EXPECT_EQ(fields_of(R"({"a": [ 1 ] })").value(), (Fields{{"a", "[ 1 ]"}}));
}

}  // namespace
}  // namespace headrace::session
