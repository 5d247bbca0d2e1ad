// The bytes, without a disk: what is no frame, and what tells a broken one from an unfinished one.
#include "journals/file/frames.h"

#include <gtest/gtest.h>

#include "journals/file/scan.h"

namespace headrace::journals {
namespace {

using Found = Scan::Found;

Journal::Record order(std::uint64_t number) {
  return {.number = number,
          .keys = {{{number, 2, 3, 4}}},
          .watermarks = {{.high = 5, .low = 6}},
          .floors = {{.key = {{7, 8, 9, 10}}, .revision = "r17", .lasts = Duration(11)}}};
}

TEST(Frames, AnOrderComesBack) {
  const std::string bytes = frame_of(order(42)) + "more";
  const auto frame = read_frame(bytes);
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->bytes, bytes.size() - 4);
  EXPECT_FALSE(frame->strikes);
  EXPECT_EQ(frame->record.number, 42u);
  EXPECT_EQ(frame->record.keys, order(42).keys);
  EXPECT_EQ(frame->record.watermarks, order(42).watermarks);
  ASSERT_EQ(frame->record.floors.size(), 1u);
  EXPECT_EQ(frame->record.floors[0].key, order(42).floors[0].key);
  EXPECT_EQ(frame->record.floors[0].revision, "r17");
  EXPECT_EQ(frame->record.floors[0].lasts, Duration(11));
}

TEST(Frames, StrikesAndLossesComeBack) {
  const std::vector<std::uint64_t> numbers{1, 300, 1ull << 62};
  const auto strikes = read_frame(frame_of_strikes(numbers));
  ASSERT_TRUE(strikes.has_value());
  EXPECT_TRUE(strikes->strikes);
  EXPECT_EQ(strikes->struck, numbers);
  const auto lost = read_frame(frame_of({.number = 9, .lost = true}));
  ASSERT_TRUE(lost.has_value());
  EXPECT_TRUE(lost->record.lost);
  EXPECT_EQ(lost->record.number, 9u);
}

// The bytes that are on the disks of others.
TEST(Frames, TheFormatIsVersion1) {
  EXPECT_EQ(head_of(3).substr(0, 16), std::string("HRjl\1\0\0\0\3\0\0\0\0\0\0\0", 16));
  const std::string frame = frame_of({.number = 9, .lost = true});
  EXPECT_EQ(frame.substr(0, 8), std::string("HRjf\x09\0\0\0", 8));
  EXPECT_EQ(frame.substr(16, 9), std::string("\3\x09\0\0\0\0\0\0\0", 9));
  EXPECT_EQ(frame.size(), 33u);
}

TEST(Frames, AHeadOfAnotherKindIsNamed) {
  std::string head = head_of(3);
  head[4] = 7;
  EXPECT_NE(read_head(head).error().what.find("version 7"), std::string::npos);
  EXPECT_NE(read_head("hello").error().what.find("no journal"), std::string::npos);
  EXPECT_NE(read_head("HRjl").error().what.find("cut short"), std::string::npos);
  head = head_of(3);
  head[8] = 4;
  EXPECT_NE(read_head(head).error().what.find("checksum"), std::string::npos);
}

TEST(Frames, NoneIsFoundInWhatWasCutOrChanged) {
  const std::string whole = frame_of(order(1));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_frame(std::string_view(whole).substr(0, size)).has_value()) << size;
    EXPECT_TRUE(is_unfinished(std::string_view(whole).substr(0, size))) << size;
    std::string rest = whole.substr(0, size) + std::string(whole.size() - size + 1000, '\0');
    EXPECT_FALSE(read_frame(rest).has_value()) << size;
  }
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(read_frame(changed).has_value()) << bit;
    EXPECT_FALSE(is_unfinished(changed)) << bit;
    EXPECT_FALSE(is_unfinished(changed + std::string(100, '\0'))) << bit;
  }
}

// A crash leaves pages of a file unwritten: they are zero.
TEST(Frames, WhatWasNotWrittenToItsEndIsUnfinished) {
  const std::string whole = frame_of(order(1));
  for (std::size_t size = 0; size < whole.size() - 8; ++size) {
    EXPECT_TRUE(is_unfinished(whole.substr(0, size) + std::string(whole.size(), '\0'))) << size;
  }
  EXPECT_FALSE(is_unfinished("these are sixteen bytes and more of another program"));
}

