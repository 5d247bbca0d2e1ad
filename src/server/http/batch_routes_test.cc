#include "server/http/batch_routes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

class BatchRoutesTest : public KvTest {
 protected:
  wire::Response batch(std::string body) {
    Client to = client();
    return to.send_json("POST", "/v1/batch/web", std::move(body));
  }
  boost::json::array results(std::string body) {
    const auto response = batch(std::move(body));
    EXPECT_EQ(response.status, 200) << response.body;
    return json_of(response).at("results").as_array();
  }
};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, BatchRoutesTest, testing::Bool());

constexpr char everything[] = R"({"ops":[
  {"op":"put","key":"a","value_json":{"n": 1.50},"ttl":60},
  {"op":"put","key":"b","value_b64":"/w==","content_type":"image/x"},
  {"op":"get","key":"a"},
  {"op":"get","key":"b"},
  {"op":"get","key":"c"},
  {"op":"exists","key":"c"},
  {"op":"count","key":"n","by":5},
  {"op":"count","key":"n"},
  {"op":"count","key":"a"},
  {"op":"touch","key":"a","ttl":5},
  {"op":"put","key":"a","value_json":2,"if_none_match":"*"},
  {"op":"delete","key":"b"},
  {"op":"delete","key":"b"},
  {"op":"exists","key_b64":"Yg"}]})";

TEST_P(BatchRoutesTest, EachHasItsOwnOutcomeInTheirOrder) {
  const auto all = results(everything);
  ASSERT_EQ(all.size(), 14U);
  EXPECT_EQ(all[0].at("status"), 201);
  EXPECT_TRUE(all[0].at("version").is_string());
  EXPECT_EQ(all[2].at("value_json").at("n"), 1.5);
  EXPECT_EQ(all[2].at("content_type"), "application/json");
  EXPECT_EQ(all[3].at("value_b64"), "_w");
  EXPECT_EQ(all[3].at("content_type"), "image/x");
  EXPECT_EQ(all[4].at("status"), 404);
  EXPECT_EQ(all[5].at("exists"), false);
  EXPECT_EQ(all[6].at("value"), 5);
  EXPECT_EQ(all[6].at("created"), true);
  EXPECT_EQ(all[7].at("value"), 6);
  EXPECT_EQ(all[8].at("code"), "wrong-type");
  EXPECT_EQ(all[9].at("status"), 200);
  EXPECT_EQ(all[10].at("code"), "precondition-failed");
  EXPECT_EQ(all[11].at("deleted"), true);
  EXPECT_EQ(all[12].at("deleted"), false);
  EXPECT_EQ(all[13].at("exists"), false);
  Client to = client();
  EXPECT_EQ(to.get("/v1/kv/web/a").body, R"({"n": 1.50})");
  EXPECT_EQ(to.get("/v1/kv/web/n").body, "6");
}

// Where keys cannot be changed together the outcome is the same, one by one.
TEST_P(BatchRoutesTest, WhatLiesApartIsDoneOneByOne) {
  const auto together = results(everything);
  Client to = client();
  for (const char* key : {"a", "b", "n"}) {
    (void)send(to, "DELETE", "/v1/kv/web/" + std::string(key));
  }
  records.lie_apart = true;
  const auto apart = results(everything);
  ASSERT_EQ(apart.size(), together.size());
  for (std::size_t i = 0; i < apart.size(); ++i) {
    EXPECT_EQ(apart[i].at("status"), together[i].at("status")) << i;
  }
  EXPECT_EQ(code_of(batch(R"({"atomic":true,"ops":[{"op":"delete","key":"a"},
                                                   {"op":"delete","key":"b"}]})")),
            "conflict");
}

TEST_P(BatchRoutesTest, AllOrNone) {
  const auto refused = batch(R"({"atomic":true,"ops":[
    {"op":"put","key":"a","value_json":1},
    {"op":"put","key":"b","value_json":1,"if_match":"\"v7\""},
    {"op":"get","key":"none"}]})");
  EXPECT_EQ(code_of(refused), "conflict");
  EXPECT_EQ(json_of(refused).at("errors").at(0).at("pointer"), "/ops/1");
  Client to = client();
  EXPECT_EQ(to.get("/v1/kv/web/a").status, 404);
  // That something is not there is an outcome, and no failure.
  const auto all = results(R"({"atomic":true,"ops":[
    {"op":"get","key":"none"},{"op":"put","key":"a","value_json":1}]})");
  EXPECT_EQ(all[0].at("status"), 404);
  EXPECT_EQ(to.get("/v1/kv/web/a").body, "1");
}

