#include "server/resp/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace::resp {
namespace {

TEST(GlobTest, MatchesAsRedisDoes) {
  struct Case {
    std::string_view pattern, text;
    bool matches;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "a", false},
      {"*", "", true},
      {"*", "abc", true},
      {"a*", "abc", true},
      {"a*", "bc", false},
      {"*c", "abc", true},
      {"*b", "abc", false},
      {"a*c", "ac", true},
      {"a**c", "abbc", true},
      {"a?c", "abc", true},
      {"a?c", "ac", false},
      {"[a-c]", "b", true},
      {"[c-a]", "b", true},
      {"[a-c]", "d", false},
      {"[^a]", "b", true},
      {"[^a]", "a", false},
      {"[a", "a", true},
      {"[]", "a", false},
      {"[\\]]", "]", true},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"h[ae]llo", "hallo", true},
      {"h[^e]llo", "hello", false},
      {"*ab*ab*", "aabab", true},
      {"*ab*ab*", "aabb", false},
      {"sess:*", "sess:1", true},
      {"user:?:*", "user:1:x", true},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(glob_match(each.pattern, each.text), each.matches)
        << each.pattern << " of " << each.text;
  }
}

TEST(GlobTest, NoPatternTakesForEver) {
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(100'000, 'a')));
}

TEST(GlobTest, SaysWhatAllBeginWith) {
  EXPECT_EQ(literal_prefix("sess:*"), "sess:");
  EXPECT_EQ(literal_prefix("a[b]"), "a");
  EXPECT_EQ(literal_prefix("plain"), "plain");
  EXPECT_EQ(literal_prefix("*"), "");
}

}  // namespace
}  // namespace headrace::resp
