// Reads over HTTP, against a real engine.
#include "server/http/read_routes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

class ReadRoutesTest : public ServerTest {};

TEST_F(ReadRoutesTest, AMissIsLoadedAndThenAHit) {
  source->set("42", R"({"a":1})");
  Client peer = client();
  const auto miss = peer.get("/v1/read/users/42");
  EXPECT_EQ(miss.status, 200);
  EXPECT_EQ(miss.body, R"({"a":1})");
  EXPECT_EQ(miss.header("content-type"), "application/json");
  EXPECT_EQ(miss.header("cache-status"), "headrace; fwd=miss; detail=cold");
  EXPECT_EQ(miss.header("cache-control"), "no-store");
  const auto hit = peer.get("/v1/read/users/42");
  EXPECT_EQ(hit.body, miss.body);
  EXPECT_TRUE(hit.header("cache-status")->ends_with("; detail=memory"));
  EXPECT_TRUE(hit.header("cache-status")->starts_with("headrace; hit; ttl="));
  EXPECT_EQ(hit.header("headrace-bound"), "3600");
  EXPECT_EQ(hit.header("age"), "0");
  EXPECT_TRUE(hit.header("headrace-age-ms"));
  EXPECT_TRUE(hit.header("x-request-id"));
  EXPECT_EQ(hit.header("etag"), miss.header("etag"));
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(ReadRoutesTest, NullIsAValueAndAbsenceIsA404) {
  source->set("n", "null");
  Client peer = client();
  for (int i = 0; i < 2; ++i) {
    const auto null = peer.get("/v1/read/users/n");
    EXPECT_EQ(null.status, 200);
    EXPECT_EQ(null.body, "null");
    const auto absent = peer.get("/v1/read/users/nobody");
    EXPECT_EQ(absent.status, 404);
    EXPECT_EQ(code_of(absent), "not-found");
    EXPECT_TRUE(
        absent.header("cache-status")->starts_with(i == 0 ? "headrace; fwd" : "headrace; hit"));
  }
  EXPECT_EQ(source->reads(), 2);
}

TEST_F(ReadRoutesTest, ATagThatStillHoldsSavesTheBody) {
  source->set("1", "[1]");
  Client peer = client();
  const std::string tag(peer.get("/v1/read/users/1").header("etag").value());
  const auto same = peer.get("/v1/read/users/1", {{"If-None-Match", "\"x\", " + tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.header("etag"), tag);
  source->set("1", "[2]");
  const auto fresh = peer.get("/v1/read/users/1?refresh=true", {{"If-None-Match", tag}});
  EXPECT_EQ(fresh.status, 200);
  EXPECT_EQ(fresh.body, "[2]");
}

TEST_F(ReadRoutesTest, HeadSaysTheSameWithoutABody) {
  source->set("1", "[1]");
  Client peer = client();
  for (int i = 0; i < 2; ++i) {
    const auto head = peer.ask({.method = "HEAD", .target = "/v1/read/users/1"});
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), "3");
  }
  EXPECT_EQ(peer.ask({.method = "HEAD", .target = "/v1/read/users/nobody"}).status, 404);
  EXPECT_EQ(peer.get("/v1/read/users/1").body, "[1]") << "no byte of a body was left over";
}

TEST_F(ReadRoutesTest, EntitiesAreAnyText) {
  source->set("a/b c?&+%\xc3\xa9", "1");
  source->set("exists", "2");
  Client peer = client();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(peer.get("/v1/read/users/a%2Fb%20c%3F&+%25%C3%A9").body, "1");
    EXPECT_EQ(peer.get("/v1/read/users?key=a%2Fb+c%3F%26%2B%25%C3%A9").body, "1");
    EXPECT_EQ(peer.get("/v1/read/users?key_b64=YS9iIGM_JislwqnDqQ").status, 404);
    EXPECT_EQ(peer.get("/v1/read/users?key_b64=ZXhpc3Rz").body, "2");
  }
}