TEST_P(BatchRoutesTest, AQuotaRefusesWhatPassesItAndNoMore) {
  doorkeeper.anybody->ceiling.records_max = 1;
  constexpr char two[] = R"("ops":[{"op":"put","key":"a","value_json":1},
                                   {"op":"put","key":"b","value_json":1}]})";
  EXPECT_EQ(code_of(batch(R"({"atomic":true,)" + std::string(two))), "storage-quota-exceeded");
  const auto all = results("{" + std::string(two));
  EXPECT_EQ(all[0].at("status"), 201);
  EXPECT_EQ(all[1].at("code"), "storage-quota-exceeded");
}

TEST_P(BatchRoutesTest, WhatIsAskedWrongIsSaidWithItsPlace) {
  const auto pointer = [&](const std::string& op) {
    const auto refused = batch(R"({"ops":[{"op":"get","key":"a"},)" + op + "]}");
    EXPECT_EQ(code_of(refused), "validation") << op;
    return std::string(json_of(refused).at("errors").at(0).at("pointer").as_string());
  };
  EXPECT_EQ(pointer(R"({"op":"x","key":"a"})"), "/ops/1/op");
  EXPECT_EQ(pointer(R"({"op":"get"})"), "/ops/1/key");
  EXPECT_EQ(pointer(R"({"op":"get","key":"a","key_b64":"YQ"})"), "/ops/1/key");
  EXPECT_EQ(pointer(R"({"op":"get","key_b64":"*"})"), "/ops/1/key_b64");
  EXPECT_EQ(pointer(R"({"op":"put","key":"a"})"), "/ops/1");
  EXPECT_EQ(pointer(R"({"op":"put","key":"a","value_b64":5})"), "/ops/1/value_b64");
  EXPECT_EQ(pointer(R"({"op":"put","key":"a","value_json":1,"ttl":0})"), "/ops/1/ttl");
  EXPECT_EQ(pointer(R"({"op":"get","key":"a","if_match":"x"})"), "/ops/1");
  EXPECT_EQ(pointer("5"), "/ops/1");
  for (const char* bad : {R"({"ops":[]})", "{}", R"({"ops":5})", R"({"ops":[{"op":"get","key":"a"}],
                                                                    "atomic":1})"}) {
    EXPECT_EQ(code_of(batch(bad)), "validation") << bad;
  }
  std::string many = R"({"ops":[)";
  for (int i = 0; i < 1001; ++i) many += R"({"op":"get","key":"a"},)";
  many.back() = ']';
  EXPECT_EQ(code_of(batch(many + "}")), "validation");
}

TEST_P(BatchRoutesTest, ManyAreReadAtOnce) {
  std::string many = R"({"ops":[)";
  for (int i = 0; i < 1000; ++i) many += R"({"op":"get","key":")" + std::to_string(i) + R"("},)";
  many.back() = ']';
  const std::uint64_t reads = records.reads;
  EXPECT_EQ(results(many + "}").size(), 1000U);
  EXPECT_EQ(records.reads, reads + 1);
}

TEST_P(BatchRoutesTest, AnAnswerHasItsLimit) {
  options.batch_answer_bytes_max = 10;
  const auto all = results(R"({"ops":[{"op":"put","key":"a","value_b64":"MTIzNDU2"},
                                      {"op":"get","key":"a"},{"op":"get","key":"a"}]})");
  EXPECT_EQ(all[1].at("status"), 200);
  EXPECT_EQ(all[2].at("code"), "value-too-large");
}

TEST_P(BatchRoutesTest, EveryOperationNeedsItsScopeAndItsPrefix) {
  doorkeeper.add("reads", 1, Scopes().with(Scope::kv_read));
  doorkeeper.add("users", 1)->key_prefix = "user:";
  Client to = client();
  const auto asks = [&](const std::string& key, const std::string& op) {
    return to.ask(as(key, {.method = "POST",
                           .target = "/v1/batch/web",
                           .headers = {{"Content-Type", "application/json"}},
                           .body = R"({"ops":[)" + op + "]}"}));
  };
  EXPECT_EQ(asks("reads", R"({"op":"get","key":"a"})").status, 200);
  EXPECT_EQ(code_of(asks("reads", R"({"op":"get","key":"a"},{"op":"delete","key":"a"})")),
            "insufficient-scope");
  EXPECT_EQ(code_of(asks("reads", R"({"op":"count","key":"a"})")), "insufficient-scope");
  EXPECT_EQ(asks("users", R"({"op":"get","key":"user:1"})").status, 200);
  EXPECT_EQ(code_of(asks("users", R"({"op":"get","key":"a"})")), "insufficient-scope");
}

TEST_P(BatchRoutesTest, AnOutageIsNoAbsence) {
  records.fails = true;
  EXPECT_EQ(code_of(batch(R"({"ops":[{"op":"get","key":"a"}]})")), "records-unavailable");
  EXPECT_EQ(code_of(batch(everything)), "records-unavailable");
}

}  // namespace
}  // namespace headrace::http
