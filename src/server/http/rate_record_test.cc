#include "server/http/rate_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kit/plain_records.h"
#include "kit/world.h"
#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

using namespace std::chrono_literals;
using Algorithm = RateLimit::Algorithm;

class RateRecordTest : public testing::TestWithParam<Algorithm> {
 protected:
  RateDecision spend(std::int64_t cost, const RateLimit& of) {
    RateDecision decision;
    const auto operation = [&](Workspace& work) {
      decision = http::spend(work, 0, of, cost);
      return work.is_changed();
    };
    EXPECT_TRUE(world.run(keyspace.edit(keys, operation, {})).value());
    return decision;
  }
  RateDecision spend(std::int64_t cost) { return spend(cost, limit); }

  const RateLimit limit{.algorithm = GetParam(), .limit = 10, .window = 10s, .burst = 10};
  const std::vector<RecordKey> keys{RecordKey(1, "ratelimit/web", "ip")};
  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
};
INSTANTIATE_TEST_SUITE_P(Each, RateRecordTest,
                         testing::Values(Algorithm::gcra, Algorithm::fixed, Algorithm::sliding));

TEST_P(RateRecordTest, SoManyPassAndNoMore) {
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(spend(1).allowed) << i;
  const RateDecision refused = spend(1);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0U);
  EXPECT_GT(refused.retry_after, Duration(0));
  world.advance(refused.retry_after + 1ms);
  EXPECT_TRUE(spend(1).allowed);
}

TEST_P(RateRecordTest, ARefusalAndALookWriteNothing) {
  (void)spend(10);
  const std::uint64_t edits = records.edits;
  EXPECT_FALSE(spend(1).allowed);
  EXPECT_TRUE(spend(0).allowed);
  EXPECT_EQ(records.edits, edits);
}

TEST_P(RateRecordTest, WhatIsGivenBackMayPassAgain) {
  (void)spend(10);
  EXPECT_FALSE(spend(1).allowed);
  (void)spend(-2);
  EXPECT_TRUE(spend(2).allowed);
  EXPECT_FALSE(spend(1).allowed);
}

TEST_P(RateRecordTest, WhatCountsNoMoreIsNotKept) {
  const RateDecision spent = spend(3);
  world.advance(spent.reset + 1s);
  EXPECT_EQ(records.size(), 0U);
}

TEST_P(RateRecordTest, AnotherShapeBeginsAnew) {
  (void)spend(10);
  RateLimit other = limit;
  other.window = 20s;
  EXPECT_TRUE(spend(1, other).allowed);
}

TEST_P(RateRecordTest, WhatIsNoStateCountsAsNone) {
  for (const char* text : {"", "gcra", "gcra 1", "fixed x", "sliding 10000000000 1 2 3 4", "?"}) {
    const auto put = [&](Workspace& work) {
      work.put(0, {.value = text});
      return true;
    };
    EXPECT_TRUE(world.run(keyspace.edit(keys, put, {})).value());
    EXPECT_TRUE(spend(10).allowed) << text;
  }
}

class RatelimitRoutesTest : public KvTest {};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, RatelimitRoutesTest, testing::Bool());

TEST_P(RatelimitRoutesTest, TheDecisionIsTheAnswer) {
  Client to = client();
  const auto check = [&](const std::string& more) {
    const auto said = to.send_json("POST", "/v1/ratelimit/web/ip",
                                   R"({"limit":10,"window_ms":1000000)" + more + "}");
    EXPECT_EQ(said.status, 200) << said.body;
    return json_of(said);
  };
  EXPECT_EQ(check(R"(,"cost":9)").at("remaining"), 1);
  const auto peek = check(R"(,"peek":true,"cost":2)");
  EXPECT_EQ(peek.at("allowed"), false);
  EXPECT_EQ(peek.at("remaining"), 1);
  EXPECT_EQ(check(R"(,"peek":true)").at("allowed"), true);
  EXPECT_EQ(check("").at("allowed"), true);
  const auto refused = check("");
  EXPECT_EQ(refused.at("allowed"), false);
  EXPECT_EQ(refused.at("limit"), 10);
  EXPECT_GT(refused.at("retry_after_ms").as_int64(), 0);
  EXPECT_GT(refused.at("reset_ms").as_int64(), 0);
  EXPECT_TRUE(check(R"(,"cost":11)").at("retry_after_ms").is_null());
  EXPECT_EQ(check(R"(,"cost":-5)").at("remaining"), 5);
  EXPECT_EQ(to.get("/v1/kv/web/ip").status, 404);  // No value of the namespace.
}

TEST_P(RatelimitRoutesTest, WhatIsAskedWrongIsSaid) {
  doorkeeper.add("reads", 1, Scopes().with(Scope::kv_read));
  Client to = client();
  for (const char* bad :
       {"{}", R"({"limit":10})", R"({"limit":0,"window_ms":1})", R"({"limit":1,"window_ms":0})",
        R"({"limit":1,"window_ms":1,"algo":"x"})", R"({"limit":1,"window_ms":1,"peek":1})",
        R"({"limit":1,"window_ms":1,"cost":1.5})", R"({"limit":1,"window_ms":1,"x":1})",
        R"({"limit":1,"window_ms":31536000000,"burst":1000000000})", "5"}) {
    EXPECT_EQ(code_of(to.send_json("POST", "/v1/ratelimit/web/ip", bad)), "validation") << bad;
  }
  EXPECT_EQ(code_of(to.ask(as("reads", {.method = "POST", .target = "/v1/ratelimit/web/ip"}))),
            "insufficient-scope");
  records.fails = true;
  EXPECT_EQ(code_of(to.send_json("POST", "/v1/ratelimit/web/ip", R"({"limit":1,"window_ms":1})")),
            "records-unavailable");
}

}  // namespace
}  // namespace headrace::http
