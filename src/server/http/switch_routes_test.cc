// Invalidation, puts, policies and explanations over HTTP, against a real engine.
#include <gtest/gtest.h>

#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

class SwitchRoutesTest : public ServerTest {
 protected:
  std::string read(Client& peer, std::string target) { return peer.get(std::move(target)).body; }
};

TEST_F(SwitchRoutesTest, WhatIsInvalidatedIsReadAnew) {
  Client peer = client();
  const std::string bodies[] = {R"({"keys":[{"policy":"orders","entity":"1"}]})",
                                R"({"tags":["order:1"]})", R"({"policies":["orders"]})",
                                R"({"policy":"orders"})", R"({"everything":true})"};
  int version = 0;
  for (const std::string& body : bodies) {
    source->set("1", std::to_string(version));
    peer.send_json("POST", "/v1/invalidate", R"({"everything":true})");
    EXPECT_EQ(read(peer, "/v1/read/orders/1"), std::to_string(version));
    source->set("1", std::to_string(++version));
    const auto response = peer.send_json("POST", "/v1/invalidate", body);
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.body, R"({"held":"everywhere"})");
    EXPECT_EQ(read(peer, "/v1/read/orders/1"), std::to_string(version)) << body;
  }
}

TEST_F(SwitchRoutesTest, BadInvalidationsDoNothing) {
  source->set("1", "[1]");
  Client peer = client();
  read(peer, "/v1/read/users/1");
  const auto fault = [&peer](std::string body) {
    const auto response = peer.send_json("POST", "/v1/invalidate", std::move(body));
    EXPECT_EQ(code_of(response), response.status == 422 ? "validation" : "bad-request");
    const auto problem = json_of(response);
    const auto* errors = problem.as_object().if_contains("errors");
    return errors ? std::string(errors->at(0).at("pointer").as_string()) : "none";
  };
  EXPECT_EQ(fault("{}"), "");
  EXPECT_EQ(fault(R"({"everything":false})"), "");
  EXPECT_EQ(fault(R"({"everything":1})"), "/everything");
  EXPECT_EQ(fault(R"({"everything":true,"tags":[1]})"), "/tags/0");
  EXPECT_EQ(fault(R"({"keys":[{"policy":"users","entity":"1"},{"policy":"users"}]})"),
            "/keys/1/entity");
  EXPECT_EQ(fault(R"({"keys":"users"})"), "/keys");
  EXPECT_EQ(fault(R"({"polices":["users"]})"), "/polices");
  EXPECT_EQ(fault(R"({"policies":["users"],"wait":"evrywhere"})"), "/wait");
  EXPECT_EQ(fault(R"({"policies":["users"],"wait":true})"), "/wait");
  EXPECT_EQ(fault(R"({"wait":"everywhere"})"), "");
  EXPECT_EQ(fault("\"all\""), "");
  EXPECT_EQ(fault(R"({"tags":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[)"
                  R"([[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]})"),
            "none");
  source->set("1", "[2]");
  EXPECT_EQ(read(peer, "/v1/read/users/1"), "[1]") << "something was invalidated";
}

TEST_F(SwitchRoutesTest, APutIsRead) {
  Client peer = client();
  EXPECT_EQ(peer.send_json("PUT", "/v1/put/users/1", R"({"put":1})").body,
            R"({"held":"everywhere"})");
  EXPECT_EQ(read(peer, "/v1/read/users/1"), R"({"put":1})");
  EXPECT_EQ(peer.send_json("PUT", "/v1/put/users/1", "null").status, 200);
  EXPECT_EQ(read(peer, "/v1/read/users/1"), "null");
  EXPECT_EQ(source->reads(), 0);
  EXPECT_EQ(peer.send_json("PUT", "/v1/put/users/1", "{").status, 400);
  EXPECT_EQ(peer.send_json("PUT", "/v1/put/user/1", "1").status, 404);
  EXPECT_EQ(peer.send_json("PUT", "/v1/put/users/", "1").status, 400);
  EXPECT_EQ(peer.ask({.method = "PUT", .target = "/v1/put/users/1", .body = "1"}).status, 415);
  EXPECT_EQ(read(peer, "/v1/read/users/1"), "null");
}

TEST_F(SwitchRoutesTest, ALinearizablePolicyTakesNoPuts) {
  define({.name = "accounts", .level = Level::linearizable});
  source->set("1", "[1]");
  Client peer = client();
  const auto refused = peer.send_json("PUT", "/v1/put/accounts/1", "[2]");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(code_of(refused), "no-puts");
  EXPECT_TRUE(refused.body.contains("linearizable")) << refused.body;
  EXPECT_EQ(read(peer, "/v1/read/accounts/1"), "[1]");
  EXPECT_EQ(peer.get("/problems/no-puts").status, 200);
}

