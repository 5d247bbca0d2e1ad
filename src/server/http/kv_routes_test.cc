#include "server/http/kv_routes.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "headrace/meter.h"
#include "server/http/kv_fixture.h"

namespace headrace::http {
namespace {

class KvRoutesTest : public KvTest {};
INSTANTIATE_TEST_SUITE_P(FromMemoryAndNot, KvRoutesTest, testing::Bool());

TEST_P(KvRoutesTest, AValueComesBackAsItWasPut) {
  Client to = client();
  const std::string bytes("\0\r\n\xff{}", 6);
  const auto put = send(to, "PUT", "/v1/kv/web/a", bytes, {{"Content-Type", "image/x; v=1"}});
  EXPECT_EQ(put.status, 201);
  EXPECT_EQ(header(put, "location"), "/v1/kv/web/a");
  const auto got = to.get("/v1/kv/web/a");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, bytes);
  EXPECT_EQ(header(got, "content-type"), "image/x; v=1");
  EXPECT_EQ(header(got, "etag"), header(put, "etag"));
  EXPECT_EQ(header(got, "age"), "0");
  EXPECT_EQ(header(got, "x-content-type-options"), "nosniff");
  EXPECT_EQ(header(got, "cache-control"), "no-store");
  EXPECT_TRUE(header(got, "cache-status").starts_with("headrace; hit; ttl="));
  EXPECT_NE(header(got, "expires-in"), "(none)");

  const auto again = send(to, "PUT", "/v1/kv/web/a", "2");
  EXPECT_EQ(again.status, 204);
  EXPECT_EQ(header(again, "location"), "(none)");
  EXPECT_NE(header(again, "etag"), header(put, "etag"));
  EXPECT_EQ(header(to.get("/v1/kv/web/a"), "content-type"), "application/octet-stream");
}

TEST_P(KvRoutesTest, AnEmptyValueIsAValue) {
  Client to = client();
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a", "").status, 201);
  const auto got = to.get("/v1/kv/web/a");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "");
  EXPECT_EQ(json_of(to.get("/v1/exists/web/a")).at("exists"), true);
}

TEST_P(KvRoutesTest, WhatIsNotThereIsNotFound) {
  Client to = client();
  const auto got = to.get("/v1/kv/web/a");
  EXPECT_EQ(code_of(got), "not-found");
  EXPECT_EQ(header(got, "cache-status"), "headrace; fwd=miss");
  EXPECT_EQ(json_of(to.get("/v1/exists/web/a")).at("exists"), false);
  EXPECT_EQ(code_of(to.get("/v1/meta/web/a")), "not-found");
  EXPECT_EQ(code_of(send(to, "POST", "/v1/touch/web/a?ttl=1")), "not-found");
  EXPECT_EQ(code_of(send(to, "POST", "/v1/getdel/web/a")), "not-found");
  EXPECT_EQ(json_of(send(to, "DELETE", "/v1/kv/web/a")).at("deleted"), false);
}

TEST_P(KvRoutesTest, WhatCannotBeSaidNowIsNeverAnAbsence) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  records.fails = true;
  const std::vector<wire::Response> all = {
      to.get("/v1/kv/web/a"),
      to.get("/v1/kv/web/none"),
      to.get("/v1/exists/web/a"),
      to.get("/v1/meta/web/a"),
      send(to, "PUT", "/v1/kv/web/a", "2"),
      send(to, "DELETE", "/v1/kv/web/a"),
      send(to, "POST", "/v1/touch/web/a"),
      send(to, "POST", "/v1/getdel/web/a"),
      send(to, "POST", "/v1/cleanup"),
  };
  for (const wire::Response& one : all) {
    EXPECT_EQ(code_of(one), "records-unavailable");
    EXPECT_EQ(one.status, 503);
    EXPECT_NE(header(one, "retry-after"), "(none)");
  }
  records.fails = false;
  EXPECT_EQ(to.get("/v1/kv/web/a").body, "1");
}

TEST_P(KvRoutesTest, AHeadHasTheHeadersAndNoBody) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "12345").status, 201);
  const auto head = to.ask({.method = "HEAD", .target = "/v1/kv/web/a"});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(header(head, "content-length"), "5");
  EXPECT_EQ(header(head, "etag"), header(to.get("/v1/kv/web/a"), "etag"));
  EXPECT_EQ(to.ask({.method = "HEAD", .target = "/v1/kv/web/b"}).status, 404);
  EXPECT_EQ(to.get("/v1/kv/web/a").body, "12345");  // The connection is in step.
}

