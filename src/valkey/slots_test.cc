#include "valkey/slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace headrace::valkey {
namespace {

using testing::HasSubstr;

// The vectors of the cluster's specification, and slots that a server has told.
TEST(Slots, AreTheServers) {
  EXPECT_EQ(slot_of("123456789"), 0x31c3 % slots_count);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("foo"), 12'182);
  EXPECT_EQ(slot_of("bar"), 5'061);
  EXPECT_EQ(slot_of("hello"), 866);
}

TEST(Slots, AHashTagAloneCounts) {
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("user1000"));
  EXPECT_EQ(slot_of("a{user1000}+"), slot_of("user1000"));
  EXPECT_EQ(slot_of("foo{bar}{zap}"), slot_of("bar"));
  EXPECT_EQ(slot_of("foo{{bar}}zap"), slot_of("{bar"));
  EXPECT_EQ(slot_of("foo{}{bar}"), 8'363) << "an empty one is none";
  EXPECT_NE(slot_of("foo{bar"), slot_of("bar"));
}

TEST(Slots, EachHasAKey) {
  for (std::size_t slot = 0; slot < slots_count; slot += 257) {
    const std::string key = key_in(static_cast<std::uint16_t>(slot), "a:", "-b");
    EXPECT_EQ(slot_of(key), slot) << key;
    EXPECT_TRUE(key.starts_with("a:{") && key.ends_with("}-b")) << key;
  }
}

Result<std::vector<Holding>> holdings(std::string_view reply) {
  RespReplies replies(reply);
  return read_holdings(replies.next().value(), "10.0.0.9");
}

TEST(Holdings, AreRead) {
  // As Valkey 8 answers: the primary, and behind it a replica.
  const auto read = holdings(
      "*2\r\n"
      "*4\r\n:0\r\n:5460\r\n*4\r\n$8\r\n10.0.0.1\r\n:6379\r\n$2\r\nid\r\n*0\r\n"
      "*4\r\n$8\r\n10.0.0.4\r\n:6379\r\n$2\r\nid\r\n*0\r\n"
      "*3\r\n:5461\r\n:16383\r\n*3\r\n$0\r\n\r\n:6380\r\n$2\r\nid\r\n");
  ASSERT_TRUE(read.has_value()) << read.error().what;
  EXPECT_THAT(*read, testing::ElementsAre(
                         Holding{.first = 0, .last = 5460, .primary = {"10.0.0.1", 6379}},
                         Holding{.first = 5461, .last = 16383, .primary = {"10.0.0.9", 6380}}));
  EXPECT_TRUE(holdings("*0\r\n")->empty());
}

TEST(Holdings, WhatIsNoneIsRefused) {
  const auto fault = [](std::string_view reply) { return holdings(reply).error().what; };
  EXPECT_THAT(fault("-ERR This instance has cluster support disabled\r\n"),
              HasSubstr("is it a node of a cluster?"));
  EXPECT_THAT(fault("*1\r\n*2\r\n:0\r\n:1\r\n"), HasSubstr("not understood"));
  EXPECT_THAT(fault("*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n"),
              HasSubstr("not understood"));
  EXPECT_THAT(fault("*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n"), HasSubstr("port"));
}

TEST(Claims, AreReadFromTheNodesOwnLine) {
  const auto read = [](std::string_view text) {
    return read_claim({.kind = RespValue::Kind::text, .text = text});
  };
  const std::string_view other = "b1 10.0.0.2:6379@16379 master - 0 1 9 connected 5461-16383\n";
  const std::string rest = " 10.0.0.1:6379@16379,host myself,master - 0 0 7 connected";
  const auto still = read(std::string(other) + "a1" + rest + " 0-5459 5460\r\n");
  ASSERT_TRUE(still.has_value()) << still.error().what;
  EXPECT_EQ(still->epoch, "7");
  EXPECT_FALSE(still->is_moving);
  EXPECT_THAT(still->slots, testing::ElementsAre(Claim::Range{.first = 0, .last = 5459},
                                                 Claim::Range{.first = 5460, .last = 5460}));
  EXPECT_TRUE(read("a1" + rest + "\n" + std::string(other))->slots.empty());
  EXPECT_TRUE(read("a1" + rest + " 0-5460 [93->-b1]\n")->is_moving);
  EXPECT_TRUE(read("a1" + rest + " 0-5460 [77-<-b1]\n")->is_moving);
  for (const std::string& none :
       {std::string(), std::string(other), "a1" + rest + " 7-x\n", "a1" + rest + " 9-8\n",
        "a1" + rest + " 1-16384\n", std::string("a1 h:1@2 myself,master - 0 0\n")}) {
    EXPECT_FALSE(read(none).has_value()) << none;
  }
  EXPECT_FALSE(read_claim({.kind = RespValue::Kind::error, .text = "NOPERM"}).has_value());
}

std::string redirection(std::string_view error) {
  RespValue value{.kind = RespValue::Kind::error, .text = error};
  const auto read = read_redirection(value, "10.0.0.9");
  if (!read) return "none";
  const bool moved = read->kind == Redirection::Kind::moved;
  return (moved ? "moved " : "ask ") + std::to_string(read->slot) + " " + to_string(read->to);
}

TEST(Redirections, AreRead) {
  EXPECT_EQ(redirection("MOVED 3999 127.0.0.1:6381"), "moved 3999 127.0.0.1:6381");
  EXPECT_EQ(redirection("ASK 3999 127.0.0.1:6381"), "ask 3999 127.0.0.1:6381");
  EXPECT_EQ(redirection("MOVED 3999 :6381"), "moved 3999 10.0.0.9:6381");
  EXPECT_EQ(redirection("MOVED 3999 ::1:6381"), "moved 3999 [::1]:6381");
  for (const char* const none : {"ERR unknown", "MOVED", "MOVED x 127.0.0.1:1", "MOVED 1 127.0.0.1",
                                 "MOVED 99999 h:1", "MOVED 1 h:0", "ASK 1 h:x", "ASKING 1 h:1"}) {
    EXPECT_EQ(redirection(none), "none") << none;
  }
  EXPECT_FALSE(read_redirection({.kind = RespValue::Kind::text, .text = "MOVED 1 h:1"}, "h"));
}

}  // namespace
}  // namespace headrace::valkey
