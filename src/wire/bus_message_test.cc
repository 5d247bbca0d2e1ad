#include "wire/bus_message.h"

#include <gtest/gtest.h>

namespace headrace {
namespace {

BusMessage message() {
  BusMessage made{.kind = BusMessage::Kind::invalidation,
                  .origin = {1, 2},
                  .sequence = 3,
                  .beat = 4,
                  .incarnation = {5, 6},
                  .lease = {7, 8}};
  made.names.everything = true;
  made.names.keys = {{"users", "42", ""}, {"orders", std::string("\0x", 2), "rev"}};
  made.names.tags = {"a", ""};
  made.names.policies = {"users"};
  made.keys = {StoreKey{{1, 2, 3, 4}}, StoreKey{{5, 6, 7, 8}}};
  made.watermarks = {WatermarkId::of("x")};
  return made;
}

TEST(BusMessage, ComesBackWhole) {
  const auto read = decode_message(encode_message(message()));
  ASSERT_TRUE(read.has_value()) << read.error().what;
  EXPECT_EQ(read->kind, BusMessage::Kind::invalidation);
  EXPECT_EQ(read->origin, (Token{1, 2}));
  EXPECT_EQ(read->sequence, 3u);
  EXPECT_EQ(read->beat, 4u);
  EXPECT_TRUE(read->names.everything);
  ASSERT_EQ(read->names.keys.size(), 2u);
  EXPECT_EQ(read->names.keys[1].policy, "orders");
  EXPECT_EQ(read->names.keys[1].entity, std::string("\0x", 2));
  EXPECT_EQ(read->names.keys[1].revision, "rev");
  EXPECT_EQ(read->names.tags, message().names.tags);
  EXPECT_EQ(read->names.policies, message().names.policies);
  EXPECT_EQ(read->keys, message().keys);
  EXPECT_EQ(read->watermarks, message().watermarks);
  EXPECT_EQ(read->incarnation, (Token{5, 6}));
  EXPECT_EQ(read->lease, (Token{7, 8}));
}

TEST(BusMessage, ABeatIsSmall) {
  const std::string bytes = encode_message({.kind = BusMessage::Kind::beat, .origin = {1, 2}});
  EXPECT_LT(bytes.size(), 100u);
  EXPECT_TRUE(decode_message(bytes).has_value());
}

TEST(BusMessage, WhateverIsFlippedOrCutIsNoticed) {
  const std::string sound = encode_message(message());
  for (std::size_t bit = 0; bit < sound.size() * 8; ++bit) {
    std::string bytes = sound;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(decode_message(bytes).has_value()) << "bit " << bit;
  }
  for (std::size_t size = 0; size < sound.size(); ++size) {
    EXPECT_FALSE(decode_message(std::string_view(sound).substr(0, size)).has_value()) << size;
  }
}

}  // namespace
}  // namespace headrace
