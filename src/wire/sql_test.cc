#include "wire/sql.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headrace::wire {
namespace {

TEST(Sql, ANameIsQuotedWhateverIsInIt) {
  EXPECT_EQ(sql_quoted("name"), "\"name\"");
  EXPECT_EQ(sql_quoted("a \"b\"; --"), "\"a \"\"b\"\"; --\"");
  EXPECT_EQ(sql_quoted(""), "\"\"");
}

TEST(Sql, AQuestionNamesWhatIsAsked) {
  const std::vector<std::string> fields{"a"};
  const std::vector<std::string> none;
  const std::vector<std::string> foreign{"\xff"};
  const std::string zero("a\0b", 3);
  const std::vector<std::string> with_zero{zero};
  EXPECT_EQ(fault_of({.table = "t", .key = "id", .fields = fields}), "");
  EXPECT_EQ(fault_of({.query = "SELECT 1", .fields = fields}), "");
  EXPECT_NE(fault_of({.table = "t", .key = "id", .fields = none}), "");
  EXPECT_NE(fault_of({.fields = fields}), "");
  EXPECT_NE(fault_of({.table = "t", .key = "id", .query = "q", .fields = fields}), "");
  EXPECT_NE(fault_of({.table = "t", .fields = fields}), "");
  EXPECT_NE(fault_of({.table = "t", .key = "id", .fields = fields, .has_rows = false}), "");
  EXPECT_NE(fault_of({.table = "t", .key = "id", .fields = foreign}), "");
  EXPECT_NE(fault_of({.table = "t", .key = "id", .fields = with_zero}), "");
  for (const auto& asked : {SqlNames{.table = zero, .key = "id", .fields = fields},
                            SqlNames{.table = "t", .key = zero, .fields = fields},
                            SqlNames{.query = zero, .fields = fields}}) {
    EXPECT_NE(fault_of(asked), "");
  }
}

}  // namespace
}  // namespace headrace::wire
