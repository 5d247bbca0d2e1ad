#include "wire/memcached.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headrace::wire {
namespace {

using Kind = MemcachedReply::Kind;
using Set = MemcachedRequest::Set;

constexpr std::size_t enough = 1 << 20;

TEST(MemcachedRequest, CommandsStandOneBehindTheOther) {
  MemcachedRequest request;
  request.version();
  request.stats();
  request.stats("settings");
  request.get("k:1", MemcachedRequest::Value::with);
  request.get("k:1", MemcachedRequest::Value::without);
  request.set("k", "a\r\nb", {.expires_at = 1'800'000'000});
  request.set("k", "", {.when = Set::If::absent});
  request.set("k", "x", {.when = Set::If::matches, .cas = 18446744073709551615u});
  request.remove("k");
  request.remove_if("k", 7);
  EXPECT_EQ(request.replies, 10u);
  EXPECT_EQ(request.bytes,
            "version\r\nstats\r\nstats settings\r\nmg k:1 v c t\r\nmg k:1 c t\r\n"
            "ms k 4 c T1800000000\r\na\r\nb\r\nms k 0 c T0 ME\r\n\r\n"
            "ms k 1 c T0 C18446744073709551615\r\nx\r\nmd k\r\nmd k C7\r\n");
}

// Takes all replies apart, each of them offered byte by byte.
std::vector<std::string> split(std::string_view bytes, std::size_t reply_bytes_max = enough) {
  std::vector<std::string> replies;
  MemcachedReader reader(reply_bytes_max);
  std::size_t offered = 0;
  while (offered < bytes.size()) {
    const Result<std::size_t> size = reader.size_of_first(bytes.substr(0, ++offered));
    if (!size) return {"damaged: " + size.error().what};
    if (*size == 0) continue;
    EXPECT_EQ(*size, offered) << "no byte more than it needs";
    replies.emplace_back(bytes.substr(0, *size));
    bytes.remove_prefix(*size);
    offered = 0;
  }
  return replies;
}

TEST(MemcachedReader, TellsRepliesApart) {
  const std::vector<std::string> replies = {
      "HD c7\r\n",
      "VA 4 c1 t-1\r\n\r\n\r\n\r\n",
      "VA 0\r\n\r\n",
      "EN\r\n",
      "STAT pid 7\r\nSTAT END x\r\nEND\r\n",
      "END\r\n",
      "NS c0\r\n",
      "EX\r\n",
      "NF\r\n",
      "VERSION 1.6.18\r\n",
      "ERROR\r\n",
      "CLIENT_ERROR bad\r\n",
      "SERVER_ERROR out of memory\r\n",
  };
  std::string bytes;
  for (const std::string& reply : replies) bytes += reply;
  EXPECT_EQ(split(bytes), replies);
}

TEST(MemcachedReader, RefusesWhatIsNone) {
  for (const std::string bytes :
       {"-ERR unknown command\r\n", "HDc\r\n", "\r\n", " \r\n", "VA\r\n", "VA x\r\n", "VA -1\r\n",
        "VA 1 c1\r\nabc\r\n", "STAT a b\r\nHD\r\n", "VA 99999999999999999999\r\n"}) {
    const auto replies = split(bytes);
    ASSERT_EQ(replies.size(), 1u) << bytes;
    EXPECT_TRUE(replies[0].starts_with("damaged: ")) << bytes << " gave " << replies[0];
  }
}

TEST(MemcachedReader, TrustsNoLength) {
  MemcachedReader reader(100);
  EXPECT_EQ(reader.size_of_first("VA 50\r\n"), 0u);
  for (const char* const bytes : {"VA 100\r\n", "VA 18446744073709551615\r\n"}) {
    const auto refused = MemcachedReader(100).size_of_first(bytes);
    ASSERT_FALSE(refused) << bytes;
    EXPECT_NE(refused.error().what.find("reply_bytes_max"), std::string::npos);
  }
  const std::string endless(memcached_line_bytes_max, 'H');
  EXPECT_EQ(MemcachedReader(enough).size_of_first(endless.substr(1)), 0u);
  EXPECT_FALSE(MemcachedReader(enough).size_of_first(endless));
  std::string stats;
  while (stats.size() <= 100) stats += "STAT a b\r\n";
  EXPECT_FALSE(MemcachedReader(100).size_of_first(stats));
}

MemcachedReply taken(std::string_view bytes) {
  const Result<MemcachedReply> reply = take_reply(bytes);
  EXPECT_TRUE(reply.has_value());
  return reply.value_or(MemcachedReply{});
}

TEST(MemcachedReply, TellsWhatItHolds) {
  std::string_view bytes = "VA 4 c18446744073709551615 t90\r\na\r\nb\r\nHD c8\r\n";
  const MemcachedReply value = take_reply(bytes).value();
  EXPECT_EQ(value.kind, Kind::value);
  EXPECT_EQ(value.value, "a\r\nb");
  EXPECT_EQ(value.cas(), 18446744073709551615u);
  EXPECT_EQ(value.left(), 90);
  const MemcachedReply done = take_reply(bytes).value();
  EXPECT_EQ(done.kind, Kind::done);
  EXPECT_EQ(done.cas(), 8u);
  EXPECT_EQ(done.left(), std::nullopt);
  EXPECT_TRUE(bytes.empty());
  EXPECT_FALSE(take_reply(bytes));

  EXPECT_EQ(taken("HD t-1\r\n").left(), -1);
  EXPECT_EQ(taken("HD cx t1x\r\n").cas(), 0u);
  EXPECT_EQ(taken("HD cx t1x\r\n").left(), std::nullopt);
  EXPECT_EQ(taken("EX\r\n").kind, Kind::exists);
  EXPECT_EQ(taken("VERSION 1.6.18\r\n").value, "1.6.18");
  EXPECT_EQ(taken("SERVER_ERROR too large\r\n").value, "SERVER_ERROR too large");
  const MemcachedReply stats = taken("STAT pid 77\r\nSTAT pidx 5\r\nSTAT b a b\r\nEND\r\n");
  EXPECT_EQ(stats.kind, Kind::stats);
  EXPECT_EQ(stats.stat("pid"), "77");
  EXPECT_EQ(stats.stat("b"), "a b");
  EXPECT_EQ(stats.stat("pi"), "");
  EXPECT_EQ(stats.stat("STAT"), "");
}

TEST(IntegerOf, TakesNothingButDigits) {
  EXPECT_EQ(integer_of("-12"), -12);
  for (const char* const text : {"", " 1", "1 ", "+1", "0x1", "99999999999999999999"}) {
    EXPECT_EQ(integer_of(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace headrace::wire
