#include "headrace/key.h"
#include "headrace/token.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace headrace {
namespace {

Key key(Key::Scope scope, std::string_view entity) {
  auto made = Key::make(scope, entity);
  EXPECT_TRUE(made.has_value());
  return *made;
}

TEST(Key, PartsThatConcatenateAlikeStayApart) {
  EXPECT_FALSE(key({.tenant = "a", .policy = "bc"}, "d") ==
               key({.tenant = "ab", .policy = "c"}, "d"));
  EXPECT_FALSE(key({.tenant = "a", .policy = "b"}, "cd") ==
               key({.tenant = "a", .policy = "bc"}, "d"));
}

TEST(Key, EveryPartCounts) {
  const Key::Scope scope{.tenant = "t", .policy = "p", .version = 1, .shape = 7};
  std::set<std::string> seen;
  auto see = [&](Key::Scope s, std::string_view entity) {
    const Key made = key(s, entity);
    EXPECT_TRUE(seen.insert(std::string(made.bytes())).second);
  };
  see(scope, "e");
  see({.tenant = "u", .policy = "p", .version = 1, .shape = 7}, "e");
  see({.tenant = "t", .policy = "q", .version = 1, .shape = 7}, "e");
  see({.tenant = "t", .policy = "p", .version = 2, .shape = 7}, "e");
  see({.tenant = "t", .policy = "p", .version = 1, .shape = 8}, "e");
  see(scope, "");
  see(scope, std::string_view("e\0", 2));
  see(scope, std::string_view("\0e", 2));
  see(scope, "\xff\xfe");
}

TEST(Key, AnyBytesRoundTrip) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(key({.tenant = "", .policy = "p"}, all).entity(), all);
}

TEST(StoreKey, ShowsNoEntityAndKeepsNamesApart) {
  const std::string secret = "alice@example.org";
  const StoreKey made = store_key_of("t", "p", secret);
  EXPECT_EQ(made.bytes().size(), 32u);
  EXPECT_EQ(made.bytes().find(secret.substr(0, 5)), std::string_view::npos);
  EXPECT_FALSE(made == store_key_of("t", "p", "alice@example.com"));
  EXPECT_FALSE(made == store_key_of("t", "q", secret));
  EXPECT_FALSE(made == store_key_of("u", "p", secret));
  EXPECT_FALSE(store_key_of("a", "bc", "e") == store_key_of("ab", "c", "e"));
}

TEST(Key, RefusesWhatIsTooLong) {
  const std::string entity(entity_bytes_max + 1, 'x');
  auto made = Key::make({.tenant = "t", .policy = "p"}, entity);
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Code::too_large);
  EXPECT_NE(made.error().what.find("1024"), std::string::npos);
  EXPECT_EQ(Key::make({.policy = ""}, "x").error().code, Code::invalid_argument);
  EXPECT_EQ(Key::make({.policy = std::string(65, 'p')}, "x").error().code, Code::too_large);
}

TEST(Token, HexIsFixedWidth) {
  EXPECT_EQ(to_hex(Token{.high = 1, .low = 0xab}), "000000000000000100000000000000ab");
  EXPECT_TRUE(Token{}.is_none());
  EXPECT_FALSE(WatermarkId::of("tag:a") == WatermarkId::of("tag:b"));
}

}  // namespace
}  // namespace headrace