TEST_P(KvRoutesTest, KeysAreBytesAndEachWayToNameOneIsTheSame) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a%2Fb%00%FF", "1").status, 201);
  EXPECT_EQ(to.get("/v1/kv/web/a%2fb%00%ff").body, "1");
  EXPECT_EQ(to.get("/v1/kv/web?key=a%2Fb%00%FF").body, "1");
  EXPECT_EQ(to.get("/v1/kv/web?key_b64=YS9iAP8").body, "1");
  EXPECT_EQ(header(send(to, "PUT", "/v1/kv/web?key=%2Fn%C3%A4", "1"), "location"),
            "/v1/kv/web/%2Fn%C3%A4");
  for (const char* dots : {".", "..", "%2E%2E"}) {
    EXPECT_EQ(send(to, "PUT", "/v1/kv/web/" + std::string(dots), dots).status / 100, 2) << dots;
  }
  EXPECT_EQ(to.get("/v1/kv/web/..").body, "%2E%2E");
}

TEST_P(KvRoutesTest, AKeyIsNamedOnceAndHasItsLimits) {
  Client to = client();
  EXPECT_EQ(code_of(to.get("/v1/kv/web/a?key=a")), "ambiguous-key");
  EXPECT_EQ(code_of(to.get("/v1/kv/web?key=a&key_b64=YQ")), "ambiguous-key");
  EXPECT_EQ(code_of(to.get("/v1/kv/web")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/kv/web/")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/kv/web?key_b64=%2A")), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/kv/web/a?kye=b")), "bad-request");
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/" + std::string(1024, 'x'), "1").status, 201);
  EXPECT_EQ(code_of(to.get("/v1/kv/web/" + std::string(1025, 'x'))), "bad-request");
  EXPECT_EQ(code_of(to.get("/v1/kv/sessions%2Fapp/a")), "no-such-namespace");
  EXPECT_EQ(code_of(to.get("/v1/kv/" + std::string(49, 'n') + "/a")), "no-such-namespace");
}

TEST_P(KvRoutesTest, AWriteIsMadeIfWhatIsThereIsWhatWasRead) {
  Client to = client();
  const auto put = [&](std::string body, std::string name, std::string value) {
    return send(to, "PUT", "/v1/kv/web/a", std::move(body), {{std::move(name), std::move(value)}});
  };
  EXPECT_EQ(code_of(put("0", "If-Match", "*")), "precondition-failed");
  EXPECT_EQ(code_of(put("0", "If-Match", "\"v1\"")), "precondition-failed");
  EXPECT_EQ(put("1", "If-None-Match", "*").status, 201);
  const auto refused = put("2", "If-None-Match", "*");
  EXPECT_EQ(code_of(refused), "precondition-failed");
  const std::string first = header(to.get("/v1/kv/web/a"), "etag");
  EXPECT_EQ(header(refused, "etag"), first);
  EXPECT_EQ(code_of(put("2", "If-Match", "W/" + first)), "precondition-failed");
  EXPECT_EQ(code_of(put("2", "If-None-Match", "W/" + first)), "precondition-failed");
  EXPECT_EQ(put("2", "If-Match", "\"x\", " + first).status, 204);
  EXPECT_EQ(code_of(put("3", "If-Match", first)), "precondition-failed");
  // The envelope's tag is one of the same content.
  std::string envelope = header(to.get("/v1/kv/web/a"), "etag");
  envelope.insert(envelope.size() - 1, ".j");
  EXPECT_EQ(put("3", "If-Match", envelope).status, 204);
  EXPECT_EQ(put("4", "If-Match", "*").status, 204);
  for (const char* malformed : {"v1", "\"v1", "", "\"v1\" \"v2\""}) {
    EXPECT_EQ(code_of(put("5", "If-Match", malformed)), "bad-request") << malformed;
  }
  EXPECT_EQ(to.get("/v1/kv/web/a").body, "4");
}

