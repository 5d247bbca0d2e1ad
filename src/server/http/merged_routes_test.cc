// Merged reads over HTTP, against a real engine.
#include "server/http/merged_routes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

// One source holds what all policies read.
class MergedRoutesTest : public ServerTest {
 protected:
  MergedRoutesTest() {
    for (const std::string name : {"fragments", "members"}) define({.name = name});
    options.merged = {view("config")};
    source->set("ann", R"({"domain":"d7"})");
    source->set("public/theme", R"({"color":"grey","size":1.10})");
    source->set("domain/d7/theme", R"({"color":"blue"})");
    source->set("user/ann/theme", R"({"font":null})");
    source->set("user/bob/theme", R"({"secret":1})");
  }
  std::shared_ptr<const MergedView> view(std::string name) {
    return *MergedView::make(
        engine,
        {.name = std::move(name),
         .scopes =
             {{.name = "public", .policy = "fragments", .entity = "public/{name}"},
              {.name = "domain",
               .rank = 10,
               .policy = "fragments",
               .entity = "domain/{domain}/{name}"},
              {.name = "user", .rank = 20, .policy = "fragments", .entity = "user/{user}/{name}"}},
         .membership = "members"});
  }
  static wire::Headers as(std::string user) { return {{"Headrace-User", std::move(user)}}; }
  static wire::Response post(Client& peer, std::string body, wire::Headers headers = {}) {
    headers.push_back({"Content-Type", "application/json"});
    return peer.ask({.method = "POST",
                     .target = "/v1/merged/config",
                     .headers = std::move(headers),
                     .body = std::move(body)});
  }
};

TEST_F(MergedRoutesTest, AnAnswerIsMergedForWhoeverAsks) {
  Client peer = client();
  const auto mine = peer.get("/v1/merged/config/theme", as("ann"));
  EXPECT_EQ(mine.status, 200);
  EXPECT_EQ(mine.body, R"({"color":"blue","size":1.10,"font":null})");
  EXPECT_EQ(mine.header("content-type"), "application/json");
  EXPECT_EQ(mine.header("headrace-scopes"), "public, domain, user");
  EXPECT_EQ(mine.header("cache-status"), "headrace; fwd=miss; detail=cold");
  EXPECT_EQ(mine.header("cache-control"), "no-store");
  EXPECT_EQ(mine.header("headrace-bound"), "3600");
  EXPECT_EQ(mine.header("age"), "0");
  EXPECT_TRUE(mine.header("headrace-age-ms"));
  const int reads = source->reads();
  const auto hit = peer.get("/v1/merged/config/theme", as("ann"));
  EXPECT_EQ(hit.body, mine.body);
  EXPECT_TRUE(hit.header("cache-status")->starts_with("headrace; hit; ttl="));
  EXPECT_TRUE(hit.header("cache-status")->ends_with("; detail=memory"));
  const auto anybodys = peer.get("/v1/merged/config/theme");
  EXPECT_EQ(anybodys.body, R"({"color":"grey","size":1.10})");
  EXPECT_EQ(anybodys.header("headrace-scopes"), "public");
  EXPECT_EQ(source->reads(), reads) << "all of it was known";
}

TEST_F(MergedRoutesTest, WhatNobodyHasIsA404) {
  Client peer = client();
  const auto unknown = peer.get("/v1/merged/config/nothing", as("ann"));
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code_of(unknown), "not-found");
  EXPECT_EQ(unknown.header("cache-status"), "headrace; fwd=miss; detail=cold");
  const auto no_view = peer.get("/v1/merged/confog/theme");
  EXPECT_EQ(no_view.status, 404);
  EXPECT_EQ(code_of(no_view), "no-such-view");
  EXPECT_NE(no_view.body.find("did you mean \\\"config\\\""), std::string::npos) << no_view.body;
}

