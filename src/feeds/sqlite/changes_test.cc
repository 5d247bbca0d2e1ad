// What a row of the outbox says, and what is made of one that says nothing.
#include "feeds/sqlite/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::sqlite::feed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(SqliteChanges, ListsOfLiteralsAreRead) {
  const SourceChange change = change_of({.database = "db",
                                         .collection = "t",
                                         .key = "7",
                                         .fields = "'name' 'it''s' ",
                                         .values = "'a=b'='x ''y' 'a=b'='x ''y' 'c'='' "});
  EXPECT_EQ(change.database, "db");
  EXPECT_EQ(change.collection, "t");
  EXPECT_EQ(change.entity, "7");
  EXPECT_THAT(change.fields, ElementsAre("name", "it's"));
  EXPECT_THAT(change.values, ElementsAre(Pair("a=b", "x 'y"), Pair("c", "")));
}

TEST(SqliteChanges, WhatCannotBeReadIsAny) {
  for (const char* odd : {"x", "'", "'a", "'a'", "'a''", "'a' b", "'a' 'b", "'a'='b'"}) {
    const SourceChange change = change_of({.fields = odd, .values = odd});
    EXPECT_THAT(change.fields, IsEmpty()) << odd;
    EXPECT_THAT(change.values, IsEmpty()) << odd;
  }
  EXPECT_FALSE(change_of({}).entity);
  EXPECT_FALSE(change_of({.key = "\xff"}).entity);
  const std::string longest(1024, 'x');
  EXPECT_EQ(change_of({.key = longest}).entity, longest);
  const std::string longer = longest + "x";
  EXPECT_FALSE(change_of({.key = longer}).entity);
  EXPECT_EQ(change_of({.key = ""}).entity, "");
}

}  // namespace
}  // namespace headrace::sqlite::feed
