// Writes over HTTP, against a real engine.
#include "server/http/write_routes.h"

#include <gtest/gtest.h>

#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

class WriteRoutesTest : public ServerTest {
 protected:
  WriteRoutesTest() {
    define({.name = "users", .writable = {"a", "b/c", "n"}, .removable = true});
    source->set("1", R"({"a":1})");
  }
  // The status, and the pointer of the first fault or the code.
  static std::string told(const wire::Response& response) {
    const std::string code = code_of(response);
    const auto problem = json_of(response);
    const auto* errors = problem.as_object().if_contains("errors");
    return std::to_string(response.status) + " " + code +
           (errors ? " at " + std::string(errors->at(0).at("pointer").as_string()) : "");
  }
};

TEST_F(WriteRoutesTest, AReadAfterAWriteSeesIt) {
  Client peer = client();
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":1})");
  EXPECT_EQ(peer.get("/v1/read/orders/1").body, R"({"a":1})");
  const auto done = peer.send_json("PATCH", "/v1/source/users/1", R"({"a":2})");
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(done.body, R"({"held":"everywhere","revision":"r7"})");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":2})");
  EXPECT_EQ(peer.get("/v1/read/orders/1").body, R"({"a":2})");  // Another policy, the same rows.
}

TEST_F(WriteRoutesTest, NumbersReachTheSourceDigitForDigit) {
  Client peer = client();
  const std::string body =
      R"({"a" : 123456789012345678901234567890 ,"n":0.1000000000000000055511151231257827,)"
      R"("b\/c":null})";
  ASSERT_EQ(peer.send_json("PATCH", "/v1/source/users/1", body).status, 200);
  const std::vector<std::pair<std::string, std::string>> want = {
      {"a", "123456789012345678901234567890"},
      {"n", "0.1000000000000000055511151231257827"},
      {"b/c", "null"}};
  EXPECT_EQ(source->written(), want);
}

TEST_F(WriteRoutesTest, WhatIsNotThereIsMadeOnlyIfAsked) {
  Client peer = client();
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/users/9", R"({"a":2})")), "404 not-found");
  EXPECT_EQ(peer.get("/v1/read/users/9").status, 404);
  EXPECT_EQ(peer.send_json("PATCH", "/v1/source/users/9?create=true", R"({"a":2})").status, 200);
  EXPECT_EQ(peer.get("/v1/read/users/9").body, R"({"a":2})");
  EXPECT_EQ(peer.ask({.method = "DELETE", .target = "/v1/source/users/9"}).status, 200);
  EXPECT_EQ(peer.get("/v1/read/users/9").status, 404);
  EXPECT_EQ(told(peer.ask({.method = "DELETE", .target = "/v1/source/users/9"})), "404 not-found");
}

TEST_F(WriteRoutesTest, WhoHasReadTheStateWritesOnlyToIt) {
  Client peer = client();
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":1})");
  source->set("1", R"({"a":5})");  // Nobody has told.
  const auto now = peer.get("/v1/source/users/1");
  EXPECT_EQ(now.status, 200);
  EXPECT_EQ(now.body, R"({"a":5})");
  EXPECT_EQ(now.header("cache-control"), "no-store");
  const std::string tag(now.header("etag").value_or(""));
  EXPECT_EQ(tag, R"("s{'a':5}")");
  const auto to = [&](const std::string& target, wire::Headers headers,
                      const std::string& body = R"({"a":6})") {
    headers.push_back({"Content-Type", "application/json"});
    const auto done = peer.ask(
        {.method = "PATCH", .target = target, .headers = std::move(headers), .body = body});
    return done.status == 200 ? "200" : told(done);
  };
  EXPECT_EQ(to("/v1/source/users/1", {{"If-Match", "\"other\""}}), "412 precondition-failed");
  EXPECT_EQ(peer.get("/v1/source/users/1").body, R"({"a":5})");
  EXPECT_EQ(to("/v1/source/users/1", {{"If-Match", tag}}), "200");
  EXPECT_EQ(to("/v1/source/users/1", {{"If-Match", tag}}), "412 precondition-failed");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":6})");
  EXPECT_EQ(to("/v1/source/users/2?create=true", {{"If-Match", "*"}}), "404 not-found");
  EXPECT_EQ(to("/v1/source/users/2?create=true", {{"If-None-Match", "*"}}), "200");
  EXPECT_EQ(to("/v1/source/users/2?create=true", {{"If-None-Match", "*"}}),
            "412 precondition-failed");
  EXPECT_EQ(to("/v1/source/users/2", {{"If-None-Match", "*"}}), "400 bad-request");
  EXPECT_EQ(to("/v1/source/users/2", {{"If-Match", "W/\"x\""}}), "400 bad-request");
  EXPECT_EQ(to("/v1/source/users/2", {{"If-Match", R"("a", "b")"}}), "400 bad-request");
  EXPECT_EQ(to("/v1/source/users/2", {{"If-Match", tag}, {"If-None-Match", "*"}}),
            "400 bad-request");
  const auto removed = peer.ask(
      {.method = "DELETE", .target = "/v1/source/users/2", .headers = {{"If-Match", "\"other\""}}});
  EXPECT_EQ(told(removed), "412 precondition-failed");
  EXPECT_EQ(told(peer.get("/v1/source/users/3")), "404 not-found");
  EXPECT_EQ(told(peer.get("/v1/source/orders/1")), "403 not-writable");
}

