// Allowances over HTTP, against a real engine: spends, and gates whose consumers keep their place.
#include "server/http/allowance_routes.h"

#include <gmock/gmock.h>

#include <thread>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::HasSubstr;

Result<Balance> balance_of(const AnyAnswer& answer) {
  if (answer.kind() == Kind::null) return Unlimited{};
  if (answer.kind() == Kind::absent) return Unknown{};
  return Amount(std::stoll(*static_cast<const std::string*>(answer.entry().value())));
}

class AllowanceRoutesTest : public ServerTest {
 protected:
  AllowanceRoutesTest() {
    define({.name = "usage"});
    source->set("42", "10");
    source->set("poor", "0");
    source->set("rich", "null");
    open({.name = "hours", .balance = "usage"});
  }
  void TearDown() override {
    server.reset();
    for (const auto& [name, one] : options.allowances) headrace::wait(one->close());
  }
  void open(AllowancePolicy policy) {
    const std::string name = policy.name;
    auto opened = Allowances::open(engine, {runtime, runtime, runtime, nullptr}, std::move(policy),
                                   balance_of);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    options.allowances[name] = std::move(*opened);
  }

  static wire::Response spend(Client& to, const std::string& entity, const std::string& amount) {
    return to.send_json("POST", "/v1/allowances/hours/" + entity + "/spend",
                        R"({"amount":)" + amount + "}");
  }
  static boost::json::value gate(Client& to, const std::string& query) {
    const auto polled = to.get("/v1/allowances/hours/42/gate" + query);
    EXPECT_EQ(polled.status, 200) << polled.body;
    return json_of(polled);
  }
  static std::string after(const boost::json::value& polled, int wait_ms = 0) {
    return "?cursor=" + std::string(polled.at("cursor").as_string()) +
           "&wait=" + std::to_string(wait_ms);
  }
  // Somebody writes and says so; it is heard a moment later.
  void change(const std::string& to) {
    source->set("42", to);
    signal();
  }
  void signal() {
    Invalidation what;
    what.keys.push_back({"usage", "42"});
    EXPECT_TRUE(headrace::wait(engine.invalidate(what)).has_value());
  }
  AllowanceStats stats() { return options.allowances.at("hours")->stats(); }
};

TEST_F(AllowanceRoutesTest, WhatIsGrantedIsAnAnswerWhateverItIs) {
  Client to = client();
  EXPECT_EQ(spend(to, "42", "3").body,
            R"({"granted":3,"left":7,"unlimited":false,"state":"amount","open":true})");
  EXPECT_EQ(spend(to, "42", "0.0").status, 200) << "a whole number, however it is written";
  EXPECT_EQ(spend(to, "42", "9").body,
            R"({"granted":7,"left":0,"unlimited":false,"state":"exhausted","open":false})");
  EXPECT_EQ(spend(to, "rich", "9").body,
            R"({"granted":9,"left":null,"unlimited":true,"state":"unlimited","open":true})");
  EXPECT_EQ(spend(to, "nobody", "1").body,
            R"({"granted":0,"left":null,"unlimited":false,"state":"unknown","open":false})");
  const auto refused = spend(to, "poor", "1");
  EXPECT_EQ(refused.status, 200);
  EXPECT_EQ(refused.header("cache-control"), "no-store");
}

TEST_F(AllowanceRoutesTest, ALookSpendsNothing) {
  Client to = client();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(to.get("/v1/allowances/hours/42").body,
              R"({"left":10,"unlimited":false,"state":"amount","open":true})");
  }
  EXPECT_EQ(source->reads(), 1);
}

TEST_F(AllowanceRoutesTest, FaultsAreTold) {
  Client to = client();
  for (const char* const amount : {"-1", "1.5", "\"1\"", "1000000000001", "1e30", "null"}) {
    const auto refused = spend(to, "42", amount);
    EXPECT_EQ(code_of(refused), "validation") << amount;
    EXPECT_THAT(refused.body, HasSubstr("/amount")) << amount;
  }
  EXPECT_EQ(code_of(to.send_json("POST", "/v1/allowances/hours/42/spend", "{}")), "validation");
  const auto unknown = to.get("/v1/allowances/hour/42");
  EXPECT_EQ(code_of(unknown), "no-such-allowance");
  EXPECT_THAT(unknown.body, HasSubstr(R"(did you mean \"hours\")"));
  EXPECT_EQ(code_of(to.get("/v1/allowances/hours/" + std::string(1025, 'x'))), "uri-too-long");
  for (const char* const query : {"?wait=-1", "?wait=30001", "?wait=x", "?waits=1"}) {
    EXPECT_EQ(code_of(to.get("/v1/allowances/hours/42/gate" + std::string(query))), "bad-request");
  }
  EXPECT_EQ(stats().spends, 0u);
}