TEST_F(SwitchRoutesTest, PoliciesAreListedWithWhatTheyCounted) {
  source->set("1", "[1]");
  Client peer = client();
  read(peer, "/v1/read/users/1");
  read(peer, "/v1/read/users/1");
  const auto all = json_of(peer.get("/v1/policies"));
  EXPECT_TRUE(all.at("reads_on").as_bool());
  EXPECT_EQ(all.at("policies").as_array().size(), 2U);
  const auto one = json_of(peer.get("/v1/policies/users"));
  EXPECT_EQ(one.at("name").as_string(), "users");
  EXPECT_EQ(one.at("fresh_for").to_number<double>(), 3600);
  EXPECT_EQ(one.at("stats").at("reads").as_int64(), 2);
  EXPECT_EQ(one.at("stats").at("answers").at("memory").at("fresh").as_int64(), 1);
  EXPECT_EQ(one.at("stats").at("source_reads").as_int64(), 1);
  EXPECT_EQ(code_of(peer.get("/v1/policies/usrs")), "no-such-policy");
}

TEST_F(SwitchRoutesTest, SwitchesTakeEffectAtOnce) {
  source->set("1", "[1]");
  Client peer = client();
  read(peer, "/v1/read/users/1");
  const auto off = peer.send_json("PATCH", "/v1/policies/users", R"({"rollout":"off"})");
  ASSERT_EQ(off.status, 200) << off.body;
  EXPECT_EQ(json_of(off).at("rollout").as_string(), "off");
  EXPECT_EQ(peer.get("/v1/read/users/1").header("cache-status"),
            "headrace; fwd=bypass; detail=policy-off");
  const auto some = peer.send_json("PATCH", "/v1/policies/users",
                                   R"({"rollout":"percentage","percentage":0.01})");
  EXPECT_EQ(json_of(some).at("percentage").to_number<double>(), 0.01);
  EXPECT_EQ(peer.get("/v1/read/users/1").header("cache-status"),
            "headrace; fwd=bypass; detail=sampled-out");
  peer.send_json("PATCH", "/v1/policies/users", R"({"rollout":"on"})");
  peer.send_json("PATCH", "/v1/policies/*", R"({"reads":"off"})");
  EXPECT_FALSE(engine.reads_on());
  EXPECT_TRUE(peer.get("/v1/read/users/1").header("cache-status")->contains("fwd=bypass"));
  peer.send_json("PATCH", "/v1/policies/*", R"({"reads":"on"})");
  EXPECT_TRUE(engine.reads_on());
}

TEST_F(SwitchRoutesTest, AVersionBumpForgetsWhatWasKept) {
  source->set("1", "[1]");
  Client peer = client();
  read(peer, "/v1/read/users/1");
  const auto version = json_of(peer.get("/v1/policies/users")).at("version").as_int64();
  source->set("1", "[2]");
  const auto bumped = peer.send_json("PATCH", "/v1/policies/users", R"({"version":"bump"})");
  EXPECT_EQ(json_of(bumped).at("version").as_int64(), version + 1);
  EXPECT_EQ(read(peer, "/v1/read/users/1"), "[2]");
  source->set("1", "[3]");
  EXPECT_EQ(peer.send_json("PATCH", "/v1/policies/*", R"({"version":"bump"})").status, 200);
  EXPECT_EQ(read(peer, "/v1/read/users/1"), "[3]");
}

TEST_F(SwitchRoutesTest, BadPatchesChangeNothing) {
  Client peer = client();
  const auto status = [&peer](std::string policy, std::string body) {
    return peer.send_json("PATCH", "/v1/policies/" + policy, std::move(body)).status;
  };
  EXPECT_EQ(status("users", R"({"rollout":"of"})"), 422);
  EXPECT_EQ(status("users", R"({"rollout":1})"), 422);
  EXPECT_EQ(status("users", R"({"percentage":101})"), 422);
  EXPECT_EQ(status("users", R"({"percentage":-0.1})"), 422);
  EXPECT_EQ(status("users", R"({"percentage":"9"})"), 422);
  EXPECT_EQ(status("users", R"({"version":2})"), 422);
  EXPECT_EQ(status("users", R"({"reads":"off"})"), 422);
  EXPECT_EQ(status("users", "{}"), 422);
  EXPECT_EQ(status("*", R"({"rollout":"off"})"), 422);
  EXPECT_EQ(status("*", R"({"reads":false})"), 422);
  EXPECT_EQ(status("nobody", R"({"rollout":"off"})"), 404);
  const auto plain = peer.ask({.method = "PATCH", .target = "/v1/policies/users", .body = "{}"});
  EXPECT_EQ(plain.status, 415);
  EXPECT_EQ(plain.header("accept-patch"), "application/merge-patch+json");
  EXPECT_EQ(json_of(peer.get("/v1/policies/users")).at("rollout").as_string(), "on");
}

TEST_F(SwitchRoutesTest, AnEntryIsExplained) {
  source->set("1", "[1]");
  Client peer = client();
  EXPECT_FALSE(json_of(peer.get("/v1/explain/users/1")).at("memory").at("present").as_bool());
  read(peer, "/v1/read/users/1");
  const auto story = json_of(peer.get("/v1/explain/users/1"));
  EXPECT_EQ(story.at("entity").as_string(), "1");
  EXPECT_TRUE(story.at("memory").at("present").as_bool());
  EXPECT_EQ(story.at("memory").at("state").as_string(), "fresh");
  EXPECT_FALSE(story.at("verdict").as_string().empty());
  EXPECT_EQ(code_of(peer.get("/v1/explain/nobody/1")), "no-such-policy");
}

}  // namespace
}  // namespace headrace::http
