// What comes of fragments that lie over each other.
#include "merge/overlay.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <initializer_list>
#include <random>
#include <string>

namespace headrace::merge {
namespace {

// The outcome of all of them, the lowest first.
std::string merged(std::initializer_list<std::string_view> fragments) {
  Overlay overlay;
  for (const std::string_view fragment : fragments) {
    const Result<bool> added = overlay.add(fragment);
    if (!added) return "error: " + added.error().what;
  }
  return overlay.has_value() ? overlay.text() : "nothing";
}

TEST(Overlay, ObjectsMergeAtAnyDepth) {
  EXPECT_EQ(merged({R"({"a":{"x":{"p":1,"q":2},"y":3},"b":4})", R"({"a":{"x":{"q":20}}})",
                    R"({"a":{"x":{"r":300}},"c":500})"}),
            R"({"a":{"x":{"p":1,"q":20,"r":300},"y":3},"b":4,"c":500})");
}

TEST(Overlay, ScalarsAndListsAreReplacedAsAWhole) {
  EXPECT_EQ(merged({R"({"l":[1,2,3],"s":"old","t":true})", R"({"l":[9],"s":"new","t":false})"}),
            R"({"l":[9],"s":"new","t":false})");
  EXPECT_EQ(merged({R"({"l":[{"a":1}]})", R"({"l":[{"b":2}]})"}), R"({"l":[{"b":2}]})");
}

TEST(Overlay, AnExplicitNullOverwrites) {
  EXPECT_EQ(merged({R"({"a":1,"b":{"c":2}})", R"({"a":null,"b":null})"}), R"({"a":null,"b":null})");
  EXPECT_EQ(merged({R"({"a":1})", "null"}), "null");
  EXPECT_EQ(merged({R"({"a":null})", R"({"a":{"b":1}})"}), R"({"a":{"b":1}})");
}

TEST(Overlay, AMissingKeyInherits) {
  EXPECT_EQ(merged({R"({"a":1,"b":{"c":2,"d":3}})", R"({"b":{"c":20}})"}),
            R"({"a":1,"b":{"c":20,"d":3}})");
}

TEST(Overlay, AnEmptyObjectAddsNothing) {
  EXPECT_EQ(merged({R"({"a":{"b":1}})", "{}", R"({"a":{}})", " { } "}), R"({"a":{"b":1}})");
  EXPECT_EQ(merged({"5", "{}"}), "5");
  EXPECT_EQ(merged({"{}", "{ }"}), "nothing");
  EXPECT_EQ(merged({R"({"a":{}})"}), R"({"a":{}})") << "a member that is {} is there";
}

TEST(Overlay, WhatIsNoObjectReplacesAndIsReplaced) {
  EXPECT_EQ(merged({R"({"a":1})", "[1]"}), "[1]");
  EXPECT_EQ(merged({"7", R"({"a":1})"}), R"({"a":1})");
  EXPECT_EQ(merged({R"({"a":{"b":1}})", R"({"a":5})"}), R"({"a":5})");
  EXPECT_EQ(merged({R"({"a":[1]})", R"({"a":{}})"}), R"({"a":{}})");
  EXPECT_EQ(merged({R"({"a":{"b":1}})", R"({"a":5})", R"({"a":{"c":2}})"}), R"({"a":{"c":2}})")
      << "what was replaced does not come back";
}

TEST(Overlay, NumbersKeepTheirDigitsAndTheirSpelling) {
  constexpr std::string_view numbers =
      R"({"a":1e400,"b":12345678901234567890123,"c":1.10,"d":-0,"e":1E+5,"f":0.1e-400})";
  EXPECT_EQ(merged({R"({"a":1})", numbers}), numbers);
}

TEST(Overlay, StringsAndListsAreCopiedAsTheyWereWritten) {
  constexpr std::string_view texts =
      R"({"a":"\u00e9\ud83d\ude00\"\\\/\n","b":["]}",{"x" : "\\"}, 1.50],"c":"é"})";
  EXPECT_EQ(merged({R"({"a":"b"})", texts}), texts);
}

