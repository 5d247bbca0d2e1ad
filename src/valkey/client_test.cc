// The greeting, in which a server proves that it compares before it sets; what a store asks of the
// client besides is in stores/valkey.
#include "valkey/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "headrace/sync.h"
#include "kit/start_or_skip.h"
#include "kit/valkey_server.h"
#include "valkey/scripts.h"

namespace headrace::valkey {
namespace {

using kit::ValkeyServer;
using testing::HasSubstr;

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

// What a sound server answers, step by step.
std::vector<std::string> sound_answers() {
  return {"%1\r\n+server\r\n+redis\r\n",
          bulk("redis_version:7.0.15\r\nrun_id:a\r\n"),
          bulk("role:master\r\nmaster_replid:b\r\n"),
          bulk("maxmemory_policy:noeviction\r\n"),
          "*2\r\n$2\r\n10\r\n$1\r\n5\r\n",
          "*2\r\n$2\r\n10\r\n$1\r\n7\r\n",
          bulk("sha"),
          ":0\r\n",
          "+OK\r\n",
          "_\r\n",
          bulk("L0123456789abcdef"),
          ":0\r\n",
          ":1\r\n",
          ":0\r\n",
          "+OK\r\n",
          ":1\r\n",
          "-ERR syntax error\r\n",
          "-ERR syntax error\r\n",
          "-ERR unknown command\r\n",
          "-ERR unknown command\r\n",
          ":1\r\n"};
}

class GreetingTest : public testing::Test {
 protected:
  Result<std::shared_ptr<Server>> read() {
    std::string replies;
    for (const std::string& one : answers) replies += one;
    return read_greeting(greeting, replies, Instant{}, Instant{std::chrono::seconds(1)});
  }
  std::string fault() {
    const auto server = read();
    return server ? "none" : server.error().what;
  }
  static constexpr std::string_view script = compare_and_set;
  const Greeting greeting = make_greeting({}, std::span(&script, 1), "probe");
  std::vector<std::string> answers = sound_answers();
};

TEST_F(GreetingTest, ASoundServerIsKnown) {
  const auto server = read();
  ASSERT_TRUE(server.has_value()) << server.error().what;
  EXPECT_EQ((*server)->program, "redis");
  EXPECT_EQ((*server)->version, "7.0.15");
  EXPECT_FALSE((*server)->has_set_ifeq);
  EXPECT_EQ((*server)->shas.at(0), "sha");
  EXPECT_EQ((*server)->clock.at_least(Instant{std::chrono::seconds(1)}), 10'000'005);
}

// Each step of the proof, answered as by something that does not compare, or does not delete.
TEST_F(GreetingTest, WhoeverFailsOneStepOfTheProofIsRefused) {
  for (std::size_t step = 7; step <= 15; ++step) {
    answers = sound_answers();
    const std::string& right = answers[step];
    answers[step] = right == ":0\r\n" ? ":1\r\n" : right == "_\r\n" ? "+OK\r\n" : ":0\r\n";
    EXPECT_THAT(fault(), HasSubstr("breaks compare-and-set: step " + std::to_string(step - 6)));
  }
  answers = sound_answers();
  EXPECT_EQ(fault(), "none");
}

TEST_F(GreetingTest, WhatIsMissingIsNamed) {
  answers[0] = "-WRONGPASS invalid username-password pair\r\n";
  EXPECT_THAT(fault(), HasSubstr("user and password are refused"));
  answers[0] = "-ERR unknown command 'HELLO'\r\n";
  EXPECT_THAT(fault(), HasSubstr("Redis 6.2"));
  answers = sound_answers();
  answers[2] = "-NOPERM this user has no permissions\r\n";
  EXPECT_THAT(fault(), HasSubstr("may not do what Headrace needs: NOPERM"));
  answers = sound_answers();
  answers[1] = bulk("redis_version:7\r\n");
  EXPECT_THAT(fault(), HasSubstr("run_id"));
  answers = sound_answers();
  answers[2] = bulk("role:slave\r\nmaster_replid:b\r\n");
  EXPECT_THAT(fault(), HasSubstr("replica"));
  answers = sound_answers();
  std::swap(answers[4], answers[5]);
  EXPECT_THAT(fault(), HasSubstr("times that cannot be"));
  for (const char* const wrong : {"5x", "-5", "1000000"}) {
    answers = sound_answers();
    answers[5] = "*2\r\n$2\r\n10\r\n" + bulk(wrong);
    EXPECT_THAT(fault(), HasSubstr("TIME is answered by")) << wrong;
  }
  answers = sound_answers();
  answers.pop_back();
  EXPECT_THAT(fault(), HasSubstr("not answered"));
}

TEST_F(GreetingTest, ConditionalCommandsCountOnlyIfTheyDoWhatTheyShould) {
  const auto with = [this](std::string taken, std::string refused, std::string kept,
                           std::string gone) {
    answers = sound_answers();
    answers[16] = std::move(taken);
    answers[17] = std::move(refused);
    answers[18] = std::move(kept);
    answers[19] = std::move(gone);
    return std::pair((*read())->has_set_ifeq, (*read())->has_delifeq);
  };
  EXPECT_EQ(with("+OK\r\n", "_\r\n", ":0\r\n", ":1\r\n"), std::pair(true, true));
  EXPECT_EQ(with("+OK\r\n", "_\r\n", ":1\r\n", ":1\r\n"), std::pair(true, false));
  EXPECT_EQ(with("+OK\r\n", "+OK\r\n", ":0\r\n", ":1\r\n"), std::pair(false, false));
  EXPECT_EQ(with("_\r\n", "_\r\n", ":0\r\n", ":1\r\n"), std::pair(false, false));
}

class ClientTest : public testing::TestWithParam<kit::ValkeyProgram> {
 protected:
  ~ClientTest() override { runtime.stop(); }
  Runtime runtime{{.threads = 2}};
};

INSTANTIATE_TEST_SUITE_P(Every, ClientTest, testing::ValuesIn(kit::every_valkey_program),
                         [](const auto& tested) { return kit::name_of(tested.param); });

TEST_P(ClientTest, ARealServerPassesTheProofAndIsLeftAsItWas) {
  KIT_START(server, ValkeyServer::start({.program = GetParam()}));
  Client client(runtime, {.to = {"127.0.0.1", static_cast<std::uint16_t>(server->port())},
                          .scripts = {compare_and_set},
                          .probe = "probe"});
  RespCommands commands;
  commands.add({"SET", "a", "1"}).add({"GET", "a"}).add({"NONSENSE"});
  const auto replies = wait(client.call(std::move(commands)));
  ASSERT_TRUE(replies.has_value()) << replies.error().what;
  EXPECT_EQ(replies->values.at(1).text, "1");
  EXPECT_TRUE(replies->values.at(2).is_error());
  EXPECT_EQ(replies->server->program, GetParam() == kit::ValkeyProgram::redis ? "redis" : "valkey");
  EXPECT_EQ(replies->server->has_set_ifeq, GetParam() == kit::ValkeyProgram::newest);
  EXPECT_EQ(replies->server->has_delifeq, GetParam() == kit::ValkeyProgram::newest);
  EXPECT_EQ(server->command({"KEYS", "*"}), "[a]");
  client.close();
}

}  // namespace
}  // namespace headrace::valkey