TEST_F(MergedRoutesTest, ATagThatStillHoldsSavesTheBody) {
  Client peer = client();
  const std::string tag(peer.get("/v1/merged/config/theme", as("ann")).header("etag").value());
  const auto same =
      peer.get("/v1/merged/config/theme", {{"Headrace-User", "ann"}, {"If-None-Match", tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.header("etag"), tag);
  EXPECT_EQ(same.header("headrace-scopes"), "public, domain, user");
  EXPECT_EQ(peer.get("/v1/merged/config/theme", {{"If-None-Match", tag}}).status, 200)
      << "what another sees has another tag";
  const auto head = peer.ask({.method = "HEAD", .target = "/v1/merged/config/theme"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-length"), "28");
}

TEST_F(MergedRoutesTest, NobodyIsNamedButByTheHeader) {
  Client peer = client();
  for (const std::string name : {"user", "domain", "scope"}) {
    const auto one = peer.get("/v1/merged/config/theme?" + name + "=bob", as("ann"));
    EXPECT_EQ(one.status, 422) << name;
    EXPECT_EQ(code_of(one), "validation");
    const auto many = post(peer, R"({"names":["theme"],")" + name + R"(":"bob"})", as("ann"));
    EXPECT_EQ(many.status, 422) << name;
    EXPECT_NE(many.body.find("/" + name), std::string::npos) << many.body;
    EXPECT_EQ(peer.ask({.method = "POST",
                        .target = "/v1/merged/config?" + name + "=bob",
                        .headers = {{"Content-Type", "application/json"}},
                        .body = R"({"names":["theme"]})"})
                  .status,
              422);
  }
  EXPECT_EQ(source->reads(), 0);
  EXPECT_EQ(peer.get("/v1/merged/config/%2E%2E%2Fbob%2Ftheme", as("ann")).status, 404);
}

TEST_F(MergedRoutesTest, AUserThatIsNoneIsRefusedAndNotAnonymous) {
  Client peer = client();
  for (const std::string& bad : {std::string(), std::string("\xff"), std::string(1025, 'x')}) {
    const auto refused = peer.get("/v1/merged/config/theme", as(bad));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(code_of(refused), "bad-request");
  }
  const auto twice =
      peer.get("/v1/merged/config/theme", {{"Headrace-User", "ann"}, {"headrace-user", "bob"}});
  EXPECT_EQ(twice.status, 400);
  EXPECT_EQ(source->reads(), 0);
}

TEST_F(MergedRoutesTest, ManyNamesAreAnsweredInTheirOrder) {
  source->set("public/broken", "{");
  source->set("public/number", "12345678901234567890");
  Client peer = client();
  const auto reply =
      post(peer, R"({"names":["number","broken","nothing","theme","number"]})", as("ann"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_NE(reply.body.find(R"("value":12345678901234567890,)"), std::string::npos) << reply.body;
  const auto json = json_of(reply);
  const auto& results = json.at("results").as_array();
  ASSERT_EQ(results.size(), 5u);
  EXPECT_EQ(results[0].at("value"), results[4].at("value"));
  EXPECT_EQ(results[1].at("status"), 502);
  EXPECT_EQ(results[1].at("code"), "backend-unavailable");
  EXPECT_TRUE(results[1].at("detail").as_string().find("scope \"public\"") !=
              boost::json::string::npos);
  EXPECT_EQ(results[2].at("status"), 404);
  EXPECT_EQ(results[2].at("code"), "not-found");
  const auto& theme = results[3].as_object();
  EXPECT_EQ(theme.at("status"), 200);
  EXPECT_EQ(theme.at("value").at("color"), "blue");
  EXPECT_EQ(theme.at("bound_ms"), 3600 * 1000);
  EXPECT_TRUE(theme.contains("age_ms"));
  const auto& scopes = theme.at("scopes").as_array();
  ASSERT_EQ(scopes.size(), 3u);
  EXPECT_EQ(scopes[1].at("name"), "domain");
  EXPECT_EQ(scopes[1].at("origin"), "source");
  EXPECT_EQ(scopes[1].at("reason"), "cold");
  EXPECT_TRUE(scopes[1].as_object().contains("age_ms"));
}

TEST_F(MergedRoutesTest, BodiesAreCheckedWhole) {
  Client peer = client();
  for (const std::string body : {"{}", "[]", R"({"names":"a"})", R"({"names":[""]})",
                                 R"({"names":[1]})", R"({"names":[],"more":1})"}) {
    const auto refused = post(peer, body);
    EXPECT_EQ(refused.status, 422) << body;
  }
  std::string names = R"({"names":["a")";
  for (std::size_t i = 0; i < merged_names_max; ++i) names += R"(,"a")";
  const auto many = post(peer, names + "]}");
  EXPECT_EQ(many.status, 422);
  EXPECT_NE(many.body.find("merged_names_max is 100"), std::string::npos) << many.body;
  EXPECT_EQ(json_of(post(peer, R"({"names":[]})")).at("results").as_array().size(), 0u);
}

TEST_F(MergedRoutesTest, ErrorsOfTheMembershipAreEverybodys) {
  source->set("eve", R"({"domain":7})");
  Client peer = client();
  const auto single = peer.get("/v1/merged/config/theme", as("eve"));
  EXPECT_EQ(single.status, 502);
  EXPECT_NE(single.body.find("the membership (policy \\\"members\\\")"), std::string::npos);
  EXPECT_EQ(post(peer, R"({"names":["theme"]})", as("eve")).status, 502);
  EXPECT_EQ(single.body.find("eve"), std::string::npos) << "nobody is named";
}

TEST_F(MergedRoutesTest, ReadsAreSteeredAsThoseOfEntities) {
  Client peer = client();
  (void)peer.get("/v1/merged/config/theme");
  source->set("public/theme", R"({"v":2})");
  EXPECT_NE(peer.get("/v1/merged/config/theme").body, R"({"v":2})");
  EXPECT_EQ(peer.get("/v1/merged/config/theme", {{"Cache-Control", "no-cache"}}).body,
            R"({"v":2})");
  EXPECT_EQ(peer.get("/v1/merged/config/theme?refresh=true").body, R"({"v":2})");
  EXPECT_EQ(peer.get("/v1/merged/config/theme?withon=1").status, 400);
  EXPECT_EQ(peer.get("/v1/merged/config/theme?key=x").status, 400);
  const auto memory = peer.get("/v1/merged/config/theme", {{"Cache-Control", "only-if-cached"}});
  EXPECT_EQ(code_of(memory), "not-in-memory");
  source->hold();
  EXPECT_EQ(peer.get("/v1/merged/config/other?within=20").status, 504);
}

TEST_F(MergedRoutesTest, WhatIsTooMuchForOneReplyIsAskedForAlone) {
  options.batch_answer_bytes_max = 40;
  source->set("public/long", '"' + std::string(40, 'x') + '"');
  Client peer = client();
  const auto json = json_of(post(peer, R"({"names":["theme","long"]})"));
  EXPECT_EQ(json.at("results").at(1).at("status"), 413);
  EXPECT_EQ(peer.get("/v1/merged/config/long").status, 200);
}

TEST_F(MergedRoutesTest, ViewsMayBeReplaced) {
  Client peer = client();
  EXPECT_EQ(peer.get("/v1/merged/config/theme").status, 200);
  server->set_merged({view("later")});
  EXPECT_EQ(peer.get("/v1/merged/config/theme").status, 404);
  EXPECT_EQ(peer.get("/v1/merged/later/theme").status, 200);
}

TEST_F(MergedRoutesTest, AReadKeepsTheViewThatItBeganWith) {
  source->hold();
  Client peer = client();
  std::string bytes;
  wire::append_request(
      bytes, {.method = "GET", .target = "/v1/merged/config/theme", .headers = {{"Host", "test"}}});
  peer.send(bytes);
  ASSERT_TRUE(eventually([this] { return source->waiting() == 1; }));
  options.merged.clear();
  server->set_merged({});
  source->release();
  EXPECT_EQ(peer.receive().status, 200);
}

}  // namespace
}  // namespace headrace::http