TEST_P(KvRoutesTest, IfMatchDecidesBeforeIfNoneMatch) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  const std::string tag = header(to.get("/v1/kv/web/a"), "etag");
  EXPECT_EQ(to.get("/v1/kv/web/a", {{"If-Match", tag}, {"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(to.get("/v1/kv/web/a", {{"If-Match", "\"v0\""}, {"If-None-Match", tag}}).status, 412);
  EXPECT_EQ(to.get("/v1/kv/web/a", {{"If-Match", tag}}).status, 200);
}

TEST_P(KvRoutesTest, ARemovalMayBeConditional) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  const std::string tag = header(to.get("/v1/kv/web/a"), "etag");
  const auto refused = send(to, "DELETE", "/v1/kv/web/a", "", {{"If-Match", "\"v0\""}});
  EXPECT_EQ(code_of(refused), "precondition-failed");
  EXPECT_EQ(header(refused, "etag"), tag);
  EXPECT_EQ(json_of(send(to, "DELETE", "/v1/kv/web/a", "", {{"If-Match", tag}})).at("deleted"),
            true);
  EXPECT_EQ(to.get("/v1/kv/web/a").status, 404);
  EXPECT_EQ(code_of(send(to, "DELETE", "/v1/kv/web/a", "", {{"If-Match", tag}})),
            "precondition-failed");
}