// So that there is always a next one.
TEST(Frames, ANumberThatIsNeverGivenIsNone) {
  EXPECT_TRUE(read_frame(frame_of(order(1ull << 62))).has_value());
  EXPECT_FALSE(read_frame(frame_of(order((1ull << 62) + 1))).has_value());
  const std::vector<std::uint64_t> struck{~std::uint64_t{0}};
  EXPECT_FALSE(read_frame(frame_of_strikes(struck)).has_value());
  EXPECT_FALSE(read_head(head_of(~std::uint64_t{0})).has_value());
  EXPECT_FALSE(read_head(head_of(0)).has_value()) << "that is of what was lost";
  const Scan last = scan(head_of(1) + frame_of(order(1ull << 62)) + "damage of any kind");
  EXPECT_EQ(last.found, Found::damaged);
  EXPECT_EQ(last.standing.size(), 2u);
  EXPECT_EQ(read_head(head_of(last.next)), last.next);
}

TEST(Frames, FramesAreFoundBehindWhatIsNone) {
  const std::string frame = frame_of(order(1));
  EXPECT_EQ(find_frame("HRjfHRjf" + frame, 0), 8u);
  EXPECT_EQ(find_frame(frame + frame, 1), frame.size());
  EXPECT_EQ(find_frame(frame, 1), std::string::npos);
  EXPECT_EQ(find_frame("", 0), std::string::npos);
}

TEST(ScanTest, StandingAreThoseThatWereNotStruck) {
  const std::vector<std::uint64_t> struck{1};
  const Scan got =
      scan(head_of(1) + frame_of(order(1)) + frame_of(order(2)) + frame_of_strikes(struck));
  EXPECT_EQ(got.found, Found::sound);
  ASSERT_EQ(got.standing.size(), 1u);
  EXPECT_EQ(got.standing.begin()->second, frame_of(order(2)));
  EXPECT_EQ(got.next, 3u);
}

TEST(ScanTest, NumbersGoOnFromTheHead) {
  EXPECT_EQ(scan(head_of(700)).next, 700u);
  EXPECT_EQ(scan(head_of(1)).next, 1u);
}

TEST(ScanTest, EveryFlippedBitIsDamageAndCostsItsOwnRecordAlone) {
  const std::string order_1 = frame_of(order(1));
  const std::string order_2 = frame_of(order(2));
  const std::string whole = head_of(1) + order_1 + order_2;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    std::string changed = whole;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    const Scan got = scan(changed);
    ASSERT_EQ(got.found, Found::damaged) << bit;
    const std::size_t at = bit / 8;
    const std::size_t second = head_bytes + order_1.size();
    EXPECT_EQ(got.standing.contains(1), at < head_bytes || at >= second) << bit;
    EXPECT_EQ(got.standing.contains(2) && got.standing.at(2) == order_2, at < second) << bit;
    ASSERT_TRUE(got.standing.contains(lost_number)) << bit;
    EXPECT_TRUE(read_frame(got.standing.at(lost_number))->record.lost) << bit;
  }
}

// A loss of power may keep the later of two pages and not the earlier: that is no end of a file.
TEST(ScanTest, AnUnfinishedFrameBeforeAWholeOneIsDamage) {
  const std::string hole(frame_of(order(1)).size(), '\0');
  const Scan got = scan(head_of(1) + hole + frame_of(order(2)));
  EXPECT_EQ(got.found, Found::damaged);
  EXPECT_EQ(got.standing.size(), 2u);
  EXPECT_EQ(got.standing.at(2), frame_of(order(2)));
  EXPECT_EQ(got.standing.at(lost_number), frame_of({.number = lost_number, .lost = true}));
}

TEST(ScanTest, AnyBytesEnd) {
  EXPECT_EQ(scan("").found, Found::damaged);
  EXPECT_EQ(scan(std::string(10'000, '\0')).found, Found::damaged);
  EXPECT_EQ(scan(head_of(1) + std::string(10'000, '\0')).found, Found::unfinished);
  EXPECT_EQ(scan(head_of(1) + std::string(10'000, '\xff')).found, Found::damaged);
}

}  // namespace
}  // namespace headrace::journals
