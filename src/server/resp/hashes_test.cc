#include <gtest/gtest.h>

#include "server/resp/command_fixture.h"
#include "server/resp/fields.h"

namespace headrace::resp {
namespace {

class HashesTest : public CommandTest {};

TEST_F(HashesTest, FieldsComeAndGo) {
  EXPECT_EQ(ask("HSET h a 1 b 2 a 3"), ":2");
  EXPECT_EQ(ask("HGET h a"), "$1 3");
  EXPECT_EQ(ask("HGET h c"), "$-1");
  EXPECT_EQ(ask("HGET none a"), "$-1");
  EXPECT_EQ(ask("HMSET h c 4"), "+OK");
  EXPECT_EQ(ask("HMGET h a c d"), "*3 $1 3 $1 4 $-1");
  EXPECT_EQ(ask("HGETALL h"), "*6 $1 a $1 3 $1 b $1 2 $1 c $1 4");
  EXPECT_EQ(ask("HKEYS h"), "*3 $1 a $1 b $1 c");
  EXPECT_EQ(ask("HVALS h"), "*3 $1 3 $1 2 $1 4");
  EXPECT_EQ(ask("HLEN h"), ":3");
  EXPECT_EQ(ask("HSTRLEN h a"), ":1");
  EXPECT_EQ(ask("HEXISTS h z"), ":0");
  EXPECT_EQ(ask("HSETNX h a 9"), ":0");
  EXPECT_EQ(ask("HSETNX h d 9"), ":1");
  EXPECT_EQ(ask("TYPE h"), "+hash");
  EXPECT_EQ(ask("HDEL h a a z"), ":1");
  EXPECT_EQ(ask("HDEL h b c d"), ":3");
  EXPECT_EQ(ask("EXISTS h"), ":0");
  EXPECT_EQ(ask("HSET h a"), "-ERR wrong number of arguments for 'hset' command");
  EXPECT_EQ(ask("HMSET h a 1 b"), "-ERR wrong number of arguments for 'hmset' command");
}

TEST_F(HashesTest, VersionThreeHasMaps) {
  version = 3;
  ask("HSET h a 1");
  EXPECT_EQ(ask("HGETALL h"), "%1 $1 a $1 1");
  EXPECT_EQ(ask("HGETALL none"), "%0");
  EXPECT_EQ(ask("HGET h z"), "_");
}

TEST_F(HashesTest, FieldsCount) {
  EXPECT_EQ(ask("HINCRBY h n 5"), ":5");
  EXPECT_EQ(ask("HINCRBY h n -7"), ":-2");
  EXPECT_EQ(ask("HINCRBY h n x"), "-ERR value is not an integer or out of range");
  EXPECT_EQ(ask("HINCRBY h n -9223372036854775808"), "-ERR increment or decrement would overflow");
  EXPECT_EQ(ask("HINCRBYFLOAT h n 0.5"), "$4 -1.5");
  EXPECT_EQ(ask("HINCRBY h n 1"), "-ERR hash value is not an integer");
  EXPECT_EQ(ask("HINCRBYFLOAT h n x"), "-ERR value is not a valid float");
  ask("HSET h s text");
  EXPECT_EQ(ask("HINCRBYFLOAT h s 1"), "-ERR hash value is not a float");
}

TEST_F(HashesTest, Scans) {
  ask("HSET h a1 1 b1 2 a2 3");
  EXPECT_EQ(ask("HSCAN h 0"), "*2 $1 0 *6 $2 a1 $1 1 $2 b1 $1 2 $2 a2 $1 3");
  EXPECT_EQ(ask("HSCAN h 0 MATCH a* COUNT 1"), "*2 $1 0 *4 $2 a1 $1 1 $2 a2 $1 3");
  EXPECT_EQ(ask("HSCAN none 0"), "*2 $1 0 *0");
  EXPECT_EQ(ask("HSCAN h x"), "-ERR invalid cursor");
  EXPECT_EQ(ask("HSCAN h 0 COUNT 0"), "-ERR syntax error");
}

TEST_F(HashesTest, ManyFieldsAreFoundThroughAnIndex) {
  Record record{.kind = Record::Kind::map};
  for (int i = 0; i < 1000; ++i) record.fields.emplace_back("f" + std::to_string(i), "0");
  Fields fields(record, 1000);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(fields.set("f" + std::to_string(i), "1"));
  EXPECT_TRUE(fields.set("new", "1"));
  EXPECT_FALSE(fields.set("new", "2"));
  EXPECT_EQ(record.fields.size(), 1001U);
  EXPECT_EQ(record.fields[999].second, "1");
  EXPECT_EQ(record.fields.back().second, "2");
}

}  // namespace
}  // namespace headrace::resp
