#include "revision/vector_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace {
namespace {

using Revisions = std::vector<std::string>;

TEST(VectorText, IsReadAsItWasWritten) {
  const std::vector<Revisions> all = {
      {}, {""}, {"a", "12:,", std::string("\0,", 2)}, Revisions(256, "0")};
  for (const Revisions& one : all) {
    EXPECT_EQ(read_vector_text(vector_text("of these", one), "of these"), one);
  }
}

TEST(VectorText, OfOtherPartsIsNotRead) {
  EXPECT_EQ(read_vector_text(vector_text("old", {"1"}), "new"), std::nullopt);
}

TEST(VectorText, WhatIsNotOfThatFormIsNotRead) {
  const std::string whole = vector_text("s", {"abc", "d"});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto read = read_vector_text(std::string_view(whole).substr(0, size), "s");
    if (read) EXPECT_LT(read->size(), 2u) << size;  // It ends where a text does.
  }
  for (const char* text : {"", "1", "1:", "1:s", "1:s,3", "1:s,3:ab,", "1:s,-1:a,", "1:s,x,",
                           "1:s,99999999999999999999:a,", "1:s,18446744073709551615:a,"}) {
    EXPECT_EQ(read_vector_text(text, "s"), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace headrace
