#include "bus/postgres/frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "headrace/bus/postgres.h"
#include "wire/bus_message.h"

namespace headrace::postgres {
namespace {

BusMessage message(std::uint64_t sequence, std::size_t bytes = 1) {
  BusMessage made{.origin = {1, 1}, .sequence = sequence};
  made.names.tags = {std::string(bytes, 'x')};
  return made;
}

std::vector<std::string> payloads_of(const std::vector<BusMessage>& messages) {
  std::vector<std::string> payloads;
  for (Portion& portion : portions_of(messages)) {
    std::ranges::move(portion.payloads, std::back_inserter(payloads));
  }
  return payloads;
}

// What a reader makes of all of them.
FrameReader::Read read_all(FrameReader& reader, const std::vector<std::string>& payloads) {
  FrameReader::Read all;
  for (const std::string& payload : payloads) {
    FrameReader::Read one = reader.read(payload);
    std::ranges::move(one.messages, std::back_inserter(all.messages));
    all.missed = all.missed || one.missed;
  }
  return all;
}

std::vector<std::uint64_t> sequences_of(const FrameReader::Read& read) {
  std::vector<std::uint64_t> sequences;
  for (const BusMessage& one : read.messages) sequences.push_back(one.sequence);
  return sequences;
}

TEST(Frames, MessagesOfEverySizeComeBackInTheirOrder) {
  std::vector<BusMessage> messages;
  std::vector<std::uint64_t> expected(40);
  std::iota(expected.begin(), expected.end(), 1);
  // Around the size at which a message is alone, or in two pieces, and far beyond.
  for (const std::uint64_t i : expected) {
    messages.push_back(message(i, i % 4 == 0 ? 5840 + i : i % 7 == 0 ? i * 10'000 : i * 20));
  }
  const std::vector<std::string> payloads = payloads_of(messages);
  EXPECT_LT(payloads.front().size(), 8000u);
  for (const std::string& payload : payloads) {
    ASSERT_LE(payload.size(), payload_bytes_max);
    ASSERT_EQ(payload.find_first_of("{},\"\\ '"), std::string::npos);
  }
  FrameReader reader;
  const FrameReader::Read all = read_all(reader, payloads);
  EXPECT_FALSE(all.missed);
  ASSERT_EQ(sequences_of(all), expected);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(encode_message(all.messages[i]), encode_message(messages[i]));
  }
}

TEST(Frames, SmallOnesShareAPayload) {
  EXPECT_EQ(payloads_of(std::vector<BusMessage>(20, message(1))).size(), 1u);
}

TEST(Frames, APortionIsNotMuchLargerThanItMayBeAndNoMessageIsInTwo) {
  const std::vector<Portion> portions =
      portions_of(std::vector<BusMessage>(8, message(1, 400'000)));
  EXPECT_GT(portions.size(), 2u);
  for (const Portion& portion : portions) {
    EXPECT_LT(portion.bytes, 2 * portion_bytes_max);
    FrameReader reader;
    EXPECT_FALSE(read_all(reader, portion.payloads).missed);
  }
}

// The server delivers one of them.
TEST(Frames, EqualPiecesAreThoseOfEqualMessages) {
  BusMessage other = message(1, 60'000);
  other.incarnation = {1, 1};  // At the end: the pieces before are of the same bytes.
  std::vector<std::string> payloads = payloads_of({message(1, 60'000), other});
  std::ranges::sort(payloads);
  EXPECT_EQ(std::ranges::adjacent_find(payloads), payloads.end());
}

TEST(Frames, WhatIsTooLargeIsToldAsMissed) {
  const auto payloads =
      payloads_of({message(1), message(2, postgres_message_bytes_max), message(3)});
  FrameReader reader;
  const FrameReader::Read all = read_all(reader, payloads);
  EXPECT_TRUE(all.missed);
  EXPECT_THAT(sequences_of(all), testing::ElementsAre(1, 3));
}

TEST(Frames, OfPiecesThatAreNotWholeAllIsMissed) {
  const std::vector<std::string> whole = payloads_of({message(1, 20'000)});
  ASSERT_GT(whole.size(), 3u);
  for (std::size_t lost = 0; lost < whole.size(); ++lost) {
    std::vector<std::string> rest = whole;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(lost));
    rest.push_back(payloads_of({message(2)}).front());
    FrameReader reader;
    const FrameReader::Read all = read_all(reader, rest);
    EXPECT_TRUE(all.missed) << lost;
    EXPECT_THAT(sequences_of(all), testing::ElementsAre(2));
  }
  FrameReader reader;
  (void)reader.read(whole.front());
  const FrameReader::Read again = read_all(reader, whole);
  EXPECT_TRUE(again.missed);
  EXPECT_EQ(again.messages.size(), 1u);
}

TEST(Frames, WhatNobodyOfUsWroteMayHaveBeenAMessage) {
  const std::string good = payloads_of({message(1)}).front();
  std::string damaged = good;
  damaged[20] = damaged[20] == 'A' ? 'B' : 'A';
  for (const std::string& payload :
       {std::string(), std::string("garbage"), std::string("m"), std::string("m!"), damaged,
        good.substr(0, good.size() - 3), std::string("pAAAA"), std::string("x") + good}) {
    FrameReader reader;
    const FrameReader::Read read = reader.read(payload);
    EXPECT_TRUE(read.missed || payload == "m") << payload;
    EXPECT_THAT(read.messages, testing::IsEmpty());
    EXPECT_FALSE(reader.read(good).missed);
  }
}

}  // namespace
}  // namespace headrace::postgres
