#include <gtest/gtest.h>

#include "server/resp/command_fixture.h"

namespace headrace::resp {
namespace {

class KeysTest : public CommandTest {};

TEST_F(KeysTest, KeysComeAndGo) {
  ask("MSET a 1 b 2");
  EXPECT_EQ(ask("EXISTS a b c a"), ":3");
  EXPECT_EQ(ask("TOUCH a c"), ":1");
  EXPECT_EQ(ask("DEL a c a"), ":1");
  EXPECT_EQ(ask("UNLINK b"), ":1");
  EXPECT_EQ(records.size(), 0U);
  EXPECT_EQ(ask("TYPE a"), "+none");
}

TEST_F(KeysTest, AKeyHasBounds) {
  EXPECT_EQ(ask("GET ''"), "-ERR a key must have 1 to 1024 bytes");
  EXPECT_EQ(ask("SET " + std::string(1024, 'k') + " v"), "+OK");
  EXPECT_EQ(ask("SET " + std::string(1025, 'k') + " v"), "-ERR a key must have 1 to 1024 bytes");
  who->key_prefix = "app:";
  EXPECT_EQ(ask("GET other"),
            "-NOPERM this user has no permissions to access one of the keys used as arguments");
  EXPECT_EQ(ask("SET app:1 v"), "+OK");
}

TEST_F(KeysTest, RenamingTakesAllWithIt) {
  EXPECT_EQ(ask("RENAME a b"), "-ERR no such key");
  ask("SET a 1 EX 100");
  ask("SET b 2");
  EXPECT_EQ(ask("RENAMENX a b"), ":0");
  EXPECT_EQ(ask("RENAME a a"), "+OK");
  EXPECT_EQ(ask("RENAME a b"), "+OK");
  EXPECT_EQ(ask("GET b"), "$1 1");
  EXPECT_EQ(ask("TTL b"), ":100");
  EXPECT_EQ(ask("EXISTS a"), ":0");
  EXPECT_EQ(ask("RENAMENX b c"), ":1");
  EXPECT_EQ(ask("RENAMENX c c"), ":0");
}

TEST_F(KeysTest, CopyingLeavesTheFirst) {
  EXPECT_EQ(ask("COPY a b"), ":0");
  ask("SET a 1 EX 100");
  EXPECT_EQ(ask("COPY a b"), ":1");
  EXPECT_EQ(ask("TTL b"), ":100");
  ask("SET a 2");
  EXPECT_EQ(ask("COPY a b DB 0"), ":0");
  EXPECT_EQ(ask("COPY a b REPLACE"), ":1");
  EXPECT_EQ(ask("GET b"), "$1 2");
  EXPECT_EQ(ask("COPY a a"), "-ERR source and destination objects are the same");
  EXPECT_EQ(ask("COPY a b DB 1"), "-ERR DB index is out of range");
  EXPECT_EQ(ask("COPY a b X"), "-ERR syntax error");
}

TEST_F(KeysTest, AnEndHasConditions) {
  EXPECT_EQ(ask("EXPIRE k 10"), ":0");
  ask("SET k v");
  EXPECT_EQ(ask("EXPIRE k 10 XX"), ":0");
  EXPECT_EQ(ask("EXPIRE k 10 GT"), ":0");  // Nothing is later than never.
  EXPECT_EQ(ask("EXPIRE k 10 NX"), ":1");
  EXPECT_EQ(ask("EXPIRE k 20 NX"), ":0");
  EXPECT_EQ(ask("EXPIRE k 5 GT"), ":0");
  EXPECT_EQ(ask("EXPIRE k 20 GT"), ":1");
  EXPECT_EQ(ask("EXPIRE k 30 LT"), ":0");
  EXPECT_EQ(ask("PEXPIRE k 1500 LT"), ":1");
  EXPECT_EQ(ask("PTTL k"), ":1500");
  EXPECT_EQ(ask("TTL k"), ":2");
  EXPECT_EQ(ask("EXPIRE k 1 NX GT"),
            "-ERR NX and XX, GT or LT options at the same time are not compatible");
  EXPECT_EQ(ask("EXPIRE k 1 GT LT"), "-ERR GT and LT options at the same time are not compatible");
  EXPECT_EQ(ask("EXPIRE k 1 ZZ"), "-ERR Unsupported option ZZ");
  EXPECT_EQ(ask("EXPIRE k 9223372036854775807"), "-ERR invalid expire time in 'expire' command");
}

TEST_F(KeysTest, AnEndMayBeAMoment) {
  ask("SET k v");
  const auto later = world.wall_now() + 100s;
  const std::string ms = std::to_string(later.time_since_epoch().count());
  EXPECT_EQ(ask("PEXPIREAT k " + ms), ":1");
  EXPECT_EQ(ask("PEXPIRETIME k"), ":" + ms);
  EXPECT_EQ(ask("EXPIRETIME k"), ":" + ms.substr(0, ms.size() - 3));
  EXPECT_EQ(ask("TTL k"), ":100");
  EXPECT_EQ(ask("PERSIST k"), ":1");
  EXPECT_EQ(ask("PERSIST k"), ":0");
  EXPECT_EQ(ask("TTL k"), ":-1");
  EXPECT_EQ(ask("TTL none"), ":-2");
  EXPECT_EQ(ask("EXPIREAT k 1"), ":1");
  EXPECT_EQ(ask("EXISTS k"), ":0");
  ask("SET k v");
  EXPECT_EQ(ask("EXPIRE k -1"), ":1");
  EXPECT_EQ(records.size(), 0U);
}

// A sliding end that another face has set would bring back what this one has ended.
TEST_F(KeysTest, TheEndThatIsSetIsTheOnlyOne) {
  const auto now = world.wall_now();
  put("k", {.expires = now + 5000ms, .idle = 5s, .ends = now + 60000ms});
  EXPECT_EQ(ask("EXPIRE k 10"), ":1");
  EXPECT_EQ(record_of("k")->idle, Duration::zero());
  EXPECT_EQ(record_of("k")->ends, Record::never);
}

TEST_F(KeysTest, SaysHowItIsKept) {
  ask("SET n 12");
  ask("SET s text");
  ask("SET l " + std::string(45, 'x'));
  ask("HSET h f v");
  EXPECT_EQ(ask("OBJECT ENCODING n"), "$3 int");
  EXPECT_EQ(ask("OBJECT ENCODING s"), "$6 embstr");
  EXPECT_EQ(ask("OBJECT ENCODING l"), "$3 raw");
  EXPECT_EQ(ask("OBJECT ENCODING h"), "$8 listpack");
  EXPECT_EQ(ask("HSET h g " + std::string(65, 'x')), ":1");
  EXPECT_EQ(ask("OBJECT ENCODING h"), "$9 hashtable");
  EXPECT_EQ(ask("OBJECT REFCOUNT n"), ":1");
  EXPECT_EQ(ask("OBJECT FREQ none"), "$-1");
  world.advance(7s);
  EXPECT_EQ(ask("OBJECT IDLETIME n"), ":7");
  EXPECT_EQ(ask("OBJECT ENCODING none"), "$-1");
  EXPECT_EQ(ask("MEMORY USAGE none"), "$-1");
  EXPECT_EQ(ask("MEMORY USAGE n"), ":" + std::to_string(charged_bytes("n", *record_of("n"))));
  EXPECT_EQ(ask("MEMORY USAGE n SAMPLES 5"), ask("MEMORY USAGE n"));
}

}  // namespace
}  // namespace headrace::resp
