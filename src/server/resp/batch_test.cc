#include "server/resp/batch.h"

#include <gtest/gtest.h>

#include "server/resp/client.h"
#include "server/resp/command_fixture.h"

namespace headrace::resp {
namespace {

class BatchTest : public CommandTest {
 protected:
  // EXEC of what was added.
  std::string run_as_one(std::vector<Watched> watched = {}) {
    bool has_ended = false;
    start(batch.run_as_one(std::move(watched), who, version, nullptr, nullptr),
          [&has_ended] { has_ended = true; });
    EXPECT_TRUE(has_ended);
    std::string reply = shown(batch.replies());
    batch.clear();
    return reply;
  }
  RecordKey key_of(const std::string& key) { return RecordKey(who->tenant, default_space, key); }
};

TEST_F(BatchTest, APipelineOfWritesIsOneEdit) {
  for (int i = 0; i < 16; ++i) add("SET k" + std::to_string(i) + " v");
  add("INCR n");
  add("GET n");
  add("INCR n");
  batch.say("+PONG\r\n");
  add("DEL n k0");
  const std::string replies = run();
  EXPECT_TRUE(replies.ends_with("+OK :1 $1 1 :2 +PONG :2")) << replies;
  EXPECT_EQ(records.edits, 1U);
  EXPECT_EQ(records.reads, 0U);
  EXPECT_EQ(record_of("n"), nullptr);
}

TEST_F(BatchTest, APipelineOfReadsIsOneRead) {
  ask("MSET a 1 b 2");
  const std::uint64_t edits = records.edits;
  add("GET a");
  add("GET b");
  add("MGET a b c");
  EXPECT_EQ(run(), "$1 1 $1 2 *3 $1 1 $1 2 $-1");
  EXPECT_EQ(records.reads, 1U);
  EXPECT_EQ(records.edits, edits);
}

TEST_F(BatchTest, WhateverOftenAnEditorIsCalledEachIsAnsweredOnce) {
  records.editor_calls = 3;
  add("INCR n");
  add("APPEND s x");
  EXPECT_EQ(run(), ":1 :1");
  EXPECT_EQ(ask("GET n"), "$1 1");
}

TEST_F(BatchTest, WhatFailsAloneChangesNothingOfTheOthers) {
  add("SET a 1");
  add("HSET a f v");
  add("INCR a");
  EXPECT_EQ(run(), "+OK -WRONGTYPE Operation against a key holding the wrong kind of value :2");
}

TEST_F(BatchTest, UnavailableIsNeverAbsent) {
  ask("SET a 1");
  records.fails = true;
  const std::string down = "-UNAVAILABLE the test has taken the records away";
  add("GET a");
  add("GET none");
  EXPECT_EQ(run(), down + " " + down);
  add("SET a 2");
  batch.say("+PONG\r\n");
  add("GET a");
  EXPECT_EQ(run(), down + " +PONG " + down);
  EXPECT_EQ(ask("TTL a"), down);
}

TEST_F(BatchTest, WhatIsOverTheQuotaDoesNotTakeTheOthersWithIt) {
  who->ceiling.records_max = 2;
  ask("SET a 1");
  add("SET b 2");
  add("SET c 3");
  add("DEL a");
  add("SET d 4");
  EXPECT_EQ(run(), "+OK -OOM command not allowed when used memory > 'maxmemory'. :1 +OK");
}

TEST_F(BatchTest, ACommandIsWhole) {
  who->ceiling.records_max = 1;
  EXPECT_EQ(ask("MSET a 1 b 2"), "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(records.size(), 0U);
}

TEST_F(BatchTest, MoreThanMayBeSentIsCutOff) {
  who->value_bytes_max = 1 << 20;
  ask("SET k " + std::string(600'000, 'v'));
  add("GET k");
  add("GET k");
  start(batch.run());
  EXPECT_TRUE(batch.has_overflowed());
}

TEST_F(BatchTest, MutedRepliesAreLeftOut) {
  add("SET a 1");
  batch.mute_last();
  add("GET a");
  EXPECT_EQ(run(), "$1 1");
}

TEST_F(BatchTest, ATransactionIsAllOrNothing) {
  ask("SET a 1");
  add("INCR a");
  add("HGET a f");
  add("GET a");
  EXPECT_EQ(run_as_one(),
            "*3 :2 -WRONGTYPE Operation against a key holding the wrong kind of value $1 2");
  who->ceiling.records_max = 2;
  add("INCR a");
  add("SET b 1");
  add("SET c 1");
  EXPECT_EQ(run_as_one(), "-OOM command not allowed when used memory > 'maxmemory'.");
  EXPECT_EQ(ask("GET a"), "$1 2");
  EXPECT_EQ(run_as_one(), "*0");
}

TEST_F(BatchTest, ATransactionSeesOneMoment) {
  ask("MSET a 1 b 2");
  const std::uint64_t reads = records.reads;
  add("GET a");
  add("GET b");
  EXPECT_EQ(run_as_one(), "*2 $1 1 $1 2");
  EXPECT_EQ(records.reads, reads) << "read key by key";
}

TEST_F(BatchTest, WhatWasWatchedMustBeTheSame) {
  ask("SET w 1");
  const Watched seen(key_of("w"), record_of("w").get());
  add("SET a 1");
  EXPECT_EQ(run_as_one({seen}), "*1 +OK");
  ask("EXPIRE w 100");
  add("SET a 2");
  EXPECT_EQ(run_as_one({seen}), "*-1") << "it ends";
  ask("SET w 1");
  add("SET a 2");
  EXPECT_EQ(run_as_one({seen}), "*-1");
  EXPECT_EQ(ask("GET a"), "$1 1");
  add("SET a 2");
  EXPECT_EQ(run_as_one({Watched(key_of("none"), nullptr)}), "*1 +OK");
  add("SET a 3");
  EXPECT_EQ(run_as_one({Watched(key_of("w"), nullptr)}), "*-1") << "it came";
}

TEST_F(BatchTest, WhatWasWatchedAndHasExpiredHasChanged) {
  ask("SET w 1 PX 10");
  const Watched seen(key_of("w"), record_of("w").get());
  world.advance(10ms);
  add("SET a 1");
  EXPECT_EQ(run_as_one({seen}), "*-1");
}

// A keyspace writes down by itself that a record was read.
TEST_F(BatchTest, ToHaveBeenReadIsNoChange) {
  ask("SET w 1");
  const Watched seen(key_of("w"), record_of("w").get());
  const auto note = [](Workspace& work) {
    work.touch(0).accessed = work.now();
    return true;
  };
  ASSERT_TRUE(world.run(keyspace.edit({key_of("w")}, note, {})).value());
  add("SET a 1");
  EXPECT_EQ(run_as_one({seen}), "*1 +OK");
}

TEST_F(BatchTest, TenantsDoNotSeeEachOther) {
  ask("SET k mine");
  who = identity_of(2);
  EXPECT_EQ(ask("GET k"), "$-1");
}

TEST_F(BatchTest, ATransactionKeepsItsOwnWords) {
  Transaction transaction;
  transaction.open();
  {
    const std::vector<std::string> words = words_of("SET k value");
    const std::vector<std::string_view> args(words.begin(), words.end());
    ASSERT_TRUE(transaction.queue(*find_command("set"), args));
  }
  transaction.give(batch, who, 2);
  EXPECT_EQ(run_as_one(), "*1 +OK");
  EXPECT_EQ(ask("GET k"), "$5 value");
  const std::vector<std::string_view> long_one{"set", "k", "v"};
  while (transaction.queue(*find_command("set"), long_one)) continue;
  EXPECT_EQ(transaction.size(), Transaction::commands_max);
}

}  // namespace
}  // namespace headrace::resp
