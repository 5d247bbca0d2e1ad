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