TEST_F(AllowanceRoutesTest, EachConsumerSeesAChangeOnceHoweverLate) {
  Client to = client();
  const auto first = gate(to, "");
  const auto other = gate(to, "");
  EXPECT_FALSE(first.at("changed").as_bool());
  EXPECT_EQ(first.at("left").as_int64(), 10);
  change("0");
  const auto seen = gate(to, after(first, 30'000));
  EXPECT_TRUE(seen.at("changed").as_bool());
  EXPECT_FALSE(seen.at("open").as_bool());
  EXPECT_FALSE(gate(to, after(seen)).at("changed").as_bool()) << "it was seen";
  const auto late = gate(to, after(other));
  EXPECT_TRUE(late.at("changed").as_bool()) << "whoever comes late has missed nothing";
  EXPECT_EQ(late.at("cursor"), seen.at("cursor"));
  change("5");
  const auto open = gate(to, after(late, 30'000));
  EXPECT_TRUE(open.at("changed").as_bool());
  EXPECT_TRUE(open.at("open").as_bool());
  EXPECT_FALSE(gate(to, after(open)).at("changed").as_bool());
  EXPECT_TRUE(gate(to, after(first)).at("changed").as_bool()) << "two are one";
}

TEST_F(AllowanceRoutesTest, ACursorThatIsNotOursHasMissedSomething) {
  Client to = client();
  for (const char* const cursor : {"", "x", "1-2-0-open", "-", "0-0-0-open", "%00"}) {
    const auto polled = gate(to, "?wait=30000&cursor=" + std::string(cursor));
    EXPECT_TRUE(polled.at("changed").as_bool()) << cursor;
  }
}

TEST_F(AllowanceRoutesTest, APollWaitsForTheChange) {
  Client to = client();
  Client blocked = client();
  const auto first = gate(to, "");
  std::jthread polling([&] {
    const auto polled = gate(to, after(first, 30'000));
    EXPECT_TRUE(polled.at("changed").as_bool());
    EXPECT_EQ(polled.at("left").as_int64(), 5);
  });
  // Another, of whom nothing is read any more, holds nobody up.
  blocked.send("GET /v1/allowances/hours/42/gate" + after(first, 30'000) +
               " HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return stats().gates == 2; }));
  change("5");
  polling.join();
  EXPECT_TRUE(eventually([&] { return stats().gates == 0; })) << "nobody is watched for any more";
  EXPECT_TRUE(json_of(blocked.receive()).at("changed").as_bool());
}

// Though nobody has said that anything changed: the rest is spent.
TEST_F(AllowanceRoutesTest, APollWaitsForTheGateToo) {
  Client to = client();
  const auto first = gate(to, "");
  std::jthread polling([&] {
    const auto polled = gate(to, after(first, 30'000));
    EXPECT_FALSE(polled.at("changed").as_bool());
    EXPECT_EQ(polled.at("state").as_string(), "exhausted");
  });
  EXPECT_TRUE(eventually([&] { return stats().gates == 1; }));
  Client other = client();
  EXPECT_EQ(json_of(spend(other, "42", "10")).at("granted").as_int64(), 10);
  polling.join();
}

TEST_F(AllowanceRoutesTest, APollEndsWithItsTimeAndWithTheServer) {
  Client to = client();
  const auto first = gate(to, "");
  const auto still = gate(to, after(first, 1));
  EXPECT_FALSE(still.at("changed").as_bool());
  EXPECT_EQ(still.at("cursor"), first.at("cursor"));
  std::jthread polling(
      [&] { EXPECT_FALSE(gate(to, after(first, 30'000)).at("changed").as_bool()); });
  EXPECT_TRUE(eventually([&] { return stats().gates == 1; }));
  const auto began = std::chrono::steady_clock::now();
  server->drain();
  polling.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

// Whoever waited on at one that is closed would hear of nothing.
TEST_F(AllowanceRoutesTest, APollEndsWhenTheConfigurationComesAnew) {
  Client to = client();
  const auto first = gate(to, "");
  std::jthread polling(
      [&] { EXPECT_FALSE(gate(to, after(first, 30'000)).at("changed").as_bool()); });
  EXPECT_TRUE(eventually([&] { return stats().gates == 1; }));
  const auto began = std::chrono::steady_clock::now();
  server->set_allowances(options.allowances);
  polling.join();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(10));
}

TEST_F(AllowanceRoutesTest, NoMoreWaitThanTheLimit) {
  open({.name = "narrow", .balance = "usage", .gates_max = 1});
  Client to = client();
  Client other = client();
  const std::string path = "/v1/allowances/narrow/42/gate";
  const auto first = json_of(to.get(path));
  to.send("GET " + path + after(first, 30'000) + " HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return options.allowances.at("narrow")->stats().gates == 1; }));
  const auto refused = other.get(path);
  EXPECT_EQ(code_of(refused), "overloaded");
  EXPECT_THAT(refused.body, HasSubstr("gates_max"));
  signal();
  EXPECT_EQ(to.receive().status, 200);
}

TEST_F(AllowanceRoutesTest, AllowancesComeAndGoWithTheConfiguration) {
  Client to = client();
  EXPECT_EQ(spend(to, "42", "1").status, 200);
  server->set_allowances({{"days", options.allowances.at("hours")}});
  EXPECT_EQ(code_of(to.get("/v1/allowances/hours/42")), "no-such-allowance");
  EXPECT_EQ(to.get("/v1/allowances/days/42").status, 200);
}

TEST_F(AllowanceRoutesTest, ReportsCountThemAndNameNoEntity) {
  Client to = client();
  spend(to, "42", "3");
  spend(to, "poor", "1");
  const std::string metrics = to.get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("headrace_allowance_spends_total{allowance=\"hours\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("headrace_allowance_granted_total{allowance=\"hours\"} 3\n"));
  EXPECT_THAT(metrics, HasSubstr("headrace_allowance_entities{allowance=\"hours\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("headrace_requests_total{route=\"allowance\",status=\"2xx\"} 2"));
  EXPECT_THAT(metrics, testing::Not(HasSubstr("poor")));
  const auto stats = json_of(to.get("/v1/stats")).at("allowances").at(0);
  EXPECT_EQ(stats.at("name").as_string(), "hours");
  EXPECT_EQ(stats.at("reads").as_int64(), 2);
  EXPECT_EQ(stats.at("granted").as_int64(), 3);
}

}  // namespace
}  // namespace headrace::http