TEST_F(WriteRoutesTest, ManyWritesEachOnItsOwn) {
  Client peer = client();
  for (const char* entity : {"1", "2", "3"}) source->set(entity, R"({"a":1})");
  for (const char* entity : {"1", "2", "3"})
    (void)peer.get("/v1/read/users/" + std::string(entity));
  const auto done = peer.send_json("POST", "/v1/source/users", R"({"writes":[
      {"entity":"1","fields":{"a":12345678901234567890123}},
      {"entity":"2","fields":{"role":1}},
      {"entity":"3","remove":true},
      {"entity":"4","fields":{"a":4}},
      {"entity":"5","create":true,"fields":{"a":5},"expected":""},
      {"entity":"6","fields":{"a":6},"expected":"s"}]})");
  ASSERT_EQ(done.status, 200) << done.body;
  std::string statuses;
  for (const auto& one : json_of(done).at("results").as_array()) {
    statuses += std::to_string(one.at("status").as_int64()) + " ";
  }
  EXPECT_EQ(statuses, "200 403 200 404 200 412 ");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":12345678901234567890123})");
  EXPECT_EQ(peer.get("/v1/read/users/2").body, R"({"a":1})");
  EXPECT_EQ(peer.get("/v1/read/users/3").status, 404);
  EXPECT_EQ(peer.get("/v1/read/users/5").body, R"({"a":5})");
}

TEST_F(WriteRoutesTest, ABodyOfManyWithAFaultWritesNothing) {
  Client peer = client();
  const auto at = [&](const std::string& writes) {
    return told(peer.send_json("POST", "/v1/source/users", R"({"writes":)" + writes + "}"));
  };
  const std::string good = R"({"entity":"1","fields":{"a":9}},)";
  EXPECT_EQ(at("[]"), "422 validation at /writes");
  EXPECT_EQ(at("7"), "422 validation at /writes");
  EXPECT_EQ(at("[" + good + "7]"), "422 validation at /writes/1");
  EXPECT_EQ(at("[" + good + R"({"fields":{"a":1}}])"), "422 validation at /writes/1/entity");
  EXPECT_EQ(at("[" + good + R"({"entity":"2"}])"), "422 validation at /writes/1/fields");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","fields":[]}])"),
            "422 validation at /writes/1/fields");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","fields":{}}])"),
            "422 validation at /writes/1/fields");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","fields":{"a":1,"a":2}}])"),
            "422 validation at /writes/1/fields/a");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","remove":1}])"), "422 validation at /writes/1/remove");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","remove":true,"create":true}])"),
            "422 validation at /writes/1");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","remove":true,"expected":1}])"),
            "422 validation at /writes/1/expected");
  EXPECT_EQ(at("[" + good + R"({"entity":"1","remove":true}])"),
            "422 validation at /writes/1/entity");
  EXPECT_EQ(at("[" + good + R"({"entity":"2","fields":{"a":1},"mode":"x"}])"),
            "422 validation at /writes/1/mode");
  EXPECT_EQ(told(peer.send_json("POST", "/v1/source/users", "{}")), "422 validation at /writes");
  EXPECT_EQ(at("[" + good + good.substr(0, good.size() - 1) + R"(],"more":1)"),
            "422 validation at /more");
  std::string many = "[";
  for (int i = 0; i <= 1000; ++i) many += R"({"entity":")" + std::to_string(i) + R"("},)";
  many.back() = ']';
  EXPECT_EQ(at(many), "422 validation at /writes");
  EXPECT_EQ(told(peer.send_json("POST", "/v1/source/users?create=true", "{}")), "400 bad-request");
  EXPECT_EQ(peer.get("/v1/read/users/1").body, R"({"a":1})");
  const auto source_says =
      peer.send_json("POST", "/v1/source/users", R"({"writes":[{"entity":"1","fields":{"a":9}}]})");
  EXPECT_EQ(source_says.status, 200);
}

TEST_F(WriteRoutesTest, TheEntityIsNamedAsForReads) {
  Client peer = client();
  source->set("a/b", "{}");
  EXPECT_EQ(peer.send_json("PATCH", "/v1/source/users?key=a%2Fb", R"({"a":3})").status, 200);
  EXPECT_EQ(peer.get("/v1/read/users/a%2Fb").body, R"({"a":3})");
  EXPECT_EQ(peer.send_json("PATCH", "/v1/source/users?key_b64=YS9i", R"({"a":4})").status, 200);
  EXPECT_EQ(peer.get("/v1/read/users?key=a/b").body, R"({"a":4})");
  EXPECT_EQ(peer.ask({.method = "DELETE", .target = "/v1/source/users?key=a/b"}).status, 200);
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/users", R"({"a":4})")), "400 bad-request");
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/users/1?key=1", R"({"a":4})")),
            "400 ambiguous-key");
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/users/1?crate=true", R"({"a":4})")),
            "400 bad-request");
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/nobody/1", R"({"a":4})")),
            "404 no-such-policy");
}

