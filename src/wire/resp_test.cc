#include "wire/resp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace headrace {
namespace {

using Kind = RespValue::Kind;
using testing::ElementsAre;
using testing::HasSubstr;

RespValue read(std::string_view bytes) {
  RespReplies replies(bytes);
  auto value = replies.next();
  EXPECT_TRUE(value.has_value()) << value.error().what;
  EXPECT_TRUE(replies.is_empty());
  return value ? *value : RespValue{};
}
std::string fault(std::string_view bytes) {
  const auto value = RespReplies(bytes).next();
  return value ? "none" : value.error().what;
}

TEST(RespCommands, AreArraysOfBulks) {
  RespCommands commands;
  commands.add({"GET", "a"}).add({"SET", "b", std::string_view("\r\n\0", 3)});
  EXPECT_EQ(commands.size(), 2u);
  const std::string odd("\r\n\0", 3);
  EXPECT_EQ(commands.bytes(),
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$3\r\n" + odd + "\r\n");
}

TEST(RespCommands, AreTakenApartAndPutTogether) {
  RespCommands both;
  both.add({"GET", "*1\r\n$1\r\na\r\n"}).add({"SET", "b", ""});
  EXPECT_EQ(both.only(0).bytes(), "*2\r\n$3\r\nGET\r\n$11\r\n*1\r\n$1\r\na\r\n\r\n");
  EXPECT_EQ(both.only(1).bytes(), "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$0\r\n\r\n");
  RespCommands again;
  again.add(both.only(0)).add(both.only(1));
  EXPECT_EQ(again.bytes(), both.bytes());
  EXPECT_EQ(again.size(), 2u);
}

TEST(RespReplies, EveryKindIsRead) {
  EXPECT_TRUE(read("+OK\r\n").is("OK"));
  EXPECT_TRUE(read("-ERR no\r\n").is_error());
  EXPECT_EQ(read("-ERR no\r\n").text, "ERR no");
  EXPECT_EQ(read(":-42\r\n").integer, -42);
  EXPECT_EQ(read("$5\r\na\r\nbc\r\n").text, "a\r\nbc");
  EXPECT_EQ(read("$0\r\n\r\n").text, "");
  EXPECT_TRUE(read("$-1\r\n").is_null());
  EXPECT_TRUE(read("*-1\r\n").is_null());
  EXPECT_TRUE(read("_\r\n").is_null());
  EXPECT_EQ(read("#t\r\n").integer, 1);
  EXPECT_EQ(read(",1.5\r\n").text, "1.5");
  EXPECT_EQ(read("(123456789012345678901\r\n").text, "123456789012345678901");
  EXPECT_EQ(read("=7\r\ntxt:abc\r\n").text, "abc");
  EXPECT_TRUE(read("!5\r\nERR x\r\n").is_error());
  const RespValue list = read("*3\r\n:1\r\n$1\r\na\r\n*1\r\n+x\r\n");
  ASSERT_EQ(list.items.size(), 3u);
  EXPECT_EQ(list.items[2].items.at(0).text, "x");
  EXPECT_EQ(read("%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n").items.size(), 4u);
  EXPECT_EQ(read("~1\r\n:1\r\n").items.size(), 1u);
  EXPECT_EQ(read(">1\r\n+x\r\n").kind, Kind::push);
  EXPECT_TRUE(read("|1\r\n+ttl\r\n:5\r\n+OK\r\n").is("OK")) << "attributes are passed over";
}

TEST(RespReplies, WhatIsNoneSaysWhy) {
  EXPECT_THAT(fault(""), HasSubstr("too early"));
  EXPECT_THAT(fault("\r\n"), HasSubstr("an empty line"));
  EXPECT_THAT(fault("x\r\n"), HasSubstr("character 120"));
  EXPECT_THAT(fault(":1x\r\n"), HasSubstr("\"1x\" is no number"));
  EXPECT_THAT(fault("$-2\r\n"), HasSubstr("a length of -2"));
  EXPECT_THAT(fault("$9999999999\r\n"), HasSubstr("the most is"));
  EXPECT_THAT(fault("*9999999\r\n"), HasSubstr("the most is"));
  EXPECT_THAT(fault("#x\r\n"), HasSubstr("boolean"));
  EXPECT_THAT(fault("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"),
              HasSubstr("deep"));
}

TEST(RespScanner, AReplyIsFoundWhereverItIsCut) {
  const std::string one = "*3\r\n$4\r\na\r\nb\r\n%1\r\n+k\r\n*0\r\n|1\r\n+a\r\n:1\r\n:7\r\n";
  const std::string both = one + ">1\r\n+p\r\n";
  for (std::size_t cut = 0; cut < one.size(); ++cut) {
    RespScanner scanner;
    const auto early = scanner.first(std::string_view(both).substr(0, cut));
    ASSERT_TRUE(early.has_value()) << cut << ": " << early.error().what;
    EXPECT_EQ(early->bytes, 0u) << cut;
    const auto found = scanner.first(both);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->bytes, one.size()) << cut;
    EXPECT_FALSE(found->is_push);
    const auto push = scanner.first(std::string_view(both).substr(found->bytes));
    EXPECT_EQ(push->bytes, 8u);
    EXPECT_TRUE(push->is_push);
  }
}

TEST(RespScanner, WhatIsNoneIsRefusedAtOnce) {
  EXPECT_FALSE(RespScanner().first("HTTP/1.1 400 Bad Request\r\n").has_value());
  EXPECT_FALSE(RespScanner().first("$1\r\nabc\r\n").has_value()) << "longer than it says";
  EXPECT_FALSE(RespScanner().first(std::string(resp_line_bytes_max + 2, '+')).has_value());
  EXPECT_FALSE(RespScanner()
                   .first("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n")
                   .has_value());
}

// What the scanner finds whole, the reader can read, to the same end.
TEST(RespScanner, AgreesWithTheReader) {
  static constexpr std::string_view parts[] = {
      "*2\r\n", ":1\r\n", "$3\r\nabc\r\n", "%1\r\n",  "_\r\n", "|1\r\n",
      ">1\r\n", "*0\r\n", "+\r\n",         "$-1\r\n", "x",     "\r\n"};
  std::mt19937 random(1);  // NOLINT(cert-msc32-c): the same every time.
  int whole = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string bytes;
    for (std::size_t n = random() % 12; n > 0; --n) bytes += parts[random() % std::size(parts)];
    RespScanner scanner;
    const auto found = scanner.first(bytes);
    if (!found || found->bytes == 0) continue;
    ++whole;
    RespReplies replies(std::string_view(bytes).substr(0, found->bytes));
    const auto value = replies.next();
    ASSERT_TRUE(value.has_value()) << bytes;
    ASSERT_TRUE(replies.is_empty()) << bytes;
  }
  EXPECT_GT(whole, 10'000);
}

}  // namespace
}  // namespace headrace
