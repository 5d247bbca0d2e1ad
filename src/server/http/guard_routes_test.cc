// Writes to the source that a client makes itself, under a guard that it holds.
#include <gmock/gmock.h>

#include "kit/eventually.h"
#include "server/http/guard_desk.h"
#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using testing::HasSubstr;

class GuardRoutesTest : public ServerTest {
 protected:
  GuardRoutesTest() { source->set("1", R"({"a":1})"); }

  static std::string keys(std::string_view entity) {
    return R"({"keys":[{"policy":"users","entity":")" + std::string(entity) + R"("}]})";
  }
  wire::Response begin(Client& to, const std::string& body) {
    return to.send_json("POST", "/v1/guards", body);
  }
};

TEST_F(GuardRoutesTest, WhileItStandsTheSourceAnswersAndNothingIsKept) {
  Client to = client();
  EXPECT_EQ(to.get("/v1/read/users/1").body, R"({"a":1})");
  const auto begun = begin(to, keys("1"));
  ASSERT_EQ(begun.status, 201) << begun.body;
  const std::string id(json_of(begun).at("guard").as_string());
  EXPECT_EQ(begun.header("location"), "/v1/guards/" + id);
  EXPECT_GT(json_of(begun).at("ends_in_ms").as_int64(), 20'000);
  const int reads = source->reads();
  to.get("/v1/read/users/1");
  source->set("1", R"({"a":2})");
  EXPECT_EQ(to.get("/v1/read/users/1").body, R"({"a":2})");
  EXPECT_EQ(source->reads(), reads + 2);
  const auto ended = to.send_json("DELETE", "/v1/guards/" + id, "");
  EXPECT_EQ(ended.status, 200);
  EXPECT_EQ(json_of(ended).at("held").as_string(), "everywhere");
  to.get("/v1/read/users/1");
  to.get("/v1/read/users/1");
  EXPECT_EQ(source->reads(), reads + 3);
}

TEST_F(GuardRoutesTest, AGuardEndsOnce) {
  Client to = client();
  const std::string id(json_of(begin(to, keys("1"))).at("guard").as_string());
  EXPECT_EQ(to.send_json("DELETE", "/v1/guards/" + id, "").status, 200);
  EXPECT_EQ(code_of(to.send_json("DELETE", "/v1/guards/" + id, "")), "no-such-guard");
  EXPECT_EQ(code_of(to.send_json("DELETE", "/v1/guards/nonsense", "")), "no-such-guard");
}

TEST_F(GuardRoutesTest, AfterAnUnknownOutcomeItStandsOn) {
  Client to = client();
  const std::string id(json_of(begin(to, keys("1"))).at("guard").as_string());
  const auto ended = to.send_json("DELETE", "/v1/guards/" + id + "?outcome=unknown", "");
  EXPECT_EQ(ended.status, 202);
  EXPECT_EQ(json_of(ended).at("held").as_string(), "guarded");
  const int reads = source->reads();
  to.get("/v1/read/users/1");
  to.get("/v1/read/users/1");
  EXPECT_EQ(source->reads(), reads + 2);
}

TEST_F(GuardRoutesTest, FaultsAreTold) {
  Client to = client();
  EXPECT_EQ(code_of(begin(to, "{}")), "validation");
  EXPECT_EQ(code_of(begin(to, R"({"tags":["t"]})")), "validation");
  EXPECT_EQ(code_of(begin(to, R"({"everything":true})")), "validation");
  EXPECT_EQ(code_of(to.send_json("DELETE", "/v1/guards/x?outcome=maybe", "")), "bad-request");
}

TEST_F(GuardRoutesTest, NoMoreStandThanTheLimit) {
  options.guards_max = 1;
  Client to = client();
  const std::string id(json_of(begin(to, keys("1"))).at("guard").as_string());
  const auto refused = begin(to, keys("2"));
  EXPECT_EQ(code_of(refused), "overloaded");
  EXPECT_THAT(refused.body, HasSubstr("guards_max"));
  to.send_json("DELETE", "/v1/guards/" + id, "");
  EXPECT_EQ(begin(to, keys("2")).status, 201);
}

// A client that never comes back: the server's end does not wait for it.
TEST_F(GuardRoutesTest, AnEndOfTheServerEndsThemAsUnknown) {
  Client to = client();
  EXPECT_EQ(begin(to, keys("1")).status, 201);
  server->drain();
}

TEST(GuardTimes, OneThatIsNotEndedStandsUntilNobodyCanWriteAnyMore) {
  Runtime runtime{{.threads = 2}};
  Engine::Limits limits;
  limits.write_within = std::chrono::milliseconds(50);
  limits.guard_margin = std::chrono::milliseconds(50);
  Engine engine(limits, {.clock = runtime, .executor = runtime, .random = runtime});
  GuardDesk desk({.engine = engine, .clock = runtime, .executor = runtime, .random = runtime}, 10);
  auto source = std::make_shared<MapSource>();
  source->set("1", "1");
  const auto codec = std::make_shared<const ValueCodec>(bytes_codec());
  const auto users = engine.define({.name = "users", .fields = {"a"}}, codec, source);
  Invalidation what;
  what.keys.push_back({"users", "1"});
  const auto begun = wait(desk.begin(what, Wait::confirmed));
  ASSERT_TRUE(begun.has_value());
  EXPECT_LE(begun->ends_in, limits.write_within);
  (void)wait(engine.read(*users, "1"));
  EXPECT_FALSE(engine.peek(**users, "1").has_value());
  // Once nobody can write any more entries are kept again.
  EXPECT_TRUE(kit::eventually([&] {
    (void)wait(engine.read(*users, "1"));
    return engine.peek(**users, "1").has_value();
  }));
  desk.drop_all();
  wait(engine.close());
  runtime.stop();
}

}  // namespace
}  // namespace headrace::http
