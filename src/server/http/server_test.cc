// The server as a whole: who may ask, how it is, and how it ends.
#include "server/http/server.h"

#include <gtest/gtest.h>

#include <future>
#include <string>

#include "server/http/server_fixture.h"

namespace headrace::http {
namespace {

using std::chrono::milliseconds;

class HttpServerTest : public ServerTest {};

TEST_F(HttpServerTest, RefusesToBeOpenToTheWorldWithoutAKey) {
  for (const char* const listen : {"0.0.0.0:0", "[::]:0", ":0"}) {
    const auto refused = HttpServer::make({.listen = listen}, runtime, engine, nullptr);
    ASSERT_FALSE(refused) << listen;
    EXPECT_EQ(refused.error().code, Code::invalid_argument);
    EXPECT_NE(refused.error().what.find("API key"), std::string::npos);
  }
  EXPECT_TRUE(HttpServer::make({.listen = "0.0.0.0:0", .allow_plain = true, .api_key = "k"},
                               runtime, engine, nullptr));
}

TEST_F(HttpServerTest, RefusesToBeReadOnTheWayUnlessToldTo) {
  const auto refused =
      HttpServer::make({.listen = "0.0.0.0:0", .api_key = "k"}, runtime, engine, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_NE(refused.error().what.find("without TLS"), std::string::npos);
}

TEST_F(HttpServerTest, WrongOptionsAreRefused) {
  const auto make = [this](ServerOptions wrong) {
    wrong.listen = "127.0.0.1:0";
    return HttpServer::make(std::move(wrong), runtime, engine, nullptr).has_value();
  };
  EXPECT_FALSE(make({.api_key = "with space"}));
  EXPECT_FALSE(make({.api_key = "line\n"}));
  EXPECT_FALSE(make({.pipeline_max = 0}));
  EXPECT_FALSE(make({.header_bytes_max = 10}));
  EXPECT_FALSE(HttpServer::make({.listen = "nonsense"}, runtime, engine, nullptr));
  client();
  const std::string taken = "127.0.0.1:" + std::to_string(server->address().port);
  const auto second = HttpServer::make({.listen = taken}, runtime, engine, nullptr);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::refused);
}

TEST_F(HttpServerTest, WantsItsKeyButForHealth) {
  options.api_key = "s3cret-key";
  source->set("1", "[1]");
  Client peer = client();
  const auto none = peer.get("/v1/read/users/1");
  EXPECT_EQ(none.status, 401);
  EXPECT_EQ(code_of(none), "missing-credentials");
  EXPECT_TRUE(none.header("www-authenticate")->starts_with("Bearer"));
  const wire::Headers right = {{"Authorization", "Bearer s3cret-key"}};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(peer.get("/v1/read/users/1", right).body, "[1]");
  for (const char* const wrong : {"Bearer s3cret-kez", "Bearer s3cret-ke", "Bearer s3cret-key1",
                                  "Bearer ", "Basic s3cret-key", "s3cret-key", "Bearer"}) {
    const auto refused = peer.get("/v1/read/users/1", {{"Authorization", wrong}});
    EXPECT_EQ(refused.status, 401) << wrong;
    EXPECT_EQ(code_of(refused), "invalid-credentials");
    EXPECT_EQ(refused.body.find("s3cret-key"), std::string::npos);
  }
  for (const char* const path : {"/metrics", "/v1/policies", "/", "/no/such", "/problems/x"}) {
    EXPECT_EQ(peer.get(path).status, 401) << path;
  }
  EXPECT_EQ(peer.get("/livez").status, 200);
  EXPECT_EQ(peer.get("/readyz").body, "ok\n");
}

TEST_F(HttpServerTest, GivesBackTheRequestIdIfItIsOne) {
  Client peer = client();
  EXPECT_EQ(peer.get("/livez", {{"X-Request-Id", "trace-1.2"}}).header("x-request-id"),
            "trace-1.2");
  const auto own = peer.get("/livez", {{"X-Request-Id", "bad id\t"}});
  EXPECT_EQ(own.header("x-request-id")->size(), 13U);
  EXPECT_NE(own.header("x-request-id"), peer.get("/livez").header("x-request-id"));
}

TEST_F(HttpServerTest, SpeaksOfItself) {
  source->set("1", "[1]");
  options.version = "9.8.7";
  options.prices = {.currency = "EUR", .of = {{"users", {.read = 2.0}}}};
  Client peer = client();
  for (int i = 0; i < 3; ++i) peer.get("/v1/read/users/1");
  const auto metrics = peer.get("/metrics");
  EXPECT_EQ(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* const line :
       {"headrace_lookups_total{policy=\"users\",origin=\"memory\",reason=\"fresh\"} 2\n",
        "headrace_source_reads_total{policy=\"users\",collection=\"things\",outcome=\"found\"} 1\n",
        "headrace_connections 1\n", "headrace_entries 1\n",
        "headrace_money_spent_total{policy=\"users\",currency=\"EUR\"} 2\n",
        "headrace_money_saved_total{policy=\"users\",currency=\"EUR\"} 4\n",
        "headrace_policy_rollout{policy=\"users\",rollout=\"on\"} 1\n",
        "headrace_policy_percentage{policy=\"users\"} 100\n",
        "headrace_requests_total{route=\"read\",status=\"2xx\"} 3\n",
        "headrace_request_duration_seconds_count{route=\"read\"} 3\n",
        "headrace_build_info{version=\"9.8.7\"} 1\n"}) {
    EXPECT_NE(metrics.body.find(line), std::string::npos) << line << metrics.body;
  }
  const auto index = json_of(peer.get("/"));
  EXPECT_EQ(index.at("version").as_string(), "9.8.7");
  EXPECT_GT(index.at("routes").as_array().size(), 10U);
  EXPECT_TRUE(peer.get("/problems/not-found").body.starts_with("404 not-found"));
  EXPECT_EQ(code_of(peer.get("/problems/nonsense")), "no-such-problem");
  EXPECT_EQ(peer.get("/readyz?verbose").body, "[+]serving ok\n[+]reads ok\n");
  EXPECT_EQ(peer.ask({.method = "POST", .target = "/livez"}).status, 405);
}

TEST_F(HttpServerTest, BrokenRequestsGetProblemsAndTheEnd) {
  client();
  Client peer(server->address().port);
  peer.send("GET / HTTP/1.1\r\n\r\n");
  const auto response = peer.receive();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(code_of(response), "bad-request");
  EXPECT_TRUE(peer.is_ended());
}

TEST_F(HttpServerTest, AnnouncesItsEndBeforeItComes) {
  Client peer = client();
  Client other(server->address().port);
  server->announce_drain();
  const auto ready = peer.get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "draining\n");
  EXPECT_EQ(ready.header("connection"), std::nullopt);
  EXPECT_EQ(peer.get("/livez").status, 200);
  EXPECT_EQ(other.get("/livez").status, 200);
}

TEST_F(HttpServerTest, DrainingLetsARequestInProgressFinish) {
  source->set("1", "[1]");
  source->hold();
  client();
  Client idle(server->address().port);
  EXPECT_EQ(idle.get("/livez").status, 200);
  Client busy(server->address().port);
  busy.send("GET /v1/read/users/1 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(eventually([this] { return source->waiting() == 1; }));
  auto drained = std::async(std::launch::async, [this] { server->drain(); });
  EXPECT_TRUE(idle.is_ended());
  source->release();
  const auto response = busy.receive();
  EXPECT_EQ(response.body, "[1]");
  EXPECT_TRUE(busy.is_ended());
  drained.wait();
  server->drain();
}

TEST_F(HttpServerTest, DrainingWaitsForNobodyLongerThanItsLimit) {
  options.shutdown_within = milliseconds(20);
  client();
  Client half(server->address().port);
  half.send("GET /livez HT");
  Client peer(server->address().port);
  EXPECT_EQ(peer.get("/livez").status, 200);
  server->drain();
  EXPECT_TRUE(half.is_ended());
}

}  // namespace
}  // namespace headrace::http
