#include "sql/part.h"

#include <gtest/gtest.h>

#include <string>

namespace headrace::sql {
namespace {

TEST(SqlPart, IsATableOrOneOfItsColumns) {
  EXPECT_EQ(part_of("orders"), (Part{.table = "orders"}));
  EXPECT_EQ(part_of("progress[user_id]"), (Part{.table = "progress", .column = "user_id"}));
  EXPECT_EQ(part_of("shop.\"a[b]\"[c]d]"), (Part{.table = "shop.\"a[b]\"", .column = "c]d"}));
  for (const char* name : {"orders", "progress[user_id]", "shop.\"a[b]\"[c]d]"}) {
    EXPECT_EQ(name_of(part_of(name).value_or(Part{})), name);
  }
}

TEST(SqlPart, OtherNamesAreRefused) {
  for (const std::string& name :
       {std::string(), std::string("[a]"), std::string("a[]"), std::string("a[b"),
        std::string("a[b]c"), std::string("\"a[b]"), std::string("\xff"), std::string("a\0b", 3)}) {
    EXPECT_FALSE(part_of(name)) << name;
  }
  EXPECT_NE(fault_of({.table = "a", .column = "b", .value = "\xff"}), "");
  EXPECT_EQ(fault_of({.table = "a", .column = "b", .value = ""}), "");
}

TEST(SqlPart, TheErrorSaysWhatToRun) {
  const Error error = nobody_keeps({.table = "orders", .column = "owner", .value = "7"});
  EXPECT_EQ(error.code, Code::invalid_argument);
  EXPECT_TRUE(error.what.starts_with("nobody keeps the revision of orders[owner]: run"));
}

}  // namespace
}  // namespace headrace::sql