TEST(Overlay, NamesAreComparedByWhatTheyMean) {
  EXPECT_EQ(merged({R"({"a":1,"\u00e9":2})", R"({"\u0061":3,"é":4})"}), R"({"a":3,"\u00e9":4})");
  EXPECT_EQ(merged({R"({"a\"b":1})", R"({"a\u0022b":2,"":3})"}), R"({"a\"b":2,"":3})");
}

TEST(Overlay, NamesStandWhereTheyWereFirstSeen) {
  EXPECT_EQ(merged({R"({"c":1,"a":2})", R"({"b":3,"a":4,"c":5})"}), R"({"c":5,"a":4,"b":3})");
}

TEST(Overlay, OfOneNameInOneFragmentTheLastCounts) {
  EXPECT_EQ(merged({R"({"a":{"z":0}})", R"({"a":{"x":1},"b":2,"a":{"y":3}})"}),
            R"({"a":{"z":0,"y":3},"b":2})")
      << "the first of the two is as if it were not there";
  EXPECT_EQ(merged({R"({"a":1,"b":2,"a":3})"}), R"({"a":3,"b":2})");
}

TEST(Overlay, SpacesBetweenAreLeftOut) {
  EXPECT_EQ(merged({" {\n\t\"a\" : { \"b\" : 1 } ,\r\n \"c\":true } ", "\n{ \"c\" : false }\n"}),
            R"({"a":{"b":1},"c":false})");
}

TEST(Overlay, WhatIsNotJsonIsRefusedAndLeavesNoTrace) {
  for (const std::string_view text :
       {"", " ", "{", R"({"a":1)", R"({"a":1}})", R"({"a" 1})", "nul", "01", "'a'", R"({"a":1,})",
        "[1,]", "{} {}", R"("\ud800")", "\"\xff\"", "\"\n\"", "NaN", "// c\n1", R"({a:1})"}) {
    Overlay overlay;
    ASSERT_TRUE(overlay.add(R"({"a":0})"));
    const Result<bool> added = overlay.add(text);
    ASSERT_FALSE(added) << text;
    EXPECT_EQ(added.error().code, Code::source_failed);
    EXPECT_EQ(overlay.text(), R"({"a":0})");
  }
}

std::string nested(std::size_t depth) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += R"({"a":)";
  text += "1";
  return text.append(depth, '}');
}

TEST(Overlay, DepthHasALimit) {
  const std::string deepest = nested(fragment_depth_max);
  EXPECT_EQ(merged({deepest, deepest}), deepest);
  EXPECT_NE(merged({nested(fragment_depth_max + 1)}).find("deeper than 64"), std::string::npos);
  std::string lists(fragment_depth_max + 1, '[');
  EXPECT_NE(merged({lists.append(fragment_depth_max + 1, ']')}).find("deeper than 64"),
            std::string::npos);
}

TEST(Overlay, SizeHasALimit) {
  const std::string big = '"' + std::string(merged_bytes_max / 2, 'x') + '"';
  Overlay overlay;
  ASSERT_TRUE(overlay.add(big));
  const Result<bool> added = overlay.add(big);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::too_large);
  EXPECT_NE(added.error().what.find("merged_bytes_max"), std::string::npos);
  EXPECT_EQ(overlay.text(), big);
}

TEST(Overlay, ManyMembersAreFoundAtOnce) {
  constexpr int many = 100'000;  // Looked for one by one they would take minutes.
  std::string below = "{", above = "{", expected = "{";
  for (int i = 0; i < many; ++i) {
    const std::string comma = i == 0 ? "" : ",";
    const std::string name = "\"k" + std::to_string(i) + "\":";
    below += comma + name + "0";
    above += comma + "\"k" + std::to_string(many - 1 - i) + "\":1";
    expected += comma + name + "1";
  }
  EXPECT_EQ(merged({below + "}", above + "}"}), expected + "}");
}

// The same rules on values instead of text, as plainly as they can be said.
boost::json::value naive(const boost::json::value& below, const boost::json::value& above) {
  if (!below.is_object() || !above.is_object()) return above;
  boost::json::object both = below.get_object();
  for (const auto& [name, value] : above.get_object()) {
    const auto* const old = both.if_contains(name);
    both[name] = old == nullptr ? value : naive(*old, value);
  }
  return both;
}

class Fragments {
 public:
  explicit Fragments(std::uint64_t seed) : random_(seed) {}

  boost::json::value value(int depth) {
    switch (depth == 0 ? pick(4) : pick(8)) {
      case 0: return nullptr;
      case 1: return static_cast<std::int64_t>(pick(1000));
      case 2: return boost::json::string(std::string(pick(4), "a\"\\\n"[pick(4)]));
      case 3: return boost::json::array{1, value(0), boost::json::object{{"a", 1}}};
      default: return object(depth - 1);
    }
  }
  boost::json::object object(int depth) {
    boost::json::object made;
    for (std::size_t i = pick(5); i > 0; --i) {
      made[std::string(1, "abcd\"\\"[pick(6)])] = value(depth);
    }
    return made;
  }
  std::size_t pick(std::size_t below) { return random_() % below; }

 private:
  std::mt19937_64 random_;
};

TEST(Overlay, SaysWhatAMergeOfValuesSays) {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    Fragments fragments(seed);
    std::forward_list<std::string> texts;
    Overlay overlay;
    std::optional<boost::json::value> expected;
    for (std::size_t i = 1 + fragments.pick(5); i > 0; --i) {
      const boost::json::value next =
          fragments.pick(8) == 0 ? fragments.value(2) : fragments.object(4);
      ASSERT_TRUE(overlay.add(texts.emplace_front(boost::json::serialize(next))));
      if (next.is_object() && next.get_object().empty()) continue;
      expected = expected ? naive(*expected, next) : next;
    }
    ASSERT_EQ(overlay.has_value(), expected.has_value()) << "seed " << seed;
    if (expected) {
      ASSERT_EQ(overlay.text(), boost::json::serialize(*expected)) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace headrace::merge