TEST_F(ReadRoutesTest, BadNamesAreRefusedInWords) {
  Client peer = client();
  const auto fault = [&peer](std::string target) {
    const auto response = peer.get(std::move(target));
    return std::to_string(response.status) + " " + code_of(response);
  };
  EXPECT_EQ(fault("/v1/read/users/%ff"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/%4"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/1?key=2"), "400 ambiguous-key");
  EXPECT_EQ(fault("/v1/read/users?key=2&key_b64=YQ"), "400 ambiguous-key");
  EXPECT_EQ(fault("/v1/read/users?key_b64=%20"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users?key_b64=_w"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users?key=%ff"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/1?refesh=true"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/1?refresh=maybe"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/1?within=soon"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/1?within=0"), "400 bad-request");
  EXPECT_EQ(fault("/v1/read/users/" + std::string(1025, 'x')), "414 uri-too-long");
  EXPECT_EQ(peer.get("/v1/read/users/" + std::string(1024, 'x')).status, 404);
  EXPECT_EQ(fault("/v1/read/a/b/c"), "404 no-such-route");
  EXPECT_EQ(peer.send_json("DELETE", "/v1/read/users/1", "").header("allow"), "GET, HEAD");
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(ReadRoutesTest, AnUnknownPolicyIsToldTheNearest) {
  Client peer = client();
  const auto response = peer.get("/v1/read/usres/1");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(code_of(response), "no-such-policy");
  EXPECT_NE(response.body.find("users"), std::string::npos) << response.body;
}

TEST_F(ReadRoutesTest, FailuresHaveTheirProblems) {
  Client peer = client();
  const auto status = [&](Code code) {
    source->fail_with(code);
    const auto response = peer.get("/v1/read/users/1");
    return std::to_string(response.status) + " " + code_of(response);
  };
  EXPECT_EQ(status(Code::source_failed), "502 backend-unavailable");
  EXPECT_EQ(status(Code::source_unavailable), "503 source-unavailable");
  EXPECT_EQ(status(Code::timed_out), "504 backend-timeout");
  EXPECT_EQ(status(Code::refused), "503 overloaded");
  EXPECT_EQ(peer.get("/v1/read/users/1").header("retry-after"), "1");
  source->fail_with(std::nullopt);
  EXPECT_EQ(peer.get("/v1/read/users/1").status, 404);
}

TEST_F(ReadRoutesTest, WithinBoundsTheWait) {
  source->set("1", "[1]");
  source->hold();
  Client peer = client();
  const auto late = peer.get("/v1/read/users/1?within=20");
  EXPECT_EQ(late.status, 504);
  EXPECT_EQ(code_of(late), "backend-timeout");
  source->release();
}

TEST_F(ReadRoutesTest, OnlyIfCachedNeverAsksTheSource) {
  source->set("1", "[1]");
  Client peer = client();
  const wire::Headers only = {{"Cache-Control", "only-if-cached"}};
  const auto missing = peer.get("/v1/read/users/1", only);
  EXPECT_EQ(missing.status, 504);
  EXPECT_EQ(source->reads(), 0);
  peer.get("/v1/read/users/1");
  EXPECT_EQ(peer.get("/v1/read/users/1", only).body, "[1]");
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(ReadRoutesTest, NoCacheLoadsAnew) {
  source->set("1", "[1]");
  Client peer = client();
  peer.get("/v1/read/users/1");
  source->set("1", "[2]");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, "[1]");
  const auto anew = peer.get("/v1/read/users/1", {{"Cache-Control", "max-age=0, no-cache"}});
  EXPECT_EQ(anew.body, "[2]");
  EXPECT_EQ(anew.header("cache-status"), "headrace; fwd=request; detail=forced");
}

TEST_F(ReadRoutesTest, ManyWhoAskTogetherShareOneLoad) {
  source->set("1", "[1]");
  source->hold();
  std::vector<std::unique_ptr<Client>> peers;
  for (int i = 0; i < 8; ++i) {
    client();
    peers.push_back(std::make_unique<Client>(server->address().port));
    peers.back()->send("GET /v1/read/users/1 HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  ASSERT_TRUE(eventually([this] { return engine.stats().waiters == 8; }));
  source->release();
  int collapsed = 0;
  for (const auto& peer : peers) {
    const auto response = peer->receive();
    EXPECT_EQ(response.body, "[1]");
    if (response.header("cache-status")->contains("collapsed")) ++collapsed;
  }
  EXPECT_EQ(collapsed, 7);
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(ReadRoutesTest, ABatchAnswersInOrderWithDuplicates) {
  source->set("1", R"({"n":1})");
  source->set("2", "null");
  Client peer = client();
  const auto response =
      peer.send_json("POST", "/v1/read", R"({"policy":"users","entities":["1","2","nobody","1"]})");
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = json_of(response);
  const auto& results = body.at("results").as_array();
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].at("status").as_int64(), 200);
  EXPECT_EQ(results[0].at("value").at("n").as_int64(), 1);
  EXPECT_EQ(results[0].at("origin").as_string(), "source");
  EXPECT_EQ(results[0].at("bound_ms").as_int64(), 3'600'000);
  EXPECT_TRUE(results[1].at("value").is_null());
  EXPECT_EQ(results[2].at("status").as_int64(), 404);
  EXPECT_EQ(results[2].at("code").as_string(), "not-found");
  EXPECT_EQ(results[3].at("value").at("n").as_int64(), 1);
  EXPECT_EQ(source->reads(), 3);
}

TEST_F(ReadRoutesTest, ABatchMayMixPolicies) {
  source->set("1", "[1]");
  Client peer = client();
  const auto response =
      peer.send_json("POST", "/v1/read",
                     R"({"reads":[{"policy":"users","entity":"1"},{"policy":"user","entity":"1"},)"
                     R"({"policy":"orders","entity":"1"}]})");
  const auto body = json_of(response);
  const auto& results = body.at("results").as_array();
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].at("status").as_int64(), 200);
  EXPECT_EQ(results[1].at("code").as_string(), "no-such-policy");
  EXPECT_EQ(results[2].at("status").as_int64(), 200);
}

