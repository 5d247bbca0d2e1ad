#include "server/http/counter_routes.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

class CounterRoutesTest : public KvTest {};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, CounterRoutesTest, testing::Bool());

TEST_P(CounterRoutesTest, Counts) {
  Client to = client();
  const auto first = to.send_json("POST", "/v1/counters/web/n", R"({"by":5,"initial":10})");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(json_of(first).at("value"), 15);
  EXPECT_EQ(json_of(first).at("created"), true);
  EXPECT_TRUE(json_of(first).at("expires_at").is_null());
  const auto second = json_of(send(to, "POST", "/v1/counters/web/n"));
  EXPECT_EQ(second.at("value"), 16);
  EXPECT_EQ(second.at("created"), false);
  EXPECT_EQ(to.get("/v1/kv/web/n").body, "16");
}

TEST_P(CounterRoutesTest, AWindowIsFixedOrElastic) {
  Client to = client();
  const auto end_after = [&](const std::string& body) {
    return std::string(
        json_of(to.send_json("POST", "/v1/counters/web/n", body)).at("expires_at").as_string());
  };
  const std::string first = end_after(R"({"ttl":60})");
  EXPECT_EQ(end_after(R"({"ttl":1000,"ttl_mode":"create"})"), first);
  EXPECT_EQ(end_after(R"({"ttl":1000,"ttl_mode":"keep"})"), first);
  EXPECT_GT(end_after(R"({"ttl":1000,"ttl_mode":"extend"})"), first);
}

TEST_P(CounterRoutesTest, WhatCannotBeCountedIsSaid) {
  Client to = client();
  EXPECT_EQ(code_of(to.send_json("POST", "/v1/counters/web/n", R"({"by":3,"max":2})")),
            "out-of-range");
  EXPECT_EQ(to.get("/v1/kv/web/n").status, 404);
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/n", "9223372036854775807").status, 201);
  EXPECT_EQ(code_of(send(to, "POST", "/v1/counters/web/n")), "out-of-range");
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/n", "x").status, 204);
  EXPECT_EQ(code_of(send(to, "POST", "/v1/counters/web/n")), "wrong-type");
  for (const char* bad : {R"({"by":1.5})", R"({"by":"1"})", R"({"ttl":0})", R"({"ttl_mode":"x"})",
                          R"({"bye":1})", "[]"}) {
    EXPECT_EQ(code_of(to.send_json("POST", "/v1/counters/web/m", bad)), "validation") << bad;
  }
  records.fails = true;
  EXPECT_EQ(code_of(send(to, "POST", "/v1/counters/web/n")), "records-unavailable");
}

TEST_P(CounterRoutesTest, NothingIsLostBetweenTwo) {
  records.editor_calls = 3;
  {
    const Client first = client();
  }  // The server is up.
  const std::uint16_t port = server->address().port;
  std::vector<std::jthread> all;
  for (int i = 0; i < 4; ++i) {
    all.emplace_back([port] {
      Client to(port);
      for (int n = 0; n < 100; ++n) {
        EXPECT_EQ(to.send_json("POST", "/v1/counters/web/n", R"({"by":2})").status, 200);
      }
    });
  }
  all.clear();
  Client to = client();
  EXPECT_EQ(to.get("/v1/kv/web/n").body, "800");
}

}  // namespace
}  // namespace headrace::http
