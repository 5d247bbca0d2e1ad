#include "wire/envelope.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "core/hash.h"

namespace headrace {
namespace {

Envelope sample() {
  return {.id = {.high = 0x0102030405060708, .low = 0x1112131415161718},
          .lease = {.high = 0x2122232425262728, .low = 0x3132333435363738},
          .kind = Kind::value,
          .key = std::string("\1t\5users\0key", 12),
          .read_wall = WallTime(std::chrono::milliseconds(1'700'000'000'123)),
          .age_at_publish = Duration(4'567'890),
          .revision = "W/\"7\"",
          .watermarks = {{.id = {.high = 1, .low = 2}, .token = {.high = 3, .low = 4}},
                         {.id = {.high = 5, .low = 6}, .token = {.high = 7, .low = 8}}},
          .payload = "{\"name\":\"Ada\"}"};
}

void expect_equal(const Envelope& a, const Envelope& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.lease, b.lease);
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.read_wall, b.read_wall);
  EXPECT_EQ(a.age_at_publish, b.age_at_publish);
  EXPECT_EQ(a.revision, b.revision);
  EXPECT_EQ(a.watermarks, b.watermarks);
  EXPECT_EQ(a.payload, b.payload);
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text.push_back(digits[static_cast<unsigned char>(byte) >> 4]);
    text.push_back(digits[static_cast<unsigned char>(byte) & 15]);
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// The golden file's digits, without its line ends.
std::string golden() {
  std::ifstream file(HEADRACE_SOURCE_DIR "/tests/golden/envelope_v1.hex");
  std::string all;
  for (std::string line; std::getline(file, line);) all += line;
  return all;
}

// Puts the right checksum behind bytes that were tampered with.
std::string resealed(std::string bytes) {
  bytes.resize(bytes.size() - 8);
  const std::uint64_t sum = hash64(bytes);
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(sum >> (8 * i)));
  return bytes;
}

void expect_damaged(std::string_view bytes, std::string_view why) {
  const auto decoded = decode(bytes);
  ASSERT_FALSE(decoded.has_value()) << "decoded although " << why;
  EXPECT_EQ(decoded.error().code, Code::damaged);
  EXPECT_NE(decoded.error().what.find(why), std::string::npos) << decoded.error().what;
}

TEST(Envelope, BytesAreThoseOfTheGoldenFile) {
  EXPECT_EQ(hex(encode(sample())), golden()) << "envelopes that are kept could no longer be read";
}

TEST(Envelope, GoldenBytesDecode) {
  const auto decoded = decode(unhex(golden()));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().what;
  expect_equal(*decoded, sample());
}

TEST(Envelope, EmptyPartsRoundTrip) {
  const auto decoded = decode(encode(Envelope{}));
  ASSERT_TRUE(decoded.has_value());
  expect_equal(*decoded, Envelope{});
}

TEST(Envelope, KindsAndExtremesRoundTrip) {
  for (const Kind kind : {Kind::value, Kind::null, Kind::absent}) {
    Envelope envelope = sample();
    envelope.kind = kind;
    envelope.payload = kind == Kind::value ? std::string(1 << 20, '\0') : "";
    envelope.read_wall = WallTime(std::chrono::milliseconds(-1));
    envelope.age_at_publish = Duration::max();
    const auto decoded = decode(encode(envelope));
    ASSERT_TRUE(decoded.has_value());
    expect_equal(*decoded, envelope);
  }
}

TEST(Envelope, EveryTruncationIsDamage) {
  const std::string bytes = encode(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode(std::string_view(bytes).substr(0, size));
    ASSERT_FALSE(decoded.has_value()) << size;
    EXPECT_EQ(decoded.error().code, Code::damaged);
  }
  EXPECT_FALSE(decode(bytes + '\0').has_value());
}

TEST(Envelope, EveryFlippedBitIsDamage) {
  const std::string bytes = encode(sample());
  for (std::size_t at = 0; at < 8 * bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ (1 << (at % 8)));
    const auto decoded = decode(flipped);
    ASSERT_FALSE(decoded.has_value()) << at;
    EXPECT_EQ(decoded.error().code, Code::damaged);
  }
}

TEST(Envelope, SaysWhatIsWrong) {
  const std::string bytes = encode(sample());
  expect_damaged("", "begin with");
  expect_damaged("<html>", "begin with");
  expect_damaged("HRev", "end after 4 bytes");
  std::string newer = bytes;
  newer[4] = 9;
  expect_damaged(resealed(newer), "version 9 is unknown");
  std::string torn = bytes;
  torn[30] = static_cast<char>(torn[30] ^ 1);
  expect_damaged(torn, "checksum");
  std::string kind = bytes;
  kind[5] = 3;
  expect_damaged(resealed(kind), "kind 3");
  std::string young = bytes;
  young[53] = '\x80';
  expect_damaged(resealed(young), "age is negative");
}

TEST(Envelope, HostileLengthsAreNotBelieved) {
  const std::string bytes = encode(sample());
  const std::size_t key_at = 54;
  const std::size_t revision_at = key_at + 4 + sample().key.size();
  const std::size_t watermarks_at = revision_at + 4 + sample().revision.size();
  const std::size_t payload_at = watermarks_at + 4 + 64;
  for (const std::size_t at : {key_at, revision_at, watermarks_at, payload_at}) {
    for (const char high : {'\x01', '\x7f', '\xff'}) {
      std::string hostile = bytes;
      hostile[at + 3] = high;
      const auto decoded = decode(resealed(hostile));
      ASSERT_FALSE(decoded.has_value()) << at;
      EXPECT_EQ(decoded.error().code, Code::damaged);
    }
  }
  std::string endless = bytes;
  for (std::size_t i = 0; i < 8; ++i) endless[payload_at + i] = '\xff';
  EXPECT_FALSE(decode(resealed(endless)).has_value());
}

TEST(Envelope, ResealedNoiseNeverCrashes) {
  std::mt19937 random(7);
  const std::string bytes = encode(sample());
  for (int round = 0; round < 20000; ++round) {
    std::string noisy = bytes.substr(0, 14 + random() % (bytes.size() - 13));
    for (int flips = 0; flips < 4; ++flips) {
      noisy[5 + random() % (noisy.size() - 5)] = static_cast<char>(random());
    }
    const auto decoded = decode(resealed(noisy));
    EXPECT_TRUE(!decoded.has_value() || encode(*decoded) == resealed(noisy));
  }
}

}  // namespace
}  // namespace headrace
