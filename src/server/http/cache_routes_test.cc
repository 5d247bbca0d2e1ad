#include "server/http/cache_routes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

class CacheRoutesTest : public KvTest {};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, CacheRoutesTest, testing::Bool());

TEST_P(CacheRoutesTest, AnEntryComesBackInItsEnvelope) {
  Client to = client();
  const auto put = to.send_json("POST", "/cache/k", R"({"value": {"a": 1}, "ttl": 3600})");
  EXPECT_EQ(put.status, 200);
  const auto kept = json_of(put);
  EXPECT_EQ(kept.at("ok"), true);
  EXPECT_EQ(kept.at("key"), "k");
  EXPECT_EQ(kept.at("ttl"), 3600);
  EXPECT_TRUE(kept.at("expires_at").as_string().ends_with("Z"));
  const auto got = to.get("/cache/k");
  EXPECT_EQ(header(got, "content-type"), "application/json");
  const auto entry = json_of(got);
  EXPECT_EQ(entry.at("key"), "k");
  EXPECT_EQ(entry.at("value").at("a"), 1);
  EXPECT_GT(entry.at("ttl").as_int64(), 3500);
  EXPECT_LE(entry.at("ttl").as_int64(), 3600);
  EXPECT_EQ(entry.at("expires_at"), kept.at("expires_at"));
  EXPECT_TRUE(entry.at("created_at").is_string());
  EXPECT_TRUE(entry.at("last_accessed").is_string());
  EXPECT_EQ(header(got, "etag"), "\"" + std::string(kept.at("version").as_string()) + ".j\"");
  EXPECT_EQ(json_of(to.send_json("PUT", "/cache/k", R"({"value":1})")).at("ttl"), 2592000);
}

// What says nothing to a program that asks `if value` is a value all the same.
TEST_P(CacheRoutesTest, EveryKindOfValueIsAHit) {
  Client to = client();
  for (const char* value :
       {"null", "0", "false", "\"\"", "[]", "{}", "-0", "1.0", "1e400",
        "123456789012345678901234567890", "0.1000000000000000055511151231257827",
        "\"\\u00e4\\ud83d\\ude00 \\\"\"", "[1, 2 ,{\"a\" : null}]"}) {
    ASSERT_EQ(to.send_json("POST", "/cache/k", R"({"value":)" + std::string(value) + "}").status,
              200)
        << value;
    const auto got = to.get("/cache/k");
    EXPECT_EQ(got.status, 200);
    EXPECT_TRUE(got.body.contains(R"("value":)" + std::string(value) + ",")) << got.body;
    EXPECT_EQ(json_of(to.get("/cache/k/exists")).at("exists"), true);
    EXPECT_EQ(to.get("/v1/kv/default/k").body, value);
  }
}

TEST_P(CacheRoutesTest, WhatIsNotThereIsNotFound) {
  Client to = client();
  EXPECT_EQ(code_of(to.get("/cache/k")), "not-found");
  EXPECT_EQ(json_of(to.get("/cache/k/exists")).at("exists"), false);
  EXPECT_EQ(json_of(send(to, "DELETE", "/cache/k")).at("deleted"), false);
  ASSERT_EQ(to.send_json("POST", "/cache/k", R"({"value":1})").status, 200);
  EXPECT_EQ(json_of(send(to, "DELETE", "/cache/k")).at("deleted"), true);
  EXPECT_EQ(to.get("/cache/k").status, 404);
}

TEST_P(CacheRoutesTest, WhatCannotBeSaidNowIsNeverAnAbsence) {
  Client to = client();
  records.fails = true;
  EXPECT_EQ(code_of(to.get("/cache/k")), "records-unavailable");
  EXPECT_EQ(code_of(to.get("/cache/k/exists")), "records-unavailable");
  EXPECT_EQ(code_of(send(to, "DELETE", "/cache/k")), "records-unavailable");
  EXPECT_EQ(code_of(to.send_json("POST", "/cache/k", R"({"value":1})")), "records-unavailable");
}

TEST_P(CacheRoutesTest, AKeyMayLookLikeARoute) {
  Client to = client();
  ASSERT_EQ(to.send_json("POST", "/cache/a%2Fexists", R"({"value":1})").status, 200);
  EXPECT_EQ(json_of(to.get("/cache/a/exists")).at("exists"), false);
  EXPECT_EQ(json_of(to.get("/cache/a%2Fexists")).at("key"), "a/exists");
  EXPECT_EQ(json_of(to.get("/cache?key=a/exists")).at("value"), 1);
  ASSERT_EQ(to.send_json("POST", "/cache/exists", R"({"value":2})").status, 200);
  EXPECT_EQ(json_of(to.get("/cache/exists")).at("value"), 2);
  EXPECT_EQ(code_of(to.get("/cache/%FF")), "bad-request");
}

