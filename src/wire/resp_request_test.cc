#include "wire/resp_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "wire/resp_writer.h"

namespace headrace::wire {
namespace {

using Words = std::vector<std::string>;

Words words_of(const RespRequestParser& parser) {
  return {parser.args().begin(), parser.args().end()};
}

// The text of a fault; empty if there is none.
std::string fault_of(std::string_view bytes, RespRequestLimits limits = {}) {
  RespRequestParser parser(limits);
  return parser.put(bytes) == Parse::failed ? parser.fault() : "";
}

Words line_of(std::string_view bytes) {
  RespRequestParser parser;
  EXPECT_EQ(parser.put(bytes), Parse::done) << bytes;
  EXPECT_EQ(parser.used(), bytes.size());
  return words_of(parser);
}

TEST(RespRequestTest, ACommandIsAnArrayOfStrings) {
  RespRequestParser parser;
  const std::string bytes = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\na\r\nb\r\nPING\r\n";
  ASSERT_EQ(parser.put(bytes), Parse::done);
  EXPECT_EQ(words_of(parser), (Words{"SET", "k", "a\r\nb"}));
  EXPECT_EQ(parser.used(), bytes.size() - 6);
  EXPECT_EQ(parser.args()[0].data(), bytes.data() + 8) << "the words were copied";
}

TEST(RespRequestTest, BytesComeInAnyPieces) {
  const std::string one = "*2\r\n$4\r\nECHO\r\n$6\r\nab\r\ncd\r\n";
  RespRequestParser parser;
  for (int turn = 0; turn < 2; ++turn) {
    for (std::size_t size = 0; size < one.size(); ++size) {
      // Each time at another place, as a buffer that grows.
      const std::string moved = one.substr(0, size);
      ASSERT_EQ(parser.put(moved), Parse::more) << size;
    }
    ASSERT_EQ(parser.put(one), Parse::done);
    EXPECT_EQ(words_of(parser), (Words{"ECHO", "ab\r\ncd"}));
    parser.skip();
    EXPECT_FALSE(parser.is_inside());
  }
}

// What came whole is read in another way than what came in pieces, and means the same.
TEST(RespRequestTest, AWholeCommandMeansWhatItsPiecesDo) {
  RespRequestLimits limits{.args_max = 3, .bulk_bytes_max = 12, .request_bytes_max = 40};
  const std::vector<std::string> commands = {
      "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
      "*3\r\n$1\r\na\r\n$0\r\n\r\n$2\r\nbc\r\n",
      "*1\r\n$12\r\nabcdefghijkl\r\n",
      "*1\r\n$13\r\nabcdefghijklm\r\n",
      "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
      "*2\r\n$9\r\nabcdefghi\r\n$9\r\nabcdefghi\r\n",
      "*1\r\n$1000000000\r\na\r\n",
      "*0\r\n$1\r\n",
      "*3\r\n$9\r\nabcdefghi\r\n$9\r\nabcdefghi\r\n$9\r\nabcdefghi\r\n"};
  int done = 0;
  for (const std::string& command : commands) {
    for (std::size_t at = 0; at <= command.size(); ++at) {
      for (const char byte : {'0', '1', '9', '*', '$', '\r', '\n', '-', ' ', 'a', '\0'}) {
        std::string bytes = command;
        if (at < bytes.size()) bytes[at] = byte;
        if (bytes.front() != '*') continue;  // A line.
        RespRequestParser whole(limits);
        RespRequestParser pieces(limits);
        Parse parse = pieces.put(std::string_view(bytes).substr(0, 4));
        if (parse == Parse::more) parse = pieces.put(bytes);
        ASSERT_EQ(whole.put(bytes), parse) << bytes;
        EXPECT_EQ(whole.fault(), pieces.fault()) << bytes;
        if (parse != Parse::done) continue;
        ++done;
        EXPECT_EQ(words_of(whole), words_of(pieces)) << bytes;
        EXPECT_EQ(whole.used(), pieces.used()) << bytes;
      }
    }
  }
  EXPECT_GT(done, 100);
}

TEST(RespRequestTest, EmptyCommandsAreCommandsWithoutWords) {
  for (const std::string_view bytes : {"\r\n", "\n", "*0\r\n", "*-1\r\n", "  \r\n"}) {
    EXPECT_EQ(line_of(bytes), Words{}) << bytes;
  }
}

TEST(RespRequestTest, PeopleTypeLines) {
  EXPECT_EQ(line_of("PING\r\n"), Words{"PING"});
  EXPECT_EQ(line_of("  set  k\tv \n"), (Words{"set", "k", "v"}));
  EXPECT_EQ(line_of("set k \"a b\\x41\\n\\\"\" 'c\\'d\\n'\r\n"),
            (Words{"set", "k", "a bA\n\"", "c'd\\n"}));
  EXPECT_EQ(line_of("a\"b\"\r\n"), Words{"ab"});
  EXPECT_EQ(line_of("\"\" x\r\n"), (Words{"", "x"}));
}

TEST(RespRequestTest, FaultsHaveTheTextsThatRedisHas) {
  EXPECT_EQ(fault_of("set k \"a\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(fault_of("set k \"a\"b\r\n"), "Protocol error: unbalanced quotes in request");
  EXPECT_EQ(fault_of("*x\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(fault_of("*1048577\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(fault_of("*01\r\n"), "Protocol error: invalid multibulk length");
  EXPECT_EQ(fault_of("*1\r\n$-1\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(fault_of("*1\r\n$x\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(fault_of("*1\r\n$1048577\r\n"), "Protocol error: invalid bulk length");
  EXPECT_EQ(fault_of("*1\r\nfoo\r\n"), "Protocol error: expected '$', got 'f'");
  EXPECT_EQ(fault_of(std::string(70000, 'a')), "Protocol error: too big inline request");
  EXPECT_EQ(fault_of("*" + std::string(70000, '1')), "Protocol error: too big mbulk count string");
  EXPECT_EQ(fault_of("*1\r\n$" + std::string(70000, '1')),
            "Protocol error: too big bulk count string");
}

TEST(RespRequestTest, StrangersSendLittle) {
  const RespRequestLimits stranger{.authenticated = false};
  EXPECT_EQ(fault_of("*10\r\n$16384\r\n", stranger), "");
  EXPECT_EQ(fault_of("*11\r\n", stranger), "Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(fault_of("*1\r\n$16385\r\n", stranger), "Protocol error: unauthenticated bulk length");
}

TEST(RespRequestTest, ACommandAsAWholeHasALimit) {
  const RespRequestLimits small{.request_bytes_max = 30};
  EXPECT_EQ(fault_of("*2\r\n$3\r\nSET\r\n$9\r\n", small), "");
  EXPECT_EQ(fault_of("*2\r\n$3\r\nSET\r\n$20\r\n", small), "Protocol error: too big request");
}

TEST(RespRequestTest, NumbersAreReadStrictly) {
  EXPECT_EQ(strict_integer("0"), 0);
  EXPECT_EQ(strict_integer("-12"), -12);
  EXPECT_EQ(strict_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(strict_integer("-9223372036854775808"), INT64_MIN);
  for (const std::string_view none :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "1.0", "9223372036854775808", "x"}) {
    EXPECT_EQ(strict_integer(none), std::nullopt) << none;
  }
}

TEST(RespWriterTest, WhatVersion2LacksBecomesWhatItHas) {
  const auto written = [](int version) {
    std::string text;
    RespWriter out(text, version);
    out.map(1).bulk("k").integer(-3).set(1).null().push(1).truth(true).null_array().real(0.5);
    out.verbatim("hi").error("ERR a\r\nb").ok().bulk_integer(12);
    return text;
  };
  EXPECT_EQ(written(2),
            "*2\r\n$1\r\nk\r\n:-3\r\n*1\r\n$-1\r\n*1\r\n:1\r\n*-1\r\n$3\r\n0.5\r\n"
            "$2\r\nhi\r\n-ERR a  b\r\n+OK\r\n$2\r\n12\r\n");
  EXPECT_EQ(written(3),
            "%1\r\n$1\r\nk\r\n:-3\r\n~1\r\n_\r\n>1\r\n#t\r\n_\r\n,0.5\r\n"
            "=6\r\ntxt:hi\r\n-ERR a  b\r\n+OK\r\n$2\r\n12\r\n");
}

}  // namespace
}  // namespace headrace::wire
