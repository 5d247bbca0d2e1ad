#include "records/firestore/names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace headrace::firestore_records {
namespace {

const Names names("projects/p/databases/d", "c");
const std::string front = "projects/p/databases/d/documents/c/";

// Keys that begin alike, end where others go on, and have all bytes.
std::vector<RecordKey> some_keys() {
  std::mt19937 random(7);
  std::vector<RecordKey> keys;
  for (const TenantId tenant : {0U, 7U, 8U, 0x100U, 0xffffffffU}) {
    for (const std::string_view space : {"", "a", "ab", "b"}) {
      for (int i = 0; i < 40; ++i) {
        std::string key;
        for (auto size = random() % 6; size > 0; --size) {
          key += "\x00\x01\x3f\x40\x7f\x80\xff"[random() % 7];
        }
        keys.emplace_back(tenant, space, key);
      }
    }
  }
  std::ranges::sort(keys);
  const auto doubled = std::ranges::unique(keys);
  keys.erase(doubled.begin(), doubled.end());
  return keys;
}

TEST(FirestoreRecordNames, SortAsKeysDo) {
  const std::vector<RecordKey> keys = some_keys();
  for (std::size_t i = 1; i < keys.size(); ++i) {
    EXPECT_LT(names.record(keys[i - 1]), names.record(keys[i])) << i;
  }
}

TEST(FirestoreRecordNames, TellTheirKeys) {
  for (const RecordKey& key : some_keys()) EXPECT_EQ(names.key_of(names.record(key)), key);
}

TEST(FirestoreRecordNames, AreWhatFirestoreTakes) {
  const std::string key(RecordKey::key_bytes_max, '\xff');
  for (const TenantId tenant : {0U, 0x96596596U, 0xffffffffU}) {
    for (const char fill : {'\x00', '\x96', '\xff'}) {
      const RecordKey longest(tenant, std::string(RecordKey::space_bytes_max, fill),
                              std::string(RecordKey::key_bytes_max, fill));
      const std::string id = names.record(longest).substr(front.size());
      EXPECT_LE(id.size(), 1500U);
      EXPECT_EQ(id.find_first_not_of("-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                                     "abcdefghijklmnopqrstuvwxyz"),
                std::string::npos);
      EXPECT_FALSE(id.starts_with("__"));
    }
  }
}

TEST(FirestoreRecordNames, SumsAreApartFromEachOtherAndFromRecords) {
  std::set<std::string> all;
  for (const TenantId tenant : {0U, 7U, 0xffffffffU}) {
    for (std::size_t i = 0; i < 16; ++i) {
      const std::string name = names.sums(tenant, i);
      EXPECT_TRUE(all.insert(name).second) << name;
      EXPECT_EQ(names.key_of(name), std::nullopt);
    }
  }
}

TEST(FirestoreRecordNames, WhatIsNoRecordsNameHasNoKey) {
  const std::string good = names.record({7, "space", "key"});
  EXPECT_TRUE(names.key_of(good).has_value());
  for (const std::string& name :
       {front, front + "r", front + "r-", front + "x" + good.substr(front.size() + 1), good + "!",
        std::string("projects/p/databases/d/documents/other/") + good.substr(front.size()),
        good + "z" /* No key ends in the middle of a byte. */}) {
    EXPECT_EQ(names.key_of(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace headrace::firestore_records
