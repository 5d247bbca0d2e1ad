#include "sql/question.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace::sql {
namespace {

TEST(SqlQuestion, ANameIsQuotedWhateverIsInIt) {
  EXPECT_EQ(quoted("name"), "\"name\"");
  EXPECT_EQ(quoted("a \"b\"; --"), "\"a \"\"b\"\"; --\"");
  EXPECT_EQ(quoted(""), "\"\"");
}

TEST(SqlQuestion, NamesWhatIsAsked) {
  const std::string zero("a\0b", 3);
  EXPECT_EQ(fault_of({.table = "t", .fields = {"a"}}), "");
  EXPECT_EQ(fault_of({.query = "SELECT 1", .fields = {"a"}}), "");
  for (const auto& asked :
       {SqlQuestion{.table = "t", .fields = {}}, SqlQuestion{.fields = {"a"}},
        SqlQuestion{.table = "t", .query = "q", .fields = {"a"}},
        SqlQuestion{.table = "t", .key = "", .fields = {"a"}},
        SqlQuestion{.table = "t", .fields = {"a"}, .rows_max = 0},
        SqlQuestion{.table = "t", .fields = {"\xff"}}, SqlQuestion{.table = "t", .fields = {zero}},
        SqlQuestion{.table = zero, .fields = {"a"}},
        SqlQuestion{.table = "t", .key = zero, .fields = {"a"}},
        SqlQuestion{.query = zero, .fields = {"a"}}}) {
    EXPECT_NE(fault_of(asked), "") << asked.table << " " << asked.query;
  }
}

}  // namespace
}  // namespace headrace::sql
