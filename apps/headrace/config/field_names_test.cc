#include "config/field_names.h"

#include <gtest/gtest.h>

namespace headrace::config {
namespace {

TEST(FieldNames, AFieldRevealsItselfWhatHoldsItAndWhatItHolds) {
  for (const Spelling spelling : {Spelling::points, Spelling::backticks}) {
    EXPECT_TRUE(reveals("hash", "HASH", spelling));
    EXPECT_TRUE(reveals("auth", "auth.token", spelling));
    EXPECT_TRUE(reveals("auth.token.id", "auth.token", spelling));
    EXPECT_TRUE(reveals("password-hash", "password-hash", spelling));
    EXPECT_FALSE(reveals("auth.name", "auth.token", spelling));
    EXPECT_FALSE(reveals("author", "auth", spelling));
    EXPECT_FALSE(reveals("token", "auth.token", spelling));
  }
}

TEST(FieldNames, BackticksChangeNoName) {
  const auto reveals_in_firestore = [](std::string_view field, std::string_view secret) {
    return reveals(field, secret, Spelling::backticks);
  };
  EXPECT_TRUE(reveals_in_firestore("`password-hash`", "password-hash"));
  EXPECT_TRUE(reveals_in_firestore("password-hash", "`password-hash`"));
  EXPECT_TRUE(reveals_in_firestore("`auth`.token", "auth.token"));
  EXPECT_TRUE(reveals_in_firestore("auth.`token`.id", "`auth`.token"));
  EXPECT_TRUE(reveals_in_firestore("`pass\\word`", "password")) << "an escape of a plain letter";
  EXPECT_TRUE(reveals_in_firestore("`a.b`.c", "`a.b`"));
  EXPECT_FALSE(reveals_in_firestore("`a.b`", "a.b")) << "one name with a point, and not two";
  EXPECT_FALSE(reveals("`hash`", "hash", Spelling::points)) << "elsewhere they are letters";
}

TEST(FieldNames, AQueryMentionsWholeWords) {
  EXPECT_TRUE(mentions("select Hash from t", "hash"));
  EXPECT_TRUE(mentions("select t.hash, x from t", "hash"));
  EXPECT_FALSE(mentions("select rehash, hashes from t", "hash"));
  EXPECT_TRUE(mentions("select \"password-hash\" from t", "password-hash"));
  EXPECT_TRUE(mentions("select t.\"pass word\" from t", "pass word"));
  EXPECT_TRUE(mentions("select rehash$ from t where hash$ = 1", "hash$"));
  EXPECT_TRUE(mentions("select a$hash from t", "$hash"));
  EXPECT_FALSE(mentions("select \"password-hashes\" from t", "password-hash"));
  EXPECT_FALSE(mentions("select x from t", ""));
}

TEST(FieldNames, AFilterBeginsWithItsField) {
  EXPECT_EQ(field_of(" owner == {entity}"), "owner");
  EXPECT_EQ(field_of("a.b>=1"), "a.b");
  EXPECT_EQ(field_of("`a == b`.c desc"), "`a == b`.c");
  EXPECT_EQ(field_of("`a\\` b` in [1]"), "`a\\` b`");
  EXPECT_EQ(field_of("updated"), "updated");
  EXPECT_EQ(field_of("  "), "");
  EXPECT_EQ(field_of("`a\\"), "`a\\");
}

}  // namespace
}  // namespace headrace::config
