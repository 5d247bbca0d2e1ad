#include "wire/record.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace headrace {
namespace {

using namespace std::chrono_literals;

Record sample() {
  return {.kind = Record::Kind::map,
          .value = std::string("raw\0bytes", 9),
          .fields = {{"z", "1"}, {"a", ""}, {"", "nameless"}},
          .content_type = "application/json",
          .version = 0x0102030405060708,
          .content_version = 0x0102030405060707,
          .created = WallTime(1ms),
          .updated = WallTime(-2ms),
          .expires = WallTime(3ms),
          .idle = 4ns,
          .ends = WallTime(5ms),
          .accessed = WallTime(6ms)};
}

void expect_equal(const Record& a, const Record& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.fields, b.fields);
  EXPECT_EQ(a.content_type, b.content_type);
  EXPECT_EQ(a.version, b.version);
  EXPECT_EQ(a.content_version, b.content_version);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.updated, b.updated);
  EXPECT_EQ(a.expires, b.expires);
  EXPECT_EQ(a.idle, b.idle);
  EXPECT_EQ(a.ends, b.ends);
  EXPECT_EQ(a.accessed, b.accessed);
}

// Puts the right checksum behind bytes that were tampered with.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const std::uint64_t sum = hash64(bytes);
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i)));
  return bytes;
}

std::string with(std::string bytes, std::size_t at, std::string_view part) {
  return resealed(bytes.replace(at, part.size(), part));
}

void expect_damaged(std::string_view bytes, std::string_view why) {
  const auto decoded = decode_record(bytes);
  ASSERT_FALSE(decoded.has_value()) << "decoded although " << why;
  EXPECT_EQ(decoded.error().code, Code::damaged);
  EXPECT_NE(decoded.error().what.find(why), std::string::npos) << decoded.error().what;
}

TEST(RecordBytes, ComeBackAsTheyWere) {
  for (const Record& record : {Record(), sample()}) {
    const auto decoded = decode_record(encode(record));
    ASSERT_TRUE(decoded.has_value()) << decoded.error().what;
    expect_equal(*decoded, record);
  }
}

// What is kept must be read by every program that comes after.
TEST(RecordBytes, AreThoseOfVersionOne) {
  const Record record{.value = "v", .version = 7};
  const std::string never = std::string(7, '\xff') + "\x7f";
  std::string bytes = "HRrd\1";
  bytes += '\0';
  bytes += std::string("\7\0\0\0\0\0\0\0", 8) + std::string(16, '\0') + never;
  bytes += std::string(8, '\0') + never + std::string(16, '\0');
  bytes += std::string("\0\0", 2) + std::string("\1\0\0\0\0\0\0\0v", 9) + std::string(4, '\0');
  EXPECT_EQ(encode(record), resealed(bytes + std::string(8, '\0')));
}

TEST(RecordBytes, EveryTruncationIsDamage) {
  const std::string bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_record(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(decoded.has_value()) << size;
    EXPECT_EQ(decoded.error().code, Code::damaged);
  }
  EXPECT_FALSE(decode_record(bytes + '\0').has_value());
}

TEST(RecordBytes, EveryFlippedBitIsDamage) {
  const std::string bytes = encode(sample());
  for (std::size_t at = 0; at < 8 * bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ (1 << (at % 8)));
    ASSERT_FALSE(decode_record(flipped).has_value()) << at;
  }
}

TEST(RecordBytes, SayWhatIsWrong) {
  const std::string bytes = encode(Record{});
  expect_damaged("", "begin with");
  expect_damaged("HRrd", "end after 4 bytes");
  expect_damaged(with(bytes, 4, "\x09"), "version 9 is unknown");
  expect_damaged(with(bytes, 5, "\x02"), "kind 2");
  expect_damaged(with(bytes, 45, "\x80"), "negative");
}

TEST(RecordBytes, HostileLengthsAreNotBelieved) {
  const std::string bytes = encode(Record{});
  expect_damaged(with(bytes, 70, "\xff\xff"), "do not add up");
  expect_damaged(with(bytes, 72, "\xff\xff\xff\xff\xff\xff\xff\xff"), "do not add up");
  expect_damaged(with(bytes, 80, "\xff\xff\xff\xff"), "more fields");
}

}  // namespace
}  // namespace headrace