TEST_P(CacheRoutesTest, TheFaultsOfABodyAreNamed) {
  Client to = client();
  const auto pointer = [&](const std::string& body) {
    const auto refused = to.send_json("POST", "/cache/k", body);
    EXPECT_EQ(code_of(refused), "validation") << body;
    return std::string(json_of(refused).at("errors").at(0).at("pointer").as_string());
  };
  EXPECT_EQ(pointer(R"({"ttl":5})"), "/value");
  EXPECT_EQ(pointer(R"({"value":1,"ttl":0})"), "/ttl");
  EXPECT_EQ(pointer(R"({"value":1,"ttl":"x"})"), "/ttl");
  EXPECT_EQ(pointer(R"({"value":1,"ttl":1e12})"), "/ttl");
  EXPECT_EQ(pointer(R"({"value":1,"tll":5})"), "/tll");
  EXPECT_EQ(pointer("[]"), "");
  EXPECT_EQ(code_of(to.send_json("POST", "/cache/k", "{")), "bad-request");
  EXPECT_EQ(code_of(send(to, "POST", "/cache/k", "1")), "unsupported-media-type");
}

TEST_P(CacheRoutesTest, AnEntryMayHaveNoEnd) {
  Client to = client();
  const auto put = to.send_json("POST", "/cache/k", R"({"value":1,"ttl":"none"})");
  EXPECT_TRUE(json_of(put).at("expires_at").is_null());
  const auto entry = json_of(to.get("/cache/k"));
  EXPECT_TRUE(entry.at("ttl").is_null());
  EXPECT_TRUE(entry.at("expires_at").is_null());
}

TEST_P(CacheRoutesTest, ItsTagIsOneOfItsContent) {
  Client to = client();
  ASSERT_EQ(to.send_json("POST", "/cache/k", R"({"value":1})").status, 200);
  const std::string tag = header(to.get("/cache/k"), "etag");
  EXPECT_EQ(to.get("/cache/k", {{"If-None-Match", tag}}).status, 304);
  const std::string raw = header(to.get("/v1/kv/default/k"), "etag");
  EXPECT_NE(tag, raw);
  EXPECT_EQ(to.get("/cache/k", {{"If-None-Match", raw}}).status, 200);
  const auto put_if = [&](std::string match) {
    return send(to, "PUT", "/cache/k", R"({"value":2})",
                {{"Content-Type", "application/json"}, {"If-Match", std::move(match)}});
  };
  const auto refused = put_if("\"v0.j\"");
  EXPECT_EQ(code_of(refused), "precondition-failed");
  EXPECT_EQ(header(refused, "etag"), tag);
  EXPECT_EQ(put_if(raw).status, 200);
  EXPECT_EQ(put_if(tag).status, 412);
}

TEST_P(CacheRoutesTest, WhatOthersHaveWrittenIsShownIfItIsText) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/default/k", "5 \"apples\"").status, 201);
  EXPECT_EQ(json_of(to.get("/cache/k")).at("value"), "5 \"apples\"");
  const wire::Headers json = {{"Content-Type", "application/json"}};
  ASSERT_EQ(send(to, "PUT", "/v1/kv/default/k", "[5]", json).status, 204);
  EXPECT_EQ(json_of(to.get("/cache/k")).at("value").at(0), 5);
  // Who calls something JSON that is none cannot break out of the envelope.
  ASSERT_EQ(send(to, "PUT", "/v1/kv/default/k", R"(1,"key":"other")", json).status, 204);
  const auto entry = json_of(to.get("/cache/k"));
  EXPECT_EQ(entry.at("key"), "k");
  EXPECT_EQ(entry.at("value"), R"(1,"key":"other")");
  ASSERT_EQ(send(to, "PUT", "/v1/kv/default/k", "\xff", json).status, 204);
  EXPECT_EQ(code_of(to.get("/cache/k")), "wrong-type");
  EXPECT_EQ(json_of(to.get("/cache/k/exists")).at("exists"), true);
}

TEST_P(CacheRoutesTest, LimitsAreThoseOfTheKeysHolder) {
  doorkeeper.anybody->value_bytes_max = 4;
  doorkeeper.add("reads", 1, Scopes().with(Scope::kv_read));
  Client to = client();
  EXPECT_EQ(to.send_json("POST", "/cache/k", R"({"value":1234})").status, 200);
  EXPECT_EQ(code_of(to.send_json("POST", "/cache/k", R"({"value":12345})")), "value-too-large");
  EXPECT_EQ(to.ask(as("reads", {.target = "/cache/k"})).status, 200);
  EXPECT_EQ(to.ask(as("reads", {.target = "/cache?key=k"})).status, 200);
  EXPECT_EQ(code_of(to.ask(as("reads", {.method = "DELETE", .target = "/cache/k"}))),
            "insufficient-scope");
}

}  // namespace
}  // namespace headrace::http
