// What is JSON, and what stands where in it.
#include "json_text/walk.h"

#include <gtest/gtest.h>

#include <vector>

namespace headrace::json_text {
namespace {

TEST(JsonJudge, AcceptsOneValue) {
  for (const std::string_view text :
       {"{}", " [1, 2] ", "null", "-0.1e+5", "1e400", "\"\\u00e9\\ud83d\\ude00\"", "\"é\""}) {
    EXPECT_TRUE(judge_json(text, 1)) << text;
  }
}

TEST(JsonJudge, SaysWhatIsWrongAndWhere) {
  const auto open = judge_json(R"({"a":)", 8);
  ASSERT_FALSE(open);
  EXPECT_EQ(open.error().code, Code::source_failed);
  EXPECT_NE(open.error().what.find("not JSON that can be read"), std::string::npos);
  const auto two = judge_json("{} []", 8);
  ASSERT_FALSE(two);
  EXPECT_NE(two.error().what.find("at byte 3"), std::string::npos) << two.error().what;
  EXPECT_TRUE(judge_json("[[1]]", 2));
  const auto deep = judge_json("[[[1]]]", 2);
  ASSERT_FALSE(deep);
  EXPECT_NE(deep.error().what.find("deeper than 2 levels"), std::string::npos);
}

TEST(JsonWalk, TakesValuesAsTheyWereWritten) {
  JsonWalk walk(R"( {"a\"}" : [1, {"b":"]"}] , "c":{"d":"\\"},"e":-1.50,"f":true} )");
  EXPECT_TRUE(walk.take('{'));
  std::vector<std::string_view> values;
  while (walk.next() == '"') {
    values.push_back(walk.value());
    EXPECT_TRUE(walk.take(':'));
    values.push_back(walk.value());
    walk.take(',');
  }
  EXPECT_EQ(values,
            (std::vector<std::string_view>{R"("a\"}")", R"([1, {"b":"]"}])", R"("c")",
                                           R"({"d":"\\"})", R"("e")", "-1.50", R"("f")", "true"}));
  EXPECT_TRUE(walk.take('}'));
  EXPECT_EQ(walk.next(), '\0');
  EXPECT_FALSE(walk.take('}'));
}

TEST(JsonWalk, TellsWhatAStringMeans) {
  EXPECT_EQ(meaning_of(R"("plain é")"), "plain é");
  EXPECT_EQ(meaning_of(R"("\u0061\"\n\ud83d\ude00")"), "a\"\n😀");
  EXPECT_EQ(meaning_of(R"("")"), "");
  EXPECT_EQ(meaning_of(R"("\u0000")"), std::string(1, '\0'));
}

}  // namespace
}  // namespace headrace::json_text
