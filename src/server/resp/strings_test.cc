#include <gtest/gtest.h>

#include "server/resp/command_fixture.h"
#include "server/resp/numbers.h"

namespace headrace::resp {
namespace {

class StringsTest : public CommandTest {};

TEST_F(StringsTest, WhatIsSetIsThere) {
  EXPECT_EQ(ask("GET k"), "$-1");
  EXPECT_EQ(ask("SET k v"), "+OK");
  EXPECT_EQ(ask("get k"), "$1 v");
  EXPECT_EQ(ask("STRLEN k"), ":1");
  EXPECT_EQ(ask("SET k ''"), "+OK");
  EXPECT_EQ(ask("GET k"), "$0 ");
}

TEST_F(StringsTest, WhatAnotherFaceKeptIsItsBytes) {
  put("k", {.value = R"({"a":1})", .content_type = "application/json"});
  EXPECT_EQ(ask("GET k"), R"($7 {"a":1})");
  EXPECT_EQ(ask("SET k v"), "+OK");
  EXPECT_EQ(record_of("k")->content_type, "");
}

TEST_F(StringsTest, SetHasConditions) {
  EXPECT_EQ(ask("SET k 1 XX"), "$-1");
  EXPECT_EQ(ask("SET k 1 NX"), "+OK");
  EXPECT_EQ(ask("SET k 2 NX"), "$-1");
  EXPECT_EQ(ask("SET k 3 XX GET"), "$1 1");
  EXPECT_EQ(ask("SET k 4 NX GET"), "$1 3");
  EXPECT_EQ(ask("GET k"), "$1 3");
  EXPECT_EQ(ask("SET k v NX XX"), "-ERR syntax error");
  EXPECT_EQ(ask("SET k v EX 1 PX 1"), "-ERR syntax error");
  EXPECT_EQ(ask("SET k v EX 1 EX 2"), "+OK");
  EXPECT_EQ(ask("SET k v EX 1 KEEPTTL"), "-ERR syntax error");
  EXPECT_EQ(ask("SET k v EX"), "-ERR syntax error");
  EXPECT_EQ(ask("SET k v PERSIST"), "-ERR syntax error");
}

TEST_F(StringsTest, SetHasAnEnd) {
  EXPECT_EQ(ask("SET k v EX 10"), "+OK");
  EXPECT_EQ(ask("PTTL k"), ":10000");
  EXPECT_EQ(ask("SET k w KEEPTTL"), "+OK");
  EXPECT_EQ(ask("PTTL k"), ":10000");
  EXPECT_EQ(ask("SET k w"), "+OK");
  EXPECT_EQ(ask("TTL k"), ":-1");
  EXPECT_EQ(ask("SET k v PX 1500"), "+OK");
  world.advance(1499ms);
  EXPECT_EQ(ask("GET k"), "$1 v");
  world.advance(1ms);
  EXPECT_EQ(ask("GET k"), "$-1");
  EXPECT_EQ(ask("SET k v EX 0"), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(ask("SET k v EX 9223372036854775807"), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(ask("SET k v PX 9223372036854775807"), "-ERR invalid expire time in 'set' command");
  EXPECT_EQ(ask("SET k v EX x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(ask("SETEX k -1 v"), "-ERR invalid expire time in 'setex' command");
  EXPECT_EQ(ask("SET k v PXAT 1"), "+OK");
  EXPECT_EQ(ask("GET k"), "$-1");
}

TEST_F(StringsTest, GetexMovesTheEnd) {
  EXPECT_EQ(ask("GETEX k EX 0"), "$-1");
  ask("SET k v");
  EXPECT_EQ(ask("GETEX k EX 5"), "$1 v");
  EXPECT_EQ(ask("TTL k"), ":5");
  EXPECT_EQ(ask("GETEX k"), "$1 v");
  EXPECT_EQ(ask("TTL k"), ":5");
  EXPECT_EQ(ask("GETEX k PERSIST"), "$1 v");
  EXPECT_EQ(ask("TTL k"), ":-1");
  EXPECT_EQ(ask("GETEX k NX"), "-ERR syntax error");
  EXPECT_EQ(ask("GETDEL k"), "$1 v");
  EXPECT_EQ(ask("GETDEL k"), "$-1");
}

TEST_F(StringsTest, OneKindIsNotTheOther) {
  ask("HSET h f v");
  ask("SET s v");
  const std::string wrong = "-WRONGTYPE Operation against a key holding the wrong kind of value";
  for (const char* line :
       {"GET h", "INCR h", "APPEND h x", "STRLEN h", "GETRANGE h 0 1", "SETRANGE h 0 x", "GETDEL h",
        "GETSET h x", "SET h x GET", "INCRBYFLOAT h 1", "HGET s f", "HSET s f v", "HINCRBY s f 1",
        "HGETALL s", "HLEN s", "HDEL s f", "HSCAN s 0"}) {
    EXPECT_EQ(ask(line), wrong) << line;
  }
  EXPECT_EQ(ask("MGET h s none"), "*3 $-1 $1 v $-1");
  EXPECT_EQ(ask("SETNX h v"), ":0");
  EXPECT_EQ(ask("SET h v"), "+OK");  // Whatever was there.
  EXPECT_EQ(ask("TYPE h"), "+string");
}

TEST_F(StringsTest, ManyAtOnce) {
  EXPECT_EQ(ask("MSET a 1 b 2 a 3"), "+OK");
  EXPECT_EQ(ask("MGET a b c a"), "*4 $1 3 $1 2 $-1 $1 3");
  EXPECT_EQ(ask("MSETNX c 1 a 1"), ":0");
  EXPECT_EQ(ask("EXISTS c"), ":0");
  EXPECT_EQ(ask("MSETNX c 1 d 1"), ":1");
  EXPECT_EQ(ask("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command");
}

TEST_F(StringsTest, Parts) {
  EXPECT_EQ(ask("APPEND k Hello"), ":5");
  EXPECT_EQ(ask("APPEND k World"), ":10");
  EXPECT_EQ(ask("GETRANGE k 0 4"), "$5 Hello");
  EXPECT_EQ(ask("GETRANGE k -5 -1"), "$5 World");
  EXPECT_EQ(ask("GETRANGE k 5 100"), "$5 World");
  EXPECT_EQ(ask("GETRANGE k -1 -5"), "$0 ");
  EXPECT_EQ(ask("SUBSTR k 0 -100"), "$1 H");
  EXPECT_EQ(ask("SETRANGE k 12 x"), ":13");
  EXPECT_EQ(ask("STRLEN k"), ":13");
  EXPECT_EQ(ask("SETRANGE k -1 x"), "-ERR offset is out of range");
  EXPECT_EQ(ask("SETRANGE none 5 ''"), ":0");
  EXPECT_EQ(ask("EXISTS none"), ":0");
}

TEST_F(StringsTest, ValuesHaveALimit) {
  who->value_bytes_max = 4;
  const std::string too_long = "-ERR string exceeds maximum allowed size (proto-max-bulk-len)";
  EXPECT_EQ(ask("SET k 12345"), too_long);
  EXPECT_EQ(ask("SET k 1234"), "+OK");
  EXPECT_EQ(ask("APPEND k 5"), too_long);
  EXPECT_EQ(ask("SETRANGE k 9223372036854775807 x"), too_long);
  EXPECT_EQ(ask("MSET a 1 b 12345"), too_long);
  EXPECT_EQ(ask("EXISTS a"), ":0");
  EXPECT_EQ(ask("HSET h ab cde"), too_long);
}

TEST_F(StringsTest, Counts) {
  EXPECT_EQ(ask("INCR n"), ":1");
  EXPECT_EQ(ask("INCRBY n 41"), ":42");
  EXPECT_EQ(ask("DECR n"), ":41");
  EXPECT_EQ(ask("DECRBY n -1"), ":42");
  EXPECT_EQ(ask("DECRBY n -9223372036854775808"), "-ERR decrement would overflow");
  EXPECT_EQ(ask("INCRBY n 9223372036854775807"), "-ERR increment or decrement would overflow");
  EXPECT_EQ(ask("INCRBYFLOAT n 0.1"), "$4 42.1");
  EXPECT_EQ(ask("INCR n"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(ask("INCRBYFLOAT n x"), "-ERR value is not a valid float");
  EXPECT_EQ(ask("INCRBYFLOAT n inf"), "-ERR increment would produce NaN or Infinity");
  put("t", {.value = "1", .expires = world.wall_now() + 9000ms});
  EXPECT_EQ(ask("INCR t"), ":2");
  EXPECT_EQ(ask("TTL t"), ":9");
}

TEST_F(StringsTest, FractionsAreShownWithoutWhatSaysNothing) {
  EXPECT_EQ(text_of(3.0L), "3");
  EXPECT_EQ(text_of(3.10L), "3.1");
  EXPECT_EQ(text_of(-0.0L), "0");
  EXPECT_EQ(text_of(1e21L), "1000000000000000000000");
  EXPECT_EQ(fraction_of("3.0e3"), 3000.0L);
  for (const char* none : {"", " 1", "1 ", "nan", "x", "1e99999"}) {
    EXPECT_FALSE(fraction_of(none)) << none;
  }
}

}  // namespace
}  // namespace headrace::resp
