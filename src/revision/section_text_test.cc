#include "revision/section_text.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

TEST(SectionText, WhatWasWrittenIsRead) {
  const WallTime when(std::chrono::milliseconds(1767225600123));
  const std::string text = section_text(when, R"({"a":[1,2],"generated_at":3})");
  EXPECT_EQ(text, R"({"generated_at":1767225600123,"value":{"a":[1,2],"generated_at":3}})");
  const auto read = read_section_text(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->generated_at, when);
  EXPECT_EQ(read->json, R"({"a":[1,2],"generated_at":3})");
}

TEST(SectionText, AnythingElseIsNot) {
  for (const std::string_view text :
       {"", "{}", "7", R"({"generated_at":})", R"({"generated_at":x,"value":1})",
        R"({"generated_at":12)", R"({"generated_at":12,"valu":1})",
        R"({"generated_at":12,"value":1)"}) {
    EXPECT_FALSE(read_section_text(text)) << text;
  }
}

}  // namespace
}  // namespace headrace