TEST_F(WriteRoutesTest, WhatThePolicyDoesNotAllowIsNamed) {
  Client peer = client();
  const auto refused = peer.send_json("PATCH", "/v1/source/users/1", R"({"a":2,"role":"root"})");
  EXPECT_EQ(told(refused), "403 not-writable");
  EXPECT_NE(refused.body.find("role"), std::string::npos);
  EXPECT_EQ(told(peer.send_json("PATCH", "/v1/source/orders/1", R"({"a":2})")), "403 not-writable");
  EXPECT_EQ(told(peer.ask({.method = "DELETE", .target = "/v1/source/orders/1"})),
            "403 not-writable");
  EXPECT_TRUE(source->written().empty());
}

TEST_F(WriteRoutesTest, BadBodiesChangeNothing) {
  Client peer = client();
  const auto fault = [&peer](std::string body) {
    return told(peer.send_json("PATCH", "/v1/source/users/1", std::move(body)));
  };
  EXPECT_EQ(fault("{}"), "422 validation at ");
  EXPECT_EQ(fault("[1]"), "422 validation at ");
  EXPECT_EQ(fault(R"({"a":1,"b/c":1,"b\/c":2})"), "422 validation at /b~1c");
  EXPECT_EQ(fault(R"({"a":)"), "400 bad-request");
  const auto form = peer.ask({.method = "PATCH", .target = "/v1/source/users/1", .body = "a=1"});
  EXPECT_EQ(told(form), "415 unsupported-media-type");
  EXPECT_EQ(form.header("accept-patch"), "application/json");
  EXPECT_EQ(told(peer.send_json("DELETE", "/v1/source/users/1", R"({"a":1})")), "400 bad-request");
  EXPECT_TRUE(source->written().empty());
}

TEST_F(WriteRoutesTest, FaultsOfTheSource) {
  Client peer = client();
  const auto fault = [&](Code code) {
    source->fail_with(code);
    return told(peer.send_json("PATCH", "/v1/source/users/1", R"({"n":1,"a":1})"));
  };
  EXPECT_EQ(fault(Code::invalid_argument), "422 validation at /a");
  EXPECT_EQ(fault(Code::source_failed), "502 backend-unavailable");
  EXPECT_EQ(fault(Code::source_unavailable), "503 source-unavailable");
  EXPECT_EQ(fault(Code::cancelled), "502 backend-unavailable");
  EXPECT_EQ(fault(Code::timed_out), "504 backend-timeout");
  EXPECT_EQ(fault(Code::refused), "503 overloaded");
  source->fail_with(std::nullopt);
}

TEST_F(WriteRoutesTest, WhatWasBilledIsReported) {
  options.prices = {.currency = "EUR", .of = {{"users", {.read = 1, .write = 10, .removal = 100}}}};
  Client peer = client();
  peer.get("/v1/read/users/1");
  peer.get("/v1/read/users/1");
  peer.get("/v1/read/users/none");
  peer.send_json("PATCH", "/v1/source/users/1", R"({"a":2})");
  peer.ask({.method = "DELETE", .target = "/v1/source/users/1"});
  const auto users = json_of(peer.get("/v1/stats")).at("policies").at(1);
  EXPECT_EQ(users.at("name").as_string(), "users");
  EXPECT_EQ(users.at("collection").as_string(), "things");
  EXPECT_EQ(users.at("source_found").as_int64(), 1);
  EXPECT_EQ(users.at("source_missing").as_int64(), 1);
  EXPECT_EQ(users.at("source_writes").as_int64(), 1);
  EXPECT_EQ(users.at("source_deletes").as_int64(), 1);
  EXPECT_EQ(users.at("spent").to_number<double>(), 112);
  EXPECT_EQ(users.at("saved").to_number<double>(), 1);
  // Prices may change, and a policy that came later has one too.
  server->set_prices({.currency = "USD", .of = {{"orders", {.read = 3}}}});
  peer.get("/v1/read/orders/none");
  const auto later = json_of(peer.get("/v1/stats"));
  EXPECT_EQ(later.at("currency").as_string(), "USD");
  EXPECT_EQ(later.at("policies").at(0).at("spent").to_number<double>(), 3);
  EXPECT_NE(peer.get("/metrics")
                .body.find(R"(headrace_money_spent_total{policy="orders",currency="USD"} 3)"),
            std::string::npos);
}

}  // namespace
}  // namespace headrace::http
