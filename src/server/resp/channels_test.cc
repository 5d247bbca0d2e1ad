#include <gtest/gtest.h>

#include "server/resp/hub.h"
#include "server/resp/server_fixture.h"

namespace headrace::resp {
namespace {

class ChannelsTest : public ServerTest {
 protected:
  void invalidate(Invalidation what) { ASSERT_TRUE(wait(engine.invalidate(std::move(what)))); }
};

Invalidation key(std::string policy, std::string entity) {
  return {.keys = {{.policy = std::move(policy), .entity = std::move(entity)}}};
}

std::vector<std::string> payloads_of(const News& news, const std::vector<std::string>& policies) {
  std::vector<std::string> all;
  for (const Message& message : messages_of(news, policies)) {
    all.push_back(message.channel.substr(all_channel.size()) + " " + message.payload);
  }
  return all;
}

TEST(HubTest, NewsIsToldOnEachChannelThatItConcerns) {
  using All = std::vector<std::string>;
  News news{.names = key("user", "4\"2")};
  news.names.keys.push_back({.policy = "order", .entity = "7"});
  EXPECT_EQ(payloads_of(news, {"user", "order", "other"}),
            (All{R"( {"keys":[{"policy":"user","entity":"4\"2"},{"policy":"order","entity":"7"}]})",
                 R"(:order {"entities":["7"]})", R"(:user {"entities":["4\"2"]})"}));
  EXPECT_EQ(payloads_of({.names = {.policies = {"user"}}}, {"user", "order"}),
            (All{R"( {"policies":["user"]})", R"(:user {"all":true})"}));
  EXPECT_EQ(payloads_of({.names = {.everything = true}}, {"user"}),
            (All{R"( {"everything":true})", R"(:user {"all":true})"}));
  EXPECT_EQ(payloads_of({.missed = true}, {"user"}),
            (All{R"( {"missed":true})", R"(:user {"missed":true})"}));
}

// Whoever may read one policy alone does not learn the names of tags.
TEST(HubTest, ATagConcernsEveryPolicyAndIsNotNamed) {
  EXPECT_EQ(payloads_of({.names = {.tags = {"secret"}}}, {"user"}),
            (std::vector<std::string>{R"( {"tags":["secret"]})", R"(:user {"all":true})"}));
}

TEST(HubTest, WhoMayHearWhat) {
  Identity who;
  who.scopes = Scopes().with(Scope::watch);
  who.policies = {"user"};
  EXPECT_TRUE(may_hear(who, "headrace:invalidations:user"));
  EXPECT_FALSE(may_hear(who, "headrace:invalidations:order"));
  EXPECT_FALSE(may_hear(who, "headrace:invalidations"));
  EXPECT_FALSE(may_hear(who, "news"));
  who.policies = {"*"};
  EXPECT_TRUE(may_hear(who, "headrace:invalidations:order"));
  EXPECT_TRUE(may_hear(who, "headrace:invalidations"));
  who.scopes = {};
  EXPECT_FALSE(may_hear(who, "headrace:invalidations"));
}

TEST_F(ChannelsTest, WhatIsInvalidatedIsTold) {
  auto peer = client();
  EXPECT_EQ(peer->ask("SUBSCRIBE headrace:invalidations:user"),
            "*3 $9 subscribe $27 headrace:invalidations:user :1");
  EXPECT_EQ(peer->ask("PSUBSCRIBE headrace:*"), "*3 $10 psubscribe $10 headrace:* :2");
  invalidate(key("order", "1"));
  invalidate(key("user", "42"));
  const std::string whole = "$22 headrace:invalidations ";
  const std::string begin = "*4 $8 pmessage $10 headrace:* ";
  EXPECT_EQ(peer->hear(), begin + whole + R"($42 {"keys":[{"policy":"order","entity":"1"}]})");
  EXPECT_EQ(peer->hear(), begin + R"($28 headrace:invalidations:order $18 {"entities":["1"]})");
  EXPECT_EQ(peer->hear(), begin + whole + R"($42 {"keys":[{"policy":"user","entity":"42"}]})");
  const std::string own = R"($27 headrace:invalidations:user $19 {"entities":["42"]})";
  EXPECT_EQ(peer->hear(), "*3 $7 message " + own);
  EXPECT_EQ(peer->hear(), begin + own);
  EXPECT_EQ(peer->ask("UNSUBSCRIBE"), "*3 $11 unsubscribe $27 headrace:invalidations:user :1");
  EXPECT_EQ(peer->ask("PUNSUBSCRIBE headrace:*"), "*3 $12 punsubscribe $10 headrace:* :0");
  EXPECT_EQ(peer->ask("UNSUBSCRIBE"), "*3 $11 unsubscribe $-1 :0");
  EXPECT_EQ(peer->ask("GET k"), "$-1");
}

TEST_F(ChannelsTest, AClientOfVersionTwoThatListensDoesNothingElse) {
  auto peer = client();
  peer->ask("SUBSCRIBE headrace:invalidations");
  EXPECT_TRUE(peer->ask("GET k").starts_with("-ERR Can't execute 'get': only (P|S)SUBSCRIBE"));
  EXPECT_EQ(peer->ask("PING"), "*2 $4 pong $0 ");
  EXPECT_EQ(peer->ask("PING x"), "*2 $4 pong $1 x");
  auto newer = stranger();
  newer->ask("HELLO 3 AUTH default key1");
  EXPECT_EQ(newer->ask("SUBSCRIBE headrace:invalidations"),
            ">3 $9 subscribe $22 headrace:invalidations :1");
  EXPECT_EQ(newer->ask("GET k"), "_");
  EXPECT_EQ(newer->ask("PING"), "+PONG");
}

TEST_F(ChannelsTest, NothingIsPromisedThatIsNotTold) {
  auto peer = client();
  EXPECT_TRUE(peer->ask("SUBSCRIBE chat").starts_with("-ERR no such channel"));
  EXPECT_TRUE(peer->ask("PUBLISH chat hello").starts_with("-ERR PUBLISH is not possible"));
  doors.keys["key2"]->policies = {"user"};
  EXPECT_EQ(client("key2")->ask("SUBSCRIBE headrace:invalidations:order"),
            "-NOPERM this user has no permissions to access one of the channels used as arguments");
}

TEST_F(ChannelsTest, WhoseKeyHasEndedHearsNothing) {
  auto peer = client();
  peer->ask("SUBSCRIBE headrace:invalidations");
  doors.keys["key1"]->has_ended = true;
  invalidate(key("user", "42"));
  EXPECT_TRUE(peer->is_ended());
}

TEST_F(ChannelsTest, InvalidatesAndReadsThroughTheCache) {
  auto peer = client();
  EXPECT_EQ(peer->ask("HR.READ none 1"), "-ERR no policy has the name 'none'");
  EXPECT_EQ(peer->ask("HR.INVALIDATE user 1 2"), "+everywhere");
  EXPECT_EQ(peer->ask("HR.INVALIDATE TAG t"), "+everywhere");
  doors.keys["key2"]->policies = {"user"};
  auto other = client("key2");
  EXPECT_EQ(other->ask("HR.READ order 1"),
            "-NOPERM this user has no permissions to read this policy");
  EXPECT_EQ(other->ask("HR.INVALIDATE TAG t"),
            "-NOPERM this user has no permissions to read this policy");
}

}  // namespace
}  // namespace headrace::resp
