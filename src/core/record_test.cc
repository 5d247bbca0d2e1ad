#include <gtest/gtest.h>

#include <string>

#include "headrace/records.h"

namespace headrace {
namespace {

TEST(RecordKey, SaysWhatItWasMadeOf) {
  const std::string key("a\0b", 3);
  const RecordKey made(0x01020304, "sessions", key);
  EXPECT_EQ(made.tenant(), 0x01020304U);
  EXPECT_EQ(made.space(), "sessions");
  EXPECT_EQ(made.key(), key);
  EXPECT_EQ(RecordKey::parse(made.bytes()).value(), made);
}

TEST(RecordKey, IsWrittenIntoTheRoomOfAnother) {
  std::string room(RecordKey(1, "a", "a longer one that was there before").bytes());
  const char* const begin = room.data();
  RecordKey::write(room, 7, "web", "user:42");
  EXPECT_EQ(room, RecordKey(7, "web", "user:42").bytes());
  EXPECT_EQ(room.data(), begin);
}

TEST(Record, WhatClientsCompareIsTheVersionOfTheContent) {
  EXPECT_EQ(content_version_of({.version = 9}), 9U);
  EXPECT_EQ(content_version_of({.version = 9, .content_version = 7}), 7U);
}

TEST(RecordKey, IsInjective) {
  EXPECT_NE(RecordKey(1, "a", "bc"), RecordKey(1, "ab", "c"));
  EXPECT_NE(RecordKey(1, "", "abc"), RecordKey(1, "a", "bc"));
  EXPECT_NE(RecordKey(1, "a", "b"), RecordKey(2, "a", "b"));
}

TEST(RecordKey, KeysOfATenantSpaceAndPrefixHaveAPrefixInCommon) {
  const RecordKey key(7, "web", "user:42");
  EXPECT_TRUE(key.bytes().starts_with(RecordKey(7, "web", "user:").bytes()));
  EXPECT_TRUE(key.bytes().starts_with(RecordKey(7, "web", "").bytes()));
  EXPECT_FALSE(key.bytes().starts_with(RecordKey(7, "we", "").bytes()));
  EXPECT_FALSE(key.bytes().starts_with(RecordKey(8, "web", "").bytes()));
  EXPECT_LT(RecordKey(0x00ff, "web", "z"), RecordKey(0x0100, "web", "a"));
}

TEST(RecordKey, BytesThatAreNoKeyAreDamaged) {
  const std::string whole(RecordKey(1, "web", "k").bytes());
  for (std::size_t size = 0; size < whole.size() - 1; ++size) {
    EXPECT_FALSE(RecordKey::parse(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(RecordKey::parse(whole + std::string(RecordKey::key_bytes_max, 'x')));
  std::string long_space = whole;
  long_space[4] = '\xff';
  EXPECT_FALSE(RecordKey::parse(long_space + std::string(300, 'x')));
}

TEST(ChargedBytes, CountAllThatTheClientGave) {
  const std::size_t empty = charged_bytes("", Record{});
  EXPECT_EQ(charged_bytes("abc", Record{}), empty + 3);
  EXPECT_EQ(charged_bytes("", Record{.value = "12345"}), empty + 5);
  EXPECT_EQ(charged_bytes("", Record{.content_type = "text/plain"}), empty + 10);
  EXPECT_EQ(charged_bytes("", Record{.fields = {{"ab", "c"}, {"", "d"}}}), empty + 4);
}

}  // namespace
}  // namespace headrace