TEST_F(ReadRoutesTest, BadBatchesAreRefusedWithPointers) {
  options.batch_entities_max = 3;
  Client peer = client();
  const auto fault = [&peer](std::string body) {
    const auto response = peer.send_json("POST", "/v1/read", std::move(body));
    const auto problem = json_of(response);
    const auto* errors = problem.as_object().if_contains("errors");
    return std::to_string(response.status) + " " +
           (errors ? std::string(errors->at(0).at("pointer").as_string()) : "");
  };
  EXPECT_EQ(fault(R"({"policy":"users","entities":["1",2]})"), "422 /entities/1");
  EXPECT_EQ(fault(R"({"policy":"users","entities":[""]})"), "422 /entities/0");
  EXPECT_EQ(fault(R"({"policy":"users"})"), "422 /entities");
  EXPECT_EQ(fault(R"({"entities":[]})"), "422 /policy");
  EXPECT_EQ(fault(R"({"reads":[{"policy":"users"}]})"), "422 /reads/0/entity");
  EXPECT_EQ(fault(R"({"reads":{}})"), "422 /reads");
  EXPECT_EQ(fault(R"([])"), "422 ");
  EXPECT_EQ(fault(R"({"policy":"users","entities":["1","2","3","4"]})"), "422 ");
  EXPECT_EQ(fault(R"({"policy":"users","entitys":[]})"), "422 /entitys");
  EXPECT_EQ(fault("{"), "400 ");
  EXPECT_EQ(peer.ask({.method = "POST", .target = "/v1/read", .body = "{}"}).status, 415);
  EXPECT_EQ(source->reads(), 0);
}

TEST_F(ReadRoutesTest, ABatchHasALimitOfBytes) {
  options.batch_answer_bytes_max = 1000;
  source->set("big", "\"" + std::string(900, 'x') + "\"");
  Client peer = client();
  const auto response =
      peer.send_json("POST", "/v1/read", R"({"policy":"users","entities":["big","big"]})");
  const auto body = json_of(response);
  EXPECT_EQ(body.at("results").at(0).at("status").as_int64(), 200);
  EXPECT_EQ(body.at("results").at(1).at("status").as_int64(), 413);
}

}  // namespace
}  // namespace headrace::http
