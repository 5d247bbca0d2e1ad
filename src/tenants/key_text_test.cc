#include "tenants/key_text.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "kit/world.h"

namespace headrace {
namespace {

TEST(KeyTextTest, TheChecksumIsTheOneOfZip) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926U);
  EXPECT_EQ(crc32(""), 0U);
}

TEST(KeyTextTest, IsWrittenAsItIsDescribedAndReadBack) {
  const std::regex shape("^hrk_(live|test|ro|adm)_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}$");
  kit::World world;
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    for (const KeyKind kind : {KeyKind::live, KeyKind::test, KeyKind::read_only, KeyKind::admin}) {
      const std::string id = draw_text(world, key_id_chars);
      const std::string secret = draw_text(world, key_secret_chars);
      const std::string text = key_text(kind, id, secret);
      EXPECT_TRUE(std::regex_match(text, shape)) << text;
      const auto read = KeyText::parse(text);
      ASSERT_TRUE(read) << text;
      EXPECT_EQ(read->kind, kind);
      EXPECT_EQ(read->id, id);
      EXPECT_EQ(read->secret, secret);
      EXPECT_TRUE(all.insert(text).second);
    }
  }
}

TEST(KeyTextTest, OneWrongCharacterIsSeen) {
  kit::World world;
  const std::string text =
      key_text(KeyKind::live, draw_text(world, key_id_chars), draw_text(world, key_secret_chars));
  ASSERT_TRUE(KeyText::parse(text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'0', 'a', 'Z', '_', '-', ' '}) {
      std::string wrong = text;
      if (wrong[i] == c) continue;
      wrong[i] = c;
      EXPECT_FALSE(KeyText::parse(wrong)) << wrong;
    }
    EXPECT_FALSE(KeyText::parse(text.substr(0, i)));
    EXPECT_FALSE(KeyText::parse(text.substr(i + 1)));
  }
  EXPECT_FALSE(KeyText::parse(text + "0"));
  EXPECT_FALSE(KeyText::parse(""));
}

}  // namespace
}  // namespace headrace