TEST_P(KvRoutesTest, AReadMayAskForWhatIsNew) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  const std::string tag = header(to.get("/v1/kv/web/a"), "etag");
  const auto same = to.get("/v1/kv/web/a", {{"If-None-Match", "\"x\", W/" + tag}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(header(same, "etag"), tag);
  EXPECT_NE(header(same, "expires-in"), "(none)");
  EXPECT_EQ(header(same, "age"), "0");
  EXPECT_EQ(to.get("/v1/kv/web/a", {{"If-None-Match", "*"}}).status, 304);
  EXPECT_EQ(to.get("/v1/kv/web/a", {{"If-None-Match", "\"v0\""}}).status, 200);
  EXPECT_EQ(to.get("/v1/kv/web/b", {{"If-None-Match", "*"}}).status, 404);
}

TEST_P(KvRoutesTest, ALifeIsAsLongAsItsWriterSays) {
  Client to = client();
  const auto left = [&](const std::string& parameters) {
    EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a" + parameters, "1").status / 100, 2) << parameters;
    const std::string text = header(to.get("/v1/kv/web/a"), "expires-in");
    return text == "(none)" ? -1 : std::stoll(text);
  };
  const auto about = [](std::int64_t ms, std::int64_t wanted) {
    return ms > wanted - 20'000 && ms <= wanted;
  };
  EXPECT_TRUE(about(left(""), 2'592'000'000));
  EXPECT_TRUE(about(left("?ttl=60.25"), 60'250));
  EXPECT_EQ(left("?ttl=none"), -1);
  EXPECT_EQ(left("?keep_ttl=1"), -1);
  EXPECT_TRUE(about(left("?ttl=100"), 100'000));
  EXPECT_TRUE(about(left("?keep_ttl=1"), 100'000));
  EXPECT_TRUE(about(left("?idle=50"), 50'000));
  EXPECT_TRUE(about(left("?idle=50&ttl=40"), 40'000));
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  EXPECT_TRUE(about(left("?expires_at=" + std::to_string(now + 500)), 500'000));
  for (const char* bad :
       {"?ttl=0", "?ttl=-1", "?ttl=x", "?ttl=", "?ttl=nan", "?ttl=1e3", "?ttl=99999999999",
        "?ttl=0.0001", "?ttl=5&expires_at=99999999999", "?expires_at=x", "?keep_ttl=1&ttl=5",
        "?keep_ttl=x", "?idle=0", "?idle=none", "?tll=5"}) {
    EXPECT_EQ(code_of(send(to, "PUT", "/v1/kv/web/a" + std::string(bad), "1")), "bad-request")
        << bad;
  }
}

TEST_P(KvRoutesTest, TheServerSaysHowLongALifeMayBe) {
  options.ttl_default = std::chrono::seconds(60);
  options.ttl_max = std::chrono::seconds(100);
  Client to = client();
  const auto put = [&](const std::string& parameters) {
    return send(to, "PUT", "/v1/kv/web/a" + parameters, "1");
  };
  const auto left_is = [&](std::int64_t wanted) {
    const std::string text = header(to.get("/v1/kv/web/a"), "expires-in");
    const std::int64_t ms = text == "(none)" ? -1 : std::stoll(text);
    return ms == wanted || (ms > wanted - 20'000 && ms <= wanted);
  };
  EXPECT_EQ(put("").status, 201);
  EXPECT_TRUE(left_is(60'000));
  EXPECT_EQ(put("?ttl=100").status, 204);
  EXPECT_TRUE(left_is(100'000));
  EXPECT_EQ(put("?expires_at=99999999999").status, 204);
  EXPECT_TRUE(left_is(100'000));
  EXPECT_EQ(put("?ttl=none").status, 204);
  EXPECT_TRUE(left_is(-1));
  for (const char* bad : {"?ttl=100.5", "?idle=101", "?ttl=2592000"}) {
    const auto refused = put(bad);
    EXPECT_EQ(code_of(refused), "bad-request") << bad;
    EXPECT_TRUE(refused.body.contains("at most 100")) << refused.body;
  }
  EXPECT_EQ(code_of(send(to, "POST", "/v1/touch/web/a?ttl=101")), "bad-request");
  for (const char* path : {"/cache/k", "/v1/counters/web/n"}) {
    EXPECT_EQ(code_of(to.send_json("POST", path, R"({"value":1,"ttl":101})")), "validation");
  }
  EXPECT_EQ(json_of(to.send_json("POST", "/cache/k", R"({"value":1})")).at("ttl"), 60);
  const auto document = json_of(to.get("/openapi.json"));
  EXPECT_EQ(document.at("components").at("schemas").at("CacheTtl").at("anyOf").at(1).at("maximum"),
            100);
  EXPECT_EQ(document.at("components").at("parameters").at("idle").at("schema").at("maximum"), 100);
  options.ttl_default = std::chrono::seconds(101);
  EXPECT_EQ(HttpServer::make(options, runtime, engine, nullptr).error().code,
            Code::invalid_argument);
}

TEST_P(KvRoutesTest, WhatHasExpiredIsGoneAtOnce) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a?ttl=0.05", "1").status, 201);
  EXPECT_TRUE(eventually([&] { return to.get("/v1/kv/web/a").status == 404; }));
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a", "1", {{"If-None-Match", "*"}}).status, 201);
  // A moment that is over removes.
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a?expires_at=1000", "1").status, 204);
  EXPECT_EQ(to.get("/v1/kv/web/a").status, 404);
}

TEST_P(KvRoutesTest, ATouchMovesTheEndAndKeepsTheTag) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a?ttl=1000", "1").status, 201);
  const std::string tag = header(to.get("/v1/kv/web/a"), "etag");
  EXPECT_EQ(send(to, "POST", "/v1/touch/web/a?ttl=5").status, 204);
  const auto got = to.get("/v1/kv/web/a");
  EXPECT_LE(std::stoll(header(got, "expires-in")), 5000);
  EXPECT_EQ(header(got, "etag"), tag);
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a", "2", {{"If-Match", tag}}).status, 204);
  EXPECT_EQ(send(to, "POST", "/v1/touch/web/a").status, 204);
  EXPECT_EQ(send(to, "POST", "/v1/touch/web/a?ttl=none").status, 204);
  EXPECT_EQ(header(to.get("/v1/kv/web/a"), "expires-in"), "(none)");
}

TEST_P(KvRoutesTest, ItsTimesAndItsSizeCanBeAskedFor) {
  Client to = client();
  ASSERT_EQ(
      send(to, "PUT", "/v1/kv/web/a?ttl=60&idle=50", "12345", {{"Content-Type", "text/x"}}).status,
      201);
  const auto meta = json_of(to.get("/v1/meta/web/a"));
  EXPECT_EQ(meta.at("size"), 5);
  EXPECT_EQ(meta.at("content_type"), "text/x");
  EXPECT_EQ(meta.at("idle"), 50);
  EXPECT_EQ(meta.at("created_at"), meta.at("updated_at"));
  EXPECT_TRUE(meta.at("expires_at").is_string());
  EXPECT_TRUE(meta.at("last_accessed").is_string());
  EXPECT_EQ("\"" + std::string(meta.at("version").as_string()) + "\"",
            header(to.get("/v1/kv/web/a"), "etag"));
}

// However many ask at once, one of them gets it.
TEST_P(KvRoutesTest, WhatIsTakenIsTakenOnce) {
  Client first = client();
  for (int round = 0; round < 20; ++round) {
    ASSERT_EQ(send(first, "PUT", "/v1/kv/web/a", "state", {{"Content-Type", "text/x"}}).status,
              201);
    std::atomic<int> got = 0;
    std::vector<std::jthread> all;
    for (int i = 0; i < 4; ++i) {
      all.emplace_back([&] {
        Client to(server->address().port);
        const auto taken = send(to, "POST", "/v1/getdel/web/a");
        if (taken.status == 200 && taken.body == "state") ++got;
        if (taken.status != 200) EXPECT_EQ(taken.status, 404);
      });
    }
    all.clear();
    ASSERT_EQ(got, 1);
  }
}

TEST_P(KvRoutesTest, WhatIsTooLargeIsRefused) {
  doorkeeper.anybody->value_bytes_max = 10;
  Client to = client();
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a", std::string(10, 'x')).status, 201);
  EXPECT_EQ(code_of(send(to, "PUT", "/v1/kv/web/a", std::string(11, 'x'))), "value-too-large");
  EXPECT_EQ(
      code_of(send(to, "PUT", "/v1/kv/web/a", "x", {{"Content-Type", std::string(256, 'x')}})),
      "bad-request");
}

TEST_P(KvRoutesTest, AQuotaStopsWritesAndNothingElse) {
  doorkeeper.anybody->ceiling.records_max = 1;
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  const auto refused = send(to, "PUT", "/v1/kv/web/b", "1");
  EXPECT_EQ(code_of(refused), "storage-quota-exceeded");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(to.get("/v1/kv/web/a").status, 200);
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/a", "2").status, 204);
  EXPECT_EQ(send(to, "DELETE", "/v1/kv/web/a").status, 200);
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/b", "1").status, 201);
}

TEST_P(KvRoutesTest, NobodyReachesWhatIsAnothers) {
  doorkeeper.add("one", 2);
  doorkeeper.add("two", 3);
  Client to = client();
  ASSERT_EQ(to.ask(as("one", {.method = "PUT", .target = "/v1/kv/web/a", .body = "1"})).status,
            201);
  EXPECT_EQ(to.ask(as("one", {.target = "/v1/kv/web/a"})).status, 200);
  EXPECT_EQ(to.ask(as("two", {.target = "/v1/kv/web/a"})).status, 404);
  EXPECT_EQ(to.get("/v1/kv/web/a").status, 404);
  EXPECT_EQ(to.ask(as("one", {.target = "/v1/kv/other/a"})).status, 404);
  EXPECT_EQ(code_of(to.ask(as("three", {.target = "/v1/kv/web/a"}))), "invalid-credentials");
  doorkeeper.anybody = nullptr;
  EXPECT_EQ(code_of(to.get("/v1/kv/web/a")), "missing-credentials");
  EXPECT_EQ(to.get("/livez").status, 200);
}

TEST_P(KvRoutesTest, EachScopeOpensItsDoor) {
  doorkeeper.add("reads", 1, Scopes().with(Scope::kv_read));
  doorkeeper.add("writes", 1, Scopes().with(Scope::kv_write));
  doorkeeper.add("removes", 1, Scopes().with(Scope::kv_delete));
  Client to = client();
  const auto opens = [&](std::string method, std::string target) {
    std::string open;
    for (const std::string key : {"reads", "writes", "removes"}) {
      const auto said = to.ask(as(key, {.method = method, .target = target}));
      if (said.status == 403 && said.body.empty()) continue;
      if (said.status == 403) {
        EXPECT_EQ(code_of(said), "insufficient-scope");
        EXPECT_TRUE(header(said, "www-authenticate").contains("insufficient_scope"));
      } else {
        open += key + " ";
      }
    }
    return open;
  };
  EXPECT_EQ(opens("GET", "/v1/kv/web/a"), "reads ");
  EXPECT_EQ(opens("HEAD", "/v1/kv/web/a"), "reads ");
  EXPECT_EQ(opens("GET", "/v1/exists/web/a"), "reads ");
  EXPECT_EQ(opens("GET", "/v1/meta/web/a"), "reads ");
  EXPECT_EQ(opens("PUT", "/v1/kv/web/a"), "writes ");
  EXPECT_EQ(opens("POST", "/v1/touch/web/a"), "writes ");
  EXPECT_EQ(opens("DELETE", "/v1/kv/web/a"), "removes ");
  EXPECT_EQ(opens("POST", "/v1/getdel/web/a"), "");
  EXPECT_EQ(opens("POST", "/v1/cleanup"), "");
}

TEST_P(KvRoutesTest, AKeyWithAPrefixIsForItsKeysAlone) {
  doorkeeper.add("users", 1)->key_prefix = "user:";
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a", "1").status, 201);
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/user:1", "1").status, 201);
  EXPECT_EQ(to.ask(as("users", {.target = "/v1/kv/web/user:1"})).status, 200);
  EXPECT_EQ(code_of(to.ask(as("users", {.target = "/v1/kv/web/a"}))), "insufficient-scope");
  EXPECT_EQ(code_of(to.ask(as("users", {.method = "DELETE", .target = "/v1/kv/web/a"}))),
            "insufficient-scope");
}

TEST_P(KvRoutesTest, WhatHasExpiredIsFreedWhenSomebodySaysSo) {
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/web/a?expires_at=99999999999", "1").status, 201);
  EXPECT_EQ(json_of(send(to, "POST", "/v1/cleanup")).at("removed"), 0);
}

// From memory or not: each read is paid for once, says what is left, and a refusal counts once.
TEST_P(KvRoutesTest, WhatIsMeteredIsPaidForOnce) {
  doorkeeper.anybody->meter = std::make_shared<Meter>(Rates{.sustained = 6});
  const Meter& meter = *doorkeeper.anybody->meter;
  Client to = client();
  ASSERT_EQ(send(to, "PUT", "/v1/kv/default/a", "1").status, 201);
  const std::string one = "GET /v1/kv/default/a HTTP/1.1\r\nHost: h\r\n\r\n";
  ASSERT_TRUE(to.send(one + one));
  for (const std::string left : {"4", "3"}) {
    const wire::Response got = to.receive();
    EXPECT_EQ(got.body, "1");
    EXPECT_EQ(header(got, "ratelimit-policy"), R"("sustained";q=6;w=60)");
    EXPECT_TRUE(header(got, "ratelimit").starts_with("\"sustained\";r=" + left + ";t="));
  }
  EXPECT_EQ(to.get("/cache/a").status, 200);
  EXPECT_EQ(to.get("/v1/kv/web/none").status, 404);
  EXPECT_EQ(to.get("/v1/kv/default/a").status, 200);
  EXPECT_EQ(meter.counts().spent, 6U);
  EXPECT_EQ(meter.counts().limited, 0U);
  const wire::Response refused = to.get("/v1/kv/default/a");
  EXPECT_EQ(refused.status, 429);
  EXPECT_TRUE(header(refused, "ratelimit").starts_with("\"sustained\";r=0;t="));
  EXPECT_EQ(meter.counts().spent, 6U);
  EXPECT_EQ(meter.counts().limited, 1U);
}

TEST_P(KvRoutesTest, AMapIsNoValue) {
  const RecordKey key(1, "web", "m");
  const auto make_map = [](Workspace& work) {
    work.put(0, {.kind = Record::Kind::map, .fields = {{"f", "1"}}});
    return true;
  };
  ASSERT_TRUE(wait(keyspace.edit({key}, make_map, {})));
  Client to = client();
  EXPECT_EQ(code_of(to.get("/v1/kv/web/m")), "wrong-type");
  EXPECT_EQ(code_of(send(to, "POST", "/v1/getdel/web/m")), "wrong-type");
  EXPECT_EQ(json_of(to.get("/v1/meta/web/m")).at("kind"), "map");
  EXPECT_EQ(send(to, "PUT", "/v1/kv/web/m", "1").status, 204);
}

TEST_P(KvRoutesTest, WithoutRecordsThereAreNoSuchRoutes) {
  options.keyspace = nullptr;
  options.doorkeeper = nullptr;
  Client to = client();
  EXPECT_EQ(code_of(to.get("/v1/kv/web/a")), "no-such-route");
  EXPECT_EQ(code_of(to.get("/cache/a")), "no-such-route");
}

}  // namespace
}  // namespace headrace::http
