#include "stores/valkey/record.h"

#include <gtest/gtest.h>

#include "stores/valkey/names.h"

namespace headrace::valkey {
namespace {

using State = Slot::State;

const Token token{.high = 0x0102030405060708, .low = 42};
const WatermarkId tag = WatermarkId::of("tag:a");

Envelope envelope() {
  return {.id = token,
          .key = "key",
          .watermarks = {{.id = tag, .token = {1, 2}}, {.id = tag, .token = {3, 4}}},
          .payload = "payload"};
}

TEST(Record, ALeaseIsItsToken) {
  const Record read = read_record(lease_record(token));
  EXPECT_EQ(read.state, State::leased);
  EXPECT_EQ(read.token, token);
  EXPECT_EQ(read_head(lease_record(token)).state, State::leased);
}

TEST(Record, NothingIsEmpty) {
  EXPECT_EQ(read_record("").state, State::empty);
}

TEST(Record, AnEnvelopeComesBackWhole) {
  const Record read = read_record(envelope_record(envelope(), 123, 456));
  EXPECT_EQ(read.state, State::held);
  EXPECT_EQ(read.token, token);
  EXPECT_EQ(read.published_at, 123);
  EXPECT_EQ(read.keeps_ms, 456);
  EXPECT_EQ(read.envelope.payload, "payload");
  EXPECT_EQ(read.envelope.watermarks, envelope().watermarks);
}

TEST(Record, ItsHeadIsEnoughToConfirmACopy) {
  const std::string bytes = envelope_record(envelope(), 123, 456).substr(0, head_bytes(2));
  const Record read = read_head(bytes);
  EXPECT_EQ(read.state, State::held);
  EXPECT_EQ(read.envelope.id, token);
  EXPECT_EQ(read.published_at, 123);
  EXPECT_EQ(read.keeps_ms, 456);
  ASSERT_EQ(read.envelope.watermarks.size(), 2u);
  EXPECT_EQ(read.envelope.watermarks[1].token, (Token{3, 4}));
  EXPECT_EQ(read_head(bytes.substr(0, bytes.size() - 1)).state, State::damaged);
}

// Whatever is flipped is noticed, but for the kind's and the token's own bytes, which name another.
TEST(Record, AFlippedBitIsNoticed) {
  const std::string sound = envelope_record(envelope(), 123, 456);
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    std::string bytes = sound;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_EQ(read_record(bytes).state, State::damaged) << "bit " << bit;
  }
}

TEST(Record, WhatIsDamagedHasATokenByWhichItCanBeReplaced) {
  for (const std::string bytes : {"x", "E", "L123", "garbage that is longer than a token"}) {
    const Record read = read_record(bytes);
    EXPECT_EQ(read.state, State::damaged);
    EXPECT_FALSE(read.token.is_none());
  }
}

TEST(Names, AreReadableAndOfOneHashTag) {
  const Names names("app");
  const StoreKey key{{1, 2, 3, 4}};
  const std::string slot = names.slot(key);
  EXPECT_EQ(slot.substr(0, 5), "app:{");
  EXPECT_EQ(slot.back(), '}');
  EXPECT_EQ(names.beside(key), slot + "+");
  EXPECT_NE(names.slot(StoreKey{{1, 2, 3, 5}}), slot);
  EXPECT_EQ(names.watermark(tag).substr(0, 6), "app:w:");
  for (const char c : slot.substr(5, slot.size() - 6))
    EXPECT_TRUE(std::isalnum(c) || c == '-' || c == '_');
}

TEST(Names, TokensComeBack) {
  EXPECT_EQ(token_of(bytes_of(token)), token);
}

}  // namespace
}  // namespace headrace::valkey
